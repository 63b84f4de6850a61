"""The gate's scripts on a real Redis, in any order of calls: the invariants of docs/design.md.

No test waits. Time passes by a shift of all that Redis holds: the ends of the leases, the expiry of the keys, the end of
the grace. The leases are so long that nothing else ends them.
"""

import json
from typing import Any, cast

import redis
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from streaming.gate.lease_scripts import STORE_KEYS
from streaming.store.keys import (
    DETAILS,
    GENERATION,
    SERVER_SET,
)
from streaming.store.scripts import Argument
from tests.streaming.gate.observed import (
    LEASE_MS,
    RUNS,
    SETS,
    any_data,
    maxima,
    memberships,
    note_members,
    shift,
    workers,
)
from tests.streaming.gate.script_model import Lease, ScriptModel


class Scripts(ScriptModel):
    """Calls of several workers, expiry, crashes and lost data."""

    @initialize(data=any_data)
    def first_viewers(self, data: st.DataObject) -> None:
        for _ in range(4):
            self.new_viewers(data.draw(workers), data.draw(memberships), 1, False)

    @rule(worker=workers, sets=memberships, many=maxima, after_grace=st.booleans())
    def new_viewers(self, worker: int, sets: tuple[str, ...], many: int, after_grace: bool) -> None:
        if after_grace:
            self.end_grace()
        for _ in range(many):
            lease = Lease(f"{worker}:{next(self.numbers)}", sets, worker)
            self.leases[lease.id] = lease
            self.acquire(lease, reentry=False)

    @precondition(lambda self: self.leases)
    @rule(data=any_data)
    def repeated_acquire(self, data: st.DataObject) -> None:
        for lease in self.some(data, self.owned):
            before, held = {key: self.observed.unexpired(key) for key in SETS}, lease.id in self.held
            self.acquire(lease, reentry=False)
            if held:  # Idempotence
                assert before == {key: self.observed.unexpired(key) for key in SETS}

    @precondition(lambda self: self.former)
    @rule(data=any_data, late=st.booleans())
    def former_holders_enter_again(self, data: st.DataObject, late: bool) -> None:
        if late:
            self.end_grace()
        for lease in self.some(data, self.former, 3):
            self.acquire(lease, reentry=True)
            self.former.discard(lease.id)

    @precondition(lambda self: self.leases)
    @rule(data=any_data)
    def renew(self, data: st.DataObject) -> None:
        leases = self.some(data, self.owned, 5)
        ends, oldest = self.observed.ends[SERVER_SET], self.observed.now - LEASE_MS
        there = {lease.id for lease in leases if self.is_there(lease) and ends[lease.id] > oldest}
        sets = list(dict.fromkeys(key for lease in leases for key in lease.sets)) or [SERVER_SET]
        positions = [[lease.id, *(sets.index(key) + 1 for key in lease.sets)] for lease in leases]
        arguments: list[Argument] = [LEASE_MS, LEASE_MS, LEASE_MS, 0, json.dumps(positions)]
        self.meet()
        _, _, _, *lost = self.run("gate/renew", [*STORE_KEYS, *sets], arguments)
        assert lost == [lease.id for lease in leases if lease.id not in there]
        assert not any(id in self.observed.ends[key] for id in lost for key in SETS)
        for lease in leases:
            (self.hold if lease.id in there else self.drop)(lease.id)

    @precondition(lambda self: self.leases)
    @rule(data=any_data, times=st.integers(1, 2))
    def release(self, data: st.DataObject, times: int) -> None:
        """Includes leases that are gone, an unknown id, and a repeated call."""
        ids = [lease.id for lease in self.some(data, self.owned, 3)]
        for _ in range(times):
            self.run("gate/release", [*STORE_KEYS, *SETS], [0, 0, json.dumps([*ids, "nobody"])])
        assert not any(id in self.observed.ends[key] for id in ids for key in SETS)
        for id in ids:
            self.drop(id)
            self.former.discard(id)

    @precondition(lambda self: self.leases)
    @rule(data=any_data)
    def describe(self, data: st.DataObject) -> None:
        for lease in self.some(data, self.leases):
            details = json.dumps({"id": lease.id, "quality": "high"})
            if lease.id in self.observed.details:
                lease.details = details
            self.run("gate/describe", [DETAILS], [lease.id, details])

    @precondition(lambda self: self.held)
    @rule(data=any_data)
    def lapse(self, data: st.DataObject) -> None:
        for lease in self.some(data, self.held, 3):
            for key in lease.sets:
                self.client.zadd(key, {lease.id: 1}, xx=True)
        note_members(self.client)
        self.see_who_lapsed()

    @precondition(lambda self: self.leases)
    @rule(leases=st.sampled_from([0.41, 0.41, 0.93, 2.1]))  # no sum is one lease, or the two of an expiry
    def time_passes(self, leases: float) -> None:
        shift(self.client, round(leases * LEASE_MS))
        self.see_who_lapsed()
        ready_at = float(self.client.hget(GENERATION, "ready_at") or 0)
        if self.generation == "recovering" and ready_at <= self.observed.now:
            self.generation = "open"

    @precondition(lambda self: self.held)
    @rule(worker=workers)
    def crash(self, worker: int) -> None:
        """A worker forgets its leases; they are free when they expire."""
        for lease in self.leases.values():
            if lease.owner == worker:
                lease.owner = None
                self.former.discard(lease.id)

    @rule(key=st.sampled_from(SETS), maximum=maxima)
    def change_limit(self, key: str, maximum: int) -> None:
        self.limits.change(key, maximum)

    @precondition(lambda self: self.held)
    @rule(grace=st.sampled_from([None, LEASE_MS, 0]))
    def lose_data(self, grace: int | None) -> None:
        """With a grace, a worker starts right afterwards. 0: it is the only one, and nobody has to wait."""
        self.client.flushall()
        self._observed = None
        self.former = {id for id in self.held if self.leases[id].owner is not None}
        self.held, self.lapsed, self.generation = set(), set(), "none"
        if grace is not None:
            self.generation = "recovering" if grace else "open"
            self.open_generation(grace)


def test_no_order_of_calls_lapses_crashes_and_losses_breaks_the_scripts(raw: "redis.Redis") -> None:
    run_state_machine_as_test(cast(Any, lambda: Scripts(raw)), settings=RUNS)
