"""The gate: how many streams may be watched at once, exact over every worker and host.

A *slot*, the right to one stream, is a lease: a member of one or more sets of limited size in Redis. The member's
score is the time at which the lease ends, by Redis's clock. No counter of streams exists that could drift. The
promises, each with its test in tests/streaming/gate:

- One Lua script admits a viewer to all these sets, or to none and says why.
- The id of a lease is made before the call, so a repeated acquire counts once.
- Each acquire is followed by a release of its id, in a task that no viewer can cancel.
- A worker renews only the leases of streams that make progress. If it cannot renew a lease, it ends the stream at
  the *fence*, a time before the lease ends and another viewer may enter.
- A Redis that lost leases admits former holders only, as long as any of them may still be streaming: after a
  restart, with the data of a replica, after an eviction, or when its clock has stepped forward.

While Redis is away or refuses, new viewers are refused and running streams go on until their fence.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from streaming.conf import Timing
from streaming.errors import GateUnavailableError, WaitExpiredError
from streaming.gate.heartbeat import Heartbeat
from streaming.gate.held_slots import HeldSlots
from streaming.gate.keeper import Keeper
from streaming.gate.lease_scripts import LeaseScripts, in_chunks, release_call
from streaming.gate.leases import PLAIN, Asking, Holder, Place, Rate, Slot, Terms, Usage
from streaming.gate.readings import read_usage
from streaming.gate.refusals import bandwidth, limit_reached, refusal, would_refuse
from streaming.gate.waiting_line import OnPlace, Waiter, WaitingLine
from streaming.store.keys import LINE
from streaming.store.scripts import Store, run_now

logger = logging.getLogger(__name__)

OnWait = Callable[[float], Awaitable[None]]  # gets the seconds that a new viewer has to wait
ReadTerms = Callable[[], Awaitable[Terms]]  # reads the terms that are in force now


async def tell_nobody(_: Place) -> None:
    pass


class Gate:
    """Admits the streams of one worker, under limits that all workers share. It acquires slots (rights to stream) in
    Redis, and starts the tasks that renew and release them."""

    def __init__(self, store: Store, timing: Timing, worker: str, renewals: Store | None = None) -> None:
        """`renewals`: a connection of its own for renewals, so that they never wait behind a rush of new viewers;
        None: they use `store`. The `on_connect` of both must be from `opening` of gate/readings.py, which checks
        for lost data. `worker`: this worker's id, unique among all workers."""
        self._store, self.worker, self._resume = store, worker, timing.resume
        scripts = LeaseScripts(store, renewals or store, timing, worker)
        self.held = HeldSlots(scripts, timing.fence)
        self.keeper = Keeper(scripts, self.held, timing.lease)
        self.heartbeat = Heartbeat(scripts, self.held, self.keeper, timing.heartbeat)
        self._wakes = Store(store.url)
        self.line = WaitingLine(scripts, self._wakes, worker)
        self._scripts = scripts
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self.heartbeat.run(), name="gate heartbeat"),
            asyncio.create_task(self.keeper.run(), name="gate keeper"),
            asyncio.create_task(self.line.keep(), name="waiting line"),
            asyncio.create_task(self.line.listen(), name="granted slots"),
        ]

    async def stop(self, seconds: float) -> None:
        """Release all slots of this worker, for `seconds` at most, and end the Gate's tasks. Does not end the streams.
        Slots that are not released by then become free when their leases expire."""
        for slot in self.held:
            self.keeper.give_back(slot)
        self.keeper.give_back_kept()
        try:
            async with asyncio.timeout(seconds):
                await self.keeper.until_released()
        except TimeoutError:
            left = len(self.keeper.returning)
            logger.warning("%d slots could not be given back; they are free when their leases end", left)
        for task in self._tasks:
            task.cancel()
        self.held.stop_timer()
        await self._wakes.close()

    def release_now(self, url: str) -> None:
        """Release all slots without an event loop, at the end of the process. `url`: of Redis. Tries once, and only
        logs a failure. Blocks for a second at most for each 500 slots, with Sentinels longer."""
        for chunk in in_chunks([*self.held, *self.keeper.kept, *self.keeper.returning]):
            run_now(url, "gate/release", *release_call(chunk, self._resume))

    def new_id(self) -> str:
        """Returns a new id for one viewer's stream, and for its lease once the stream is admitted."""
        return f"{self.worker}:{secrets.token_hex(8)}"

    def slot(
        self,
        holder: Holder,
        terms: Terms,
        on_wait: OnWait,
        id: str = "",
        read_terms: ReadTerms | None = None,
        asking: Asking = PLAIN,
        on_place: OnPlace = tell_nobody,
    ) -> "SlotContext":
        """Returns a context manager for a slot (the right to one stream): acquired on entry, released on exit.

        `id`: of the stream; empty: a new one. `on_wait` is awaited, with the seconds to wait, before each wait for
        a Redis that has lost data. `on_place` is awaited at each change of the viewer's place in the line for
        slots. `read_terms`, which may raise, is called after each wait, for Redis or in line; without it `terms`
        stay. `asking`: whether to wait in line, or take over a former stream's slot.

        Entering returns the Slot. The caller must call its `progressed` again and again, or the lease expires, and
        watch its `lost`: a loss does not end the context.

        Entering raises the LimitReachedError of the first limit that is reached (facts: retry_after in s, waiting,
        and in_use and limit, or mbps, max_mbps and expected_mbps), StoppedByAdministratorError while the user is
        blocked, or GateUnavailableError if Redis fails. If `asking.may_wait`, it may wait in line, for
        `asking.seconds` at most. After that time it raises WaitExpiredError if `asking.wait`, otherwise the error
        of the limit. With `asking.wait`, it raises LineFullError at once if the line is full.
        """
        slot = Slot(id or self.new_id(), holder, terms, asking=asking)
        return SlotContext(self, slot, on_wait, read_terms, on_place)

    async def reserve(self, slot: Slot, rate: Rate, budget: int) -> None:
        """Count a running stream with another bandwidth. The caller then puts `rate` into `slot.terms`.
        `budget`: kbit/s for all streams, 0: unlimited. Raises BandwidthReachedError if a higher rate exceeds the
        budget, or GateUnavailableError if Redis fails. After an error the rate in `slot.terms` counts, at the
        latest from the worker's next report on."""
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
        """Replace the details of a stream that administrators see. Stores them in Redis in the background."""
        self.keeper.describe(slot, holder)

    async def waiting(self) -> int:
        """Returns how many viewers of all workers wait in line for a slot. Raises GateUnavailableError if Redis
        fails."""
        return int(await self._store.call("ZCARD", LINE))

    async def usage(self) -> Usage:
        """Returns the streams that hold slots, and the reports of all workers. Raises GateUnavailableError if Redis
        fails."""
        return await read_usage(self._store)


class SlotContext:
    """Async context manager for a slot (the right to one stream): acquires it; after exit, the keeper releases it."""

    def __init__(
        self, gate: Gate, slot: Slot, on_wait: OnWait, read_terms: ReadTerms | None, on_place: OnPlace
    ) -> None:
        self._held, self._keeper, self._line, self._slot = gate.held, gate.keeper, gate.line, slot
        self._on_wait, self._read_terms, self._on_place = on_wait, read_terms, on_place
        self._asked_at, self._since = 0.0, time.time() * 1000

    async def __aenter__(self) -> Slot:
        self._asked_at = time.monotonic()
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
        slot, waiter = self._slot, None
        try:
            while True:
                outcome, facts = await self._held.acquire(slot)
                if outcome == "granted":
                    slot.in_use = facts[0]
                    slot.would_refuse = would_refuse(slot.terms, *facts[1:])
                    return
                if outcome not in ("recovering", "waits"):
                    raise refusal(slot.terms, outcome, facts)
                if waiter is None and slot.asking.may_wait:
                    waiter = self._line.enter(slot, self._on_place)
                if outcome == "recovering":
                    await self._wait_for_data(facts[0] / 1000)
                elif waiter is not None:
                    await self._wait_in_line(waiter, *facts)
                if self._read_terms is not None:
                    slot.terms = await self._read_terms()
        finally:
            if waiter is not None:
                self._line.leave(waiter)

    async def _wait_for_data(self, seconds: float) -> None:
        await self._on_wait(seconds)
        await asyncio.sleep(seconds + random.uniform(0, 0.2))  # noqa: S311 - spreads the new viewers

    async def _wait_in_line(self, waiter: Waiter, order: float, position: int, outcome: str, *facts: Any) -> None:
        """Wait in line until the viewer should ask for a slot again. `waiter`: their entry in the line. `order`: its
        sort key. `position`: from 1. `outcome` ("full" or "budget") and `facts`: the limit that holds them up.

        Raises WaitExpiredError `asking.seconds` after the context was entered. Without `asking.wait`, raises
        that limit's error then: such a viewer waits only for the end of the stream that they resume or replace.
        """
        slot, asking = self._slot, self._slot.asking
        slot.order = order
        error = limit_reached(slot.terms, outcome, facts)
        waiter.move(Place(position, facts[0], self._since, error))
        try:
            await waiter.wait(self._asked_at + asking.seconds)
        except TimeoutError:
            raise (WaitExpiredError() if asking.wait else error) from None
