"""The scripts that change leases, each as a method with named arguments.

Every method raises GateUnavailableError when Redis does not answer or refuses the script.
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from streaming.conf import Timing
from streaming.gate.leases import Rate, Slot
from streaming.store.keys import BLOCKS, DETAILS, EXPECTED, GENERATION, RATES, SERVER_SET, TOTALS
from streaming.store.scripts import Argument, Store

CHUNK = 500  # leases in one call
RELEASES = 25  # leases in one release: it removes each of them from the sets of all


class LeaseScripts:
    """Runs the scripts of one worker's gate."""

    def __init__(self, store: Store, renewals: Store, timing: Timing, worker: str) -> None:
        self._store, self._renewals, self._worker = store, renewals, worker
        self._lease_ms, self._grace_ms = round(timing.lease * 1000), round(timing.grace * 1000)
        self._candidate = secrets.token_hex(8)  # the token of a Redis that has no generation yet

    async def acquire(self, slot: Slot, *, reentry: bool) -> list[Any]:
        """Returns the answer of acquire.lua: outcome, generation, facts."""
        terms, block = slot.terms, BLOCKS + slot.holder.user_id
        keys = [GENERATION, DETAILS, RATES, EXPECTED, block, TOTALS, *(limit.key for limit in terms.limits)]
        arguments: list[Argument] = [
            slot.id,
            self._lease_ms,
            self._grace_ms,
            self._candidate,
            slot.holder.as_json(self._worker),
            int(reentry),
            f"[{','.join(f'[{limit.maximum},{limit.trial}]' for limit in terms.limits)}]",
        ]
        if terms.budget or terms.trial_budget:
            arguments += (terms.budget, terms.trial_budget, terms.rate.field, terms.rate.kbps)
        answer = await self._store.run("gate/acquire", keys, arguments)
        self._replace_candidate(answer[1])
        return answer

    async def renew(self, slots: Sequence[Slot]) -> tuple[str, list[str]]:
        """Returns the generation of Redis's data, and the ids of the leases that are gone."""
        sets = _set_keys(slots)
        position = {key: number for number, key in enumerate(sets, start=1)}
        leases = [[slot.id, *(position[limit.key] for limit in slot.limits)] for slot in slots]
        keys = [GENERATION, DETAILS, RATES, *sets]
        arguments: list[Argument] = [self._lease_ms, self._grace_ms, self._candidate, json.dumps(leases)]
        generation, *gone = await self._renewals.run("gate/renew", keys, arguments)
        self._replace_candidate(generation)
        return generation, gone

    async def release(self, slots: Sequence[Slot]) -> None:
        await self._store.run("gate/release", *release_call(slots))

    async def describe(self, slot: Slot) -> None:
        await self._store.run("gate/describe", [DETAILS], [slot.id, slot.holder.as_json(self._worker)])

    async def change_rate(self, slot: Slot, rate: Rate, budget: int) -> list[Any]:
        """Returns the answer of change_rate.lua: outcome, facts."""
        arguments: list[Argument] = [slot.id, budget, rate.field, rate.kbps]
        return await self._store.run("gate/change_rate", [RATES, EXPECTED, SERVER_SET], arguments)

    def _replace_candidate(self, generation: str) -> None:
        """A Redis that loses its data again must not get the same generation."""
        if generation == self._candidate:
            self._candidate = secrets.token_hex(8)


def release_call(slots: Sequence[Slot]) -> tuple[list[str], list[Argument]]:
    """Returns the keys and arguments of release.lua."""
    return [DETAILS, RATES, *_set_keys(slots)], [slot.id for slot in slots]


def in_chunks(slots: Sequence[Slot], size: int = CHUNK) -> Iterator[Sequence[Slot]]:
    for start in range(0, len(slots), size):
        yield slots[start : start + size]


def _set_keys(slots: Sequence[Slot]) -> list[str]:
    return list(dict.fromkeys(limit.key for slot in slots for limit in slot.limits))
