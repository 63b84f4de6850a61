"""The gate: how many streams may be watched at once, exact over every worker and host.

A *slot* is a lease: a member of one or more limited sets in Redis, with the time at which it ends by Redis's own clock.
No counter exists that could drift. Promises, each with its test in tests/streaming/gate/test_slots.py:

- Admission is one Lua script: below every limit, in all sets; or in none, with the facts.
- A lease id is made before the call, so a repeated acquire, or one whose reply was lost, counts once.
- Each acquire is followed by a release of its id, however the holder ended, by a task that nobody cancels.
- A worker renews its leases together, but only those whose viewing makes progress. A holder that could not renew
  gives up (`fence`) before the lease ends and another may enter.
- Redis that has lost its data, or has started anew with what its disk kept, admits former holders only, for as long as
  any of them may still be streaming.

Redis away, or refusing: newcomers are refused, running streams go on until their fence.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from streaming.conf import Timing
from streaming.errors import GateUnavailableError
from streaming.gate.leases import Holder, Rate, Slot, Terms, Usage, lease_clock
from streaming.gate.readings import read_usage
from streaming.gate.refusals import bandwidth, refusal, tried
from streaming.store.keys import BLOCKS, DETAILS, EXPECTED, GENERATION, RATES, SERVER_SET, TOTALS
from streaming.store.scripts import Argument, Store, run_now

logger = logging.getLogger(__name__)

CHUNK = 500  # leases in one call
RETRY = 0.5  # seconds between two tries of a call that failed
FORGET = 1.0  # seconds after which a release is repeated when the acquire's reply was lost: the two may overtake

Waiting = Callable[[float], Awaitable[None]]  # told how many seconds a newcomer has to wait
Asked = Callable[[], Awaitable[Terms]]  # for the terms that are in force now


class Gate:
    """This worker's side of the gate: takes, renews and gives back the slots of its viewings."""

    def __init__(self, store: Store, timing: Timing, worker: str, renewals: Store | None = None) -> None:
        """`renewals`: a connection of their own, so that no rush of newcomers stands before them. Both stores have `opening`
        as their `on_connect`."""
        self._store, self._renewals, self._timing, self.worker = store, renewals or store, timing, worker
        self._lease_ms, self._grace_ms = round(timing.lease * 1000), round(timing.grace * 1000)
        self._generation = ""
        self._candidate = secrets.token_hex(8)  # of the generation, where Redis has none
        self._held: dict[str, Slot] = {}
        self._returning: dict[str, tuple[Slot, float]] = {}  # slot, time.monotonic() when its lease has ended anyway
        self._fence: asyncio.TimerHandle | None = None  # the earliest
        self._wake = asyncio.Event()
        self._returned = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # Life: start, hold slots, stop.

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._beat_forever(), name="gate heartbeat"),
            asyncio.create_task(self._keep_forever(), name="gate keeper"),
        ]

    async def stop(self, seconds: float) -> None:
        """Give back what is held, for `seconds` at most; what is left lapses with its lease."""
        for slot in list(self._held.values()):
            self._give_back(slot)
        try:
            async with asyncio.timeout(seconds):
                while self._returning:
                    self._returned.clear()
                    await self._returned.wait()
        except (TimeoutError, GateUnavailableError):
            logger.warning(
                "%d slots could not be given back; they are free when their leases end", len(self._returning)
            )
        for task in self._tasks:
            task.cancel()
        if self._fence is not None:
            self._fence.cancel()

    def release_now(self, url: str) -> None:
        """At the end of a process whose loop is gone: give back all slots, once, without waiting for more than that."""
        slots = [*self._held.values(), *(slot for slot, _ in self._returning.values())]
        for chunk in _chunks(slots):
            run_now(url, "gate/release", [DETAILS, RATES, *_keys(chunk)], [slot.id for slot in chunk])

    # A slot: acquired, held, given back.

    def new_id(self) -> str:
        """Of a viewing and, once it is admitted, of its lease."""
        return f"{self.worker}:{secrets.token_hex(8)}"

    def slot(
        self, holder: Holder, terms: Terms, on_wait: Waiting, id: str = "", ask: Asked | None = None
    ) -> "SlotContext":
        """Hold a slot in every limited set while an `async with` lasts. A newcomer who had to wait goes by what `ask`
        says then, and what it raises. Raises what stands against it: the refusal of the
        first set that is full, a LimitReachedError with in_use, limit and retry_after (s), BandwidthReachedError,
        StoppedByAdministratorError while the user is blocked, or GateUnavailableError."""
        return SlotContext(self, Slot(id or self.new_id(), holder, terms), on_wait, ask)

    async def _admit(self, slot: Slot, on_wait: Waiting, ask: Asked | None) -> None:
        while True:
            outcome, *facts = await self._acquire(slot, reentry=False)
            if outcome == "granted":
                slot.in_use = facts[1]
                slot.would_refuse = tried(slot.terms, *facts[2:])
                return
            if outcome != "wait":
                raise refusal(slot.terms, outcome, facts[1:])
            seconds = facts[1] / 1000
            await on_wait(seconds)
            await asyncio.sleep(seconds + random.uniform(0, 0.2))  # noqa: S311 - spreads the newcomers
            if ask is not None:
                slot.terms = await ask()

    async def _acquire(self, slot: Slot, *, reentry: bool) -> list[Any]:
        sent_at, terms = lease_clock(), slot.terms
        block = BLOCKS + slot.holder.user_id
        keys = [GENERATION, DETAILS, RATES, EXPECTED, block, TOTALS, *(limit.key for limit in terms.limits)]
        arguments: list[Argument] = [
            slot.id,
            self._lease_ms,
            self._grace_ms,
            self._candidate,
            slot.holder.as_json(self.worker),
            int(reentry),
        ]
        for limit in terms.limits:
            arguments += (limit.maximum, limit.trial)
        if terms.budget or terms.trial_budget:
            arguments += (terms.budget, terms.trial_budget, terms.rate.field, terms.rate.kbps)
        # Cancelled, or failed, before the answer is here: Redis may or may not hold the lease then.
        slot.reply_lost = True
        answer = await self._store.run("gate/acquire", keys, arguments)
        slot.reply_lost = False
        self._generation = self._generation or answer[1]
        self._used(answer[1])
        if answer[0] == "granted":
            self._held[slot.id] = slot
            self._renewed(slot, sent_at)
        return answer

    async def reserve(self, slot: Slot, rate: Rate, budget: int) -> None:
        """Count a stream with another rate from now on. The slot's terms are the caller's to
        change. Raises BandwidthReachedError where the budget (kbit/s, 0: any) has no room for it, or
        GateUnavailableError; then it is counted as before."""
        outcome, *facts = await self._store.run(
            "gate/change_rate", [RATES, EXPECTED, SERVER_SET], [slot.id, budget, rate.field, rate.kbps]
        )
        if outcome == "budget":
            raise bandwidth(facts)

    def _used(self, generation: str) -> None:
        """A Redis that loses its data again must not get the same generation."""
        if generation == self._candidate:
            self._candidate = secrets.token_hex(8)

    def _renewed(self, slot: Slot, sent_at: float) -> None:
        """The lease runs from some moment after `sent_at`: counting from there, this side always gives up first."""
        slot.fence_at = sent_at + self._timing.fence
        if self._fence is None:  # else it waits for an earlier one
            self._watch_fence(slot.fence_at)

    def _watch_fence(self, at: float) -> None:
        self._fence = asyncio.get_running_loop().call_later(at - lease_clock(), self._lose_overdue)

    def _lose_overdue(self) -> None:
        self._fence, now = None, lease_clock()
        for slot in [slot for slot in self._held.values() if slot.fence_at <= now]:
            self._lose(slot)
        if self._held:
            self._watch_fence(min(slot.fence_at for slot in self._held.values()))

    def _lose(self, slot: Slot) -> None:
        self._held.pop(slot.id, None)
        slot.lost.set()

    def describe(self, slot: Slot, holder: Holder) -> None:
        """Change what the administrator sees of a slot."""
        slot.holder = holder
        slot.described = False
        self._wake.set()

    def _give_back(self, slot: Slot) -> None:
        self._held.pop(slot.id, None)
        self._returning[slot.id] = (slot, time.monotonic() + self._timing.lease)
        self._wake.set()

    # The keeper: releases and descriptions between two heartbeats.

    async def _keep_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._release_returning()
                await self._describe_held()
            except GateUnavailableError:
                self._wake_later(RETRY)
            except Exception:
                logger.exception("The gate's keeper failed; it tries again")
                self._wake_later(RETRY)

    def _wake_later(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._wake.set)

    async def _release_returning(self) -> None:
        now = time.monotonic()
        self._returning = {id: (slot, until) for id, (slot, until) in self._returning.items() if until > now}
        for chunk in _chunks([slot for slot, _ in self._returning.values()]):
            await self._store.run("gate/release", [DETAILS, RATES, *_keys(chunk)], [slot.id for slot in chunk])
            for slot in chunk:
                self._finish_release(slot)
        self._returned.set()

    def _finish_release(self, slot: Slot) -> None:
        if slot.reply_lost:  # an acquire still on its way may arrive after this release: once more, a little later
            asyncio.get_running_loop().call_later(FORGET, self._settle, slot)
        else:
            self._returning.pop(slot.id, None)

    def _settle(self, slot: Slot) -> None:
        slot.reply_lost = False
        self._wake.set()

    async def _describe_held(self) -> None:
        changed = [slot for slot in self._held.values() if not slot.described]
        for slot in changed:
            await self._store.run("gate/describe", [DETAILS], [slot.id, slot.holder.as_json(self.worker)])
            slot.described = True

    # The heartbeat: renewals.

    async def _beat_forever(self) -> None:
        complaint = ""
        while True:
            try:
                await self._renew()
                if complaint:
                    logger.warning("Redis answers again")
                complaint = ""
                await asyncio.sleep(self._timing.heartbeat * random.uniform(0.8, 1.0))  # noqa: S311 - jitter
            except GateUnavailableError as error:  # refused or unanswered: the fence is not moved
                if complaint != str(error.complaint):
                    said = error.complaint.in_full
                    logger.warning("Running streams go on until their leases must be given up. %s", said)
                complaint = str(error.complaint)
                await asyncio.sleep(RETRY)
            except Exception:
                logger.exception("The gate's heartbeat failed; it tries again")
                await asyncio.sleep(RETRY)

    async def _renew(self) -> None:
        now = time.monotonic()
        due = [slot for slot in self._held.values() if slot.progress_until > now]
        for chunk in _chunks(due) or [[]]:
            sent_at = lease_clock()
            keys, arguments = self._renewal(chunk)
            generation, *lost = await self._renewals.run("gate/renew", keys, arguments)
            self._used(generation)
            emptied = bool(self._generation) and generation != self._generation
            for slot in chunk:
                if slot.id not in self._held:
                    continue  # given back, or given up, meanwhile
                if slot.id not in lost:
                    self._renewed(slot, sent_at)
                elif not (emptied and await self._reenter(slot)):
                    self._lose(slot)
        # Only now: each chunk must see the change, and had a call failed between two, the next beat must see it again.
        self._generation = generation

    async def _reenter(self, slot: Slot) -> bool:
        """Take back, by admission, the place of a stream that runs while Redis has lost its data."""
        if lease_clock() >= slot.fence_at:
            return False
        outcome, *_ = await self._acquire(slot, reentry=True)
        return bool(outcome == "granted")

    def _renewal(self, slots: Sequence[Slot]) -> tuple[list[str], list[Argument]]:
        sets = _keys(slots)
        position = {key: str(number) for number, key in enumerate(sets, start=1)}
        arguments: list[Argument] = [self._lease_ms, self._grace_ms, self._candidate]
        for slot in slots:
            arguments += [slot.id, ",".join(position[limit.key] for limit in slot.limits)]
        return [GENERATION, DETAILS, RATES, *sets], arguments

    async def usage(self) -> Usage:
        """Raises GateUnavailableError."""
        return await read_usage(self._store)


class SlotContext:
    """The way into a slot and out of it."""

    def __init__(self, gate: Gate, slot: Slot, on_wait: Waiting, ask: Asked | None) -> None:
        self._gate, self._slot, self._on_wait, self._ask = gate, slot, on_wait, ask

    async def __aenter__(self) -> Slot:
        try:
            await self._gate._admit(self._slot, self._on_wait, self._ask)
        except BaseException:
            self._gate._give_back(self._slot)
            raise
        return self._slot

    async def __aexit__(self, *_: object) -> None:
        # No await here: nothing can cancel it. The keeper releases the id, whatever became of the acquire.
        self._gate._give_back(self._slot)


def _keys(slots: Sequence[Slot]) -> list[str]:
    return list(dict.fromkeys(limit.key for slot in slots for limit in slot.limits))


def _chunks(slots: Sequence[Slot]) -> list[Sequence[Slot]]:
    return [slots[start : start + CHUNK] for start in range(0, len(slots), CHUNK)]
