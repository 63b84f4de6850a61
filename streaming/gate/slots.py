"""The gate: how many streams may be watched at once, exact over every worker and host.

A *slot* is a lease: a member of one or more limited sets in Redis, scored by its end in Redis's own time. No counter exists
that could drift. The promises, each with its test in tests/streaming/gate:

- One Lua script admits a viewer to all limited sets, or to none and says why.
- The id of a lease is made before the call, so a repeated acquire counts once.
- Each acquire is followed by a release of its id, in a task that no viewer can cancel.
- A worker renews only the leases of viewings that make progress. A holder that could not renew gives up at its fence,
  before the lease ends and another viewer may enter.
- A Redis that lost leases admits former holders only, as long as any of them may still be streaming: after a restart, with
  the data of a replica, after an eviction, or when its clock has stepped forward.

While Redis is away or refuses, new viewers are refused and running streams go on until their fence.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Awaitable, Callable

from streaming.conf import Timing
from streaming.errors import GateUnavailableError
from streaming.gate.heartbeat import Heartbeat
from streaming.gate.held_slots import HeldSlots
from streaming.gate.keeper import Keeper
from streaming.gate.lease_scripts import LeaseScripts, in_chunks, release_call
from streaming.gate.leases import Holder, Rate, Slot, Terms, Usage
from streaming.gate.readings import read_usage
from streaming.gate.refusals import bandwidth, refusal, would_refuse
from streaming.store.scripts import Store, run_now

logger = logging.getLogger(__name__)

OnWait = Callable[[float], Awaitable[None]]  # gets the seconds that a new viewer has to wait
ReadTerms = Callable[[], Awaitable[Terms]]  # reads the terms that are in force now


class Gate:
    """This worker's side of the gate: acquires the slots of its viewings, and starts what renews and releases them."""

    def __init__(self, store: Store, timing: Timing, worker: str, renewals: Store | None = None) -> None:
        """`renewals`: a connection of their own, so that they never wait behind a rush of new viewers. Both stores have
        `opening` as their `on_connect`."""
        self._store, self.worker = store, worker
        scripts = LeaseScripts(store, renewals or store, timing, worker)
        self.held = HeldSlots(scripts, timing.fence)
        self.keeper = Keeper(scripts, self.held, timing.lease)
        self.heartbeat = Heartbeat(scripts, self.held, self.keeper, timing.heartbeat)
        self._scripts = scripts
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self.heartbeat.run(), name="gate heartbeat"),
            asyncio.create_task(self.keeper.run(), name="gate keeper"),
        ]

    async def stop(self, seconds: float) -> None:
        """Give back all slots, for `seconds` at most; the others are free when their leases end."""
        for slot in self.held:
            self.keeper.give_back(slot)
        try:
            async with asyncio.timeout(seconds):
                await self.keeper.until_released()
        except TimeoutError:
            left = len(self.keeper.returning)
            logger.warning("%d slots could not be given back; they are free when their leases end", left)
        for task in self._tasks:
            task.cancel()
        self.held.stop_timer()

    def release_now(self, url: str) -> None:
        """Release all slots at the end of a process whose loop is gone. Tries once, and blocks for a second at most."""
        for chunk in in_chunks([*self.held, *self.keeper.returning]):
            run_now(url, "gate/release", *release_call(chunk))

    def new_id(self) -> str:
        """Returns the id of a new viewing, and of its lease once it is admitted."""
        return f"{self.worker}:{secrets.token_hex(8)}"

    def slot(
        self, holder: Holder, terms: Terms, on_wait: OnWait, id: str = "", read_terms: ReadTerms | None = None
    ) -> "SlotContext":
        """Returns the context that holds a slot in every limited set.

        `on_wait` is awaited before each wait for a Redis without data. `read_terms`, which may raise, is called after it.
        Entering raises LimitReachedError of the first set that is full (in_use, limit, retry_after in s),
        BandwidthReachedError, StoppedByAdministratorError while the user is blocked, or GateUnavailableError.
        """
        return SlotContext(self.held, self.keeper, Slot(id or self.new_id(), holder, terms), on_wait, read_terms)

    async def reserve(self, slot: Slot, rate: Rate, budget: int) -> None:
        """Count a stream with another rate; the caller changes the slot's terms. `budget` is in kbit/s, 0: unlimited.
        Raises BandwidthReachedError if the rate exceeds the budget, or GateUnavailableError; the old rate stays then."""
        slot.rate_changes = number = slot.rate_changes + 1
        try:
            outcome, *facts = await self._scripts.change_rate(slot, rate, budget, number)
        except GateUnavailableError:
            # The next report has the old rate. A call that arrives after it must change nothing.
            slot.rate_changes = number = slot.rate_changes + 1
            raise
        finally:
            slot.rate_change = number
        if outcome == "budget":
            raise bandwidth(facts)

    def describe(self, slot: Slot, holder: Holder) -> None:
        """Change what the administrator sees of a slot."""
        self.keeper.describe(slot, holder)

    async def usage(self) -> Usage:
        """Raises GateUnavailableError."""
        return await read_usage(self._store)


class SlotContext:
    """Acquires a slot on entry and gives it back on exit."""

    def __init__(
        self, held: HeldSlots, keeper: Keeper, slot: Slot, on_wait: OnWait, read_terms: ReadTerms | None
    ) -> None:
        self._held, self._keeper, self._slot, self._on_wait, self._read_terms = held, keeper, slot, on_wait, read_terms

    async def __aenter__(self) -> Slot:
        try:
            await self._admit()
        except BaseException:
            self._keeper.give_back(self._slot)
            raise
        return self._slot

    async def __aexit__(self, *_: object) -> None:
        # No await here, so nothing can cancel it. The keeper releases the id, with or without a reply to the acquire.
        self._keeper.give_back(self._slot)

    async def _admit(self) -> None:
        slot = self._slot
        while True:
            outcome, facts = await self._held.acquire(slot)
            if outcome == "granted":
                slot.in_use = facts[0]
                slot.would_refuse = would_refuse(slot.terms, *facts[1:])
                return
            if outcome != "wait":
                raise refusal(slot.terms, outcome, facts)
            seconds = facts[0] / 1000
            await self._on_wait(seconds)
            await asyncio.sleep(seconds + random.uniform(0, 0.2))  # noqa: S311 - spreads the new viewers
            if self._read_terms is not None:
                slot.terms = await self._read_terms()
