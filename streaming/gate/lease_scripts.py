"""The Lua scripts that change leases in Redis, each as a method with named arguments.

A lease is the time-limited right to one stream. Every method of LeaseScripts that runs a script raises
GateUnavailableError when Redis does not answer or refuses the script.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from streaming.conf import Timing
from streaming.gate.leases import Rate, Slot, lease_clock
from streaming.store.keys import (
    BLOCKS,
    DETAILS,
    EXPECTED,
    GENERATION,
    LINE,
    ORDERS,
    RATE_CHANGES,
    RATES,
    SERVER_SET,
    TOTALS,
)
from streaming.store.scripts import Argument, Store

CHUNK = 500  # leases in one call
RELEASES = 25  # leases in one release: it removes each of them from the sets of all
LATE_REPORT = 60_000  # ms after a change of a rate in which a report with the old rate may still arrive
STORE_KEYS = (
    GENERATION,
    DETAILS,
    RATES,
    EXPECTED,
    TOTALS,
    LINE,
)  # the first keys of each script that admits or releases
TICKET_LIFE = 5_000  # ms for which a ticket, an entry in the line, counts without being renewed
LOOK = 500  # ms between two looks, of all workers, for slots that became free unnoticed
MIN_TOLERANCE = 1.0  # seconds by which Redis's clock may be ahead of what is expected: a call may take that long


class LeaseScripts:
    """Runs the Lua scripts with which one worker process acquires, renews and releases leases for streams in Redis."""

    def __init__(self, store: Store, renewals: Store, timing: Timing, worker: str) -> None:
        """`renewals`: the connection for `renew`; all other scripts run on `store`. `worker`: the worker's id."""
        self._store, self._renewals, self._worker = store, renewals, worker
        self._lease_ms, self._grace_ms = round(timing.lease * 1000), round(timing.grace * 1000)
        self._resume = timing.resume
        self._tolerance_ms = 1000 * max(timing.lease - timing.fence, MIN_TOLERANCE)
        self._ahead_ms: float | None = None  # Redis's clock minus lease_clock()
        self._longest_grace_ms, self._longest_until = self._grace_ms, 0.0  # of all workers; lease_clock()

    async def acquire(self, slot: Slot, *, reentry: bool) -> list[Any]:
        """Ask Redis for the lease of a slot (the right to one stream). Returns [outcome, generation, *facts].

        The outcome is "granted", "waits" (in line for a slot), "recovering" (Redis, from a loss of data),
        or a refusal: "full", "budget", "line_full", "blocked", or "lost" (too late for a re-entry). The facts are the
        values that acquire.lua lists for it, such as the streams in use. The generation is an id that changes when
        Redis loses data. `reentry`: the worker held this lease before such a loss.
        """
        limits = slot.terms.limits
        keys = [*STORE_KEYS, BLOCKS + slot.holder.user_id, *[limit.key for limit in limits]]
        arguments: list[Argument] = [
            slot.id,
            self._lease_ms,
            self._longest_grace_ms,
            self._latest_ms(),
            slot.holder.as_json(self._worker),
            int(reentry),
            str([limit.maximum for limit in limits]),
        ]
        if options := self._options(slot, reentry=reentry):
            arguments.append(json.dumps(options))
        sent_at = lease_clock()
        answer = await self._store.run("gate/acquire", keys, arguments)
        if answer[0] == "recovering":  # perhaps because Redis's clock has stepped: that must not begin another grace
            self._ahead_ms = answer[3] - sent_at * 1000
        return answer

    def _options(self, slot: Slot, *, reentry: bool) -> dict[str, Any]:
        """Returns the optional settings of acquire.lua, the script that acquires a lease; empty if none is needed.

        They are the limits of a dry run, the bandwidth budget, and how the viewer may wait in line for a slot.
        """
        terms, may_wait = slot.terms, slot.asking.may_wait and not reentry
        options: dict[str, Any] = {}
        if any(limit.trial for limit in terms.limits):
            options["trials"] = [limit.trial for limit in terms.limits]
        if terms.budget or terms.trial_budget or may_wait:
            options |= {"budget": terms.budget, "trial_budget": terms.trial_budget}
            options |= {"field": terms.rate.field, "estimate": terms.rate.kbps}
        return options | self._ways_to_wait(slot) if may_wait else options

    def _ways_to_wait(self, slot: Slot) -> dict[str, Any]:
        asking = slot.asking
        wait = {
            "worker": self._worker,
            "class": asking.kind,
            "most": asking.most,
            "life": TICKET_LIFE,
            "since": slot.holder.since,
        }
        if slot.order:
            wait["order"] = slot.order
        options: dict[str, Any] = {"wait": wait} if asking.wait else {}
        if asking.resume:
            options["resume"] = asking.resume
        elif asking.replace:
            options["replace"] = asking.replace
        if asking.resume or asking.replace:
            options |= {"replacing": wait, "orders": ORDERS}
        return options

    async def keep_waiting(self, ids: Sequence[str]) -> tuple[int, list[Any]]:
        """Renew the entries of this worker's viewers, with these `ids`, in the line of those who wait for a slot.
        Call it again within 5 s, or Redis removes the entries. At most every 0.5 s, over all workers, a call also
        grants slots that became free unnoticed, such as by a raised limit.

        Returns how many viewers of all workers wait, and a row for each of `ids` that is still in line: id, order
        (sort key, as text), position (from 1), key of the limit that refuses the viewer, and the leases that count
        against this limit (0 for a bandwidth limit). A viewer without a row must call `acquire` again: they were
        granted a slot, or their entry is gone.
        """
        waiting, tickets = await self._store.run(
            "gate/keep_waiting", [*STORE_KEYS, SERVER_SET], [TICKET_LIFE, LOOK, self._latest_ms(), json.dumps(ids)]
        )
        return waiting, tickets

    async def abandon(self, slot: Slot, seconds: float) -> None:
        """Let the lease of a viewer who has lost their connection expire `seconds` from now. Until then they may take
        it again."""
        await self._store.run("gate/abandon", [LINE, *_set_keys([slot])], [slot.id, round(seconds * 1000)])

    async def renew(self, slots: Sequence[Slot]) -> tuple[str, list[str]]:
        """Renew leases. Returns the generation (an id that changes when Redis loses data), and the ids of the leases
        that Redis does not have any more."""
        sets = _set_keys(slots) or [SERVER_SET]
        position = {key: number for number, key in enumerate(sets, start=1)}
        leases = [[slot.id, *(position[limit.key] for limit in slot.limits)] for slot in slots]
        keys = [*STORE_KEYS, *sets]
        arguments: list[Argument] = [self._lease_ms, self._grace_ms, self._longest_grace_ms, self._latest_ms()]
        sent_at = lease_clock()
        generation, now, grace, *gone = await self._renewals.run("gate/renew", keys, [*arguments, json.dumps(leases)])
        self._ahead_ms = now - sent_at * 1000
        if grace >= self._longest_grace_ms or sent_at > self._longest_until:
            self._longest_grace_ms, self._longest_until = grace, sent_at + 2 * grace / 1000
        return generation, gone

    async def release(self, slots: Sequence[Slot]) -> None:
        await self._store.run("gate/release", *release_call(slots, self._resume, self._latest_ms()))

    async def describe(self, slot: Slot) -> None:
        """Replace the details of the slot's holder, which administrators see. Does nothing if the lease is gone."""
        await self._store.run("gate/describe", [DETAILS], [slot.id, slot.holder.as_json(self._worker)])

    async def change_rate(self, slot: Slot, rate: Rate, budget: int, number: int) -> list[Any]:
        """Count a stream with another bandwidth. `budget`: kbit/s for all streams, 0: unlimited. Returns
        ["granted"]. If a higher rate does not fit into the budget, changes nothing and returns ["budget", kbit/s in
        use, budget, kbit/s expected of this stream].

        `number` counts the changes of this slot's rate. Redis ignores a change that arrives after a newer one, or
        when the lease is gone, but the answer is ["granted"], too.
        """
        keys = [GENERATION, RATES, EXPECTED, SERVER_SET, DETAILS, TOTALS, RATE_CHANGES + slot.id]
        arguments: list[Argument] = [slot.id, budget, rate.field, rate.kbps, number, LATE_REPORT]
        return await self._store.run("gate/change_rate", keys, arguments)

    def _latest_ms(self) -> int:
        """Returns the latest time (Unix ms) that Redis's clock may show now, 0 if unknown. A later time means that the
        clock has stepped forward, so leases end while their holders still stream."""
        return 0 if self._ahead_ms is None else round(self._ahead_ms + lease_clock() * 1000 + self._tolerance_ms)


def release_call(slots: Sequence[Slot], resume: float, latest_ms: int = 0) -> tuple[list[str], list[Argument]]:
    """Returns the keys and arguments of release.lua. It removes leases, and entries from the waiting line. `slots`:
    500 at most. `resume`: seconds in which their viewers may come back: to the front of the line, or to their
    position in it if they were still waiting; 0: they may not. `latest_ms`: see `_latest_ms`; 0: unknown."""
    return [*STORE_KEYS, *_set_keys(slots)], [round(resume * 1000), latest_ms, json.dumps([slot.id for slot in slots])]


def in_chunks(slots: Sequence[Slot], size: int = CHUNK) -> Iterator[Sequence[Slot]]:
    for start in range(0, len(slots), size):
        yield slots[start : start + size]


def _set_keys(slots: Sequence[Slot]) -> list[str]:
    return list(dict.fromkeys(limit.key for slot in slots for limit in slot.limits))
