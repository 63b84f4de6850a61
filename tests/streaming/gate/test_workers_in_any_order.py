"""Gates of several workers on a real Redis, with lost and late calls in any order: the invariants of docs/design.md."""

import itertools
import time
from typing import Any, cast

import pytest
import redis
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from streaming.errors import LimitReachedError
from streaming.gate.leases import Holder, Limit, Terms
from streaming.store.keys import GENERATION, SERVER_SET
from tests.servers import RedisServer
from tests.streaming.gate.observed import (
    LEASE_MS,
    RUNS,
    Observed,
    any_data,
    maxima,
    note_members,
    workers,
)
from tests.streaming.gate.workers_model import RecoveringError, SteppedClock, Visit, WorkersModel, ids_of_returning

faults = st.sampled_from(["", "", "", "call lost", "call late", "reply lost"])


class Visits(WorkersModel):
    """Viewers come and go while calls are lost, workers crash and Redis loses its data."""

    @initialize()
    def first_viewers(self) -> None:
        self.end_grace()
        for number in (0, 0, 1):
            self.do(self.gates[number].heartbeat.renew)
            self.enter(number, "", False)

    @rule(number=workers)
    def visit_with_late_acquire(self, number: int) -> None:
        """The viewer gives up without a reply, and the release arrives before the acquire."""
        self.enter(number, "call late", True)
        self.do(self.gates[number].keeper.release)

    @rule(number=workers, fault=faults, after_grace=st.booleans())
    def enter(self, number: int, fault: str, after_grace: bool) -> None:
        if after_grace:
            self.end_grace()
        gate, limit = self.gates[number], self.limits.now[SERVER_SET]
        holder = Holder("Ada", "Yard", "1", "low", "127.0.0.1", 0)

        async def wait(seconds: float) -> None:
            raise RecoveringError

        async def come() -> None:
            context = gate.slot(holder, Terms((Limit(SERVER_SET, limit),)), wait)
            slot = await context.__aenter__()
            slot.progressed(LEASE_MS)
            self.visits.append(Visit(slot, gate, context, self.limits.step))

        try:
            self.do(come, fault)
        except LimitReachedError as error:
            assert int(str(error.facts["in_use"])) >= limit == error.facts["limit"]
        except RecoveringError:
            assert self.is_recovering

    @precondition(lambda self: self.visits)
    @rule(data=any_data)
    def leave(self, data: st.DataObject) -> None:
        self.depart(data.draw(st.sampled_from(self.visits)))

    @rule(number=workers, fault=faults, after=st.integers(0, 2))
    def heartbeat(self, number: int, fault: str, after: int) -> None:
        gate, before = self.gates[number], Observed(self.client).ends[SERVER_SET]
        mine = [visit.slot for visit in self.visits if visit.gate is gate and not visit.slot.lost.is_set()]
        moving = [slot for slot in mine if slot.progress_until > time.monotonic()]
        missing = [slot for slot in moving if slot.id not in before]
        room = min((slot.limits[0].maximum for slot in moving), default=0) - len(before)
        displaced = self.is_recovering or self.is_loss_unknown
        emptied = displaced and all(slot.id in self.displaced for slot in missing)
        self.beat(gate, fault, after)
        ends = Observed(self.client).ends[SERVER_SET]
        for slot in mine:
            if slot not in moving:  # Progress
                assert ends.get(slot.id) == before.get(slot.id)
        if emptied and len(missing) <= room:  # holders from before the loss of data keep their slots
            assert not any(slot.lost.is_set() for slot in moving)

    @rule(number=workers, fault=faults)
    def keeper(self, number: int, fault: str) -> None:
        self.do(self.gates[number].keeper.release, fault)

    @rule()
    def second_passes(self) -> None:
        self.pass_second()

    @precondition(lambda self: self.visits)
    @rule(data=any_data, seconds=st.sampled_from([0, LEASE_MS]))
    def progress(self, data: st.DataObject, seconds: int) -> None:
        data.draw(st.sampled_from(self.visits)).slot.progressed(seconds)

    @precondition(lambda self: self.visits)
    @rule(data=any_data)
    def fence(self, data: st.DataObject) -> None:
        visit = data.draw(st.sampled_from(self.visits))
        visit.gate.held.lose(visit.slot)

    @rule(data=any_data)
    def lapse(self, data: st.DataObject) -> None:
        members = sorted(cast(list[str], self.client.zrange(SERVER_SET, 0, -1)))
        if members:
            id = data.draw(st.sampled_from(members))
            self.client.zadd(SERVER_SET, {id: 1}, xx=True)
            note_members(self.client)
            for visit in self.visits:
                if visit.slot.id == id:  # its holder passed the fence long before
                    visit.gate.held.lose(visit.slot)

    @rule(number=workers)
    def crash(self, number: int) -> None:
        gate = self.gates[number]
        left = [visit for visit in self.visits if visit.gate is gate]
        self.orphans |= {visit.slot.id for visit in left} | ids_of_returning(gate)
        for visit in left:
            self.visits.remove(visit)
            visit.slot.lost.set()
        self.gates[number] = self.new_gate(number)

    @rule(maximum=maxima)
    def change_limit(self, maximum: int) -> None:
        self.limits.change(SERVER_SET, maximum)


class Workers(Visits):
    """Redis also loses its data or a part of it, and its clock steps."""

    @precondition(lambda self: self.visits)
    @rule()
    def lose_data(self) -> None:
        self.lose_leases()
        self.client.flushall()
        self.store.late.clear()  # their connections ended with the data

    @rule(fault=faults, after=st.integers(0, 2))
    def lose_data_and_come_back(self, fault: str, after: int) -> None:
        self.lose_data()
        for number in (0, 0, 1, 2):
            self.heartbeat(number, fault, after)
            fault = ""

    @precondition(lambda self: self.visits)
    @rule()
    def evict(self) -> None:
        self.lose_leases()
        self.client.delete(SERVER_SET)

    @precondition(lambda self: self.visits)
    @rule()
    def clock_steps_forward(self) -> None:
        self.lose_leases()
        self.step_clock(2 * LEASE_MS // 1000 + 1)
        self.store.late.clear()  # they come within seconds

    @precondition(lambda self: self.visits)
    @rule()
    def clock_steps_back(self) -> None:
        self.step_clock(-3_600)
        for gate in self.gates:
            self.beat(gate)
        observed = Observed(self.client)
        assert all(end <= observed.now + 2 * LEASE_MS for end in observed.ends[SERVER_SET].values())

    @rule()
    def save(self) -> None:
        self.snapshot = {
            "leases": dict(cast(Any, self.client.zrange(SERVER_SET, 0, -1, withscores=True))),
            "generation": cast(Any, self.client.hgetall(GENERATION)),
        }

    @precondition(lambda self: self.snapshot)
    @rule(all_meet_it=st.booleans())
    def come_back_with_old_data(self, all_meet_it: bool) -> None:
        """A replica that takes over, or a restart. All workers then meet it twice."""
        self.lose_data()
        assert self.snapshot is not None
        old = self.snapshot["leases"].keys()
        running = [visit.slot for visit in self.visits if visit.slot.progress_until > time.monotonic()]
        running = [slot for slot in running if not slot.lost.is_set()]
        staying = {slot.id for slot in running} | old & {visit.slot.id for visit in self.visits}
        is_room = not old & self.orphans and len(staying) <= min(
            (slot.limits[0].maximum for slot in running), default=0
        )
        self.orphans |= old - {visit.slot.id for visit in self.visits}
        if self.snapshot["leases"]:
            self.client.zadd(SERVER_SET, self.snapshot["leases"])
        self.client.hset(GENERATION, mapping=cast(Any, {**self.snapshot["generation"], "run": "another"}))
        self.snapshot = None
        if all_meet_it:
            for number in (0, 1, 2, 0, 1, 2):
                self.beat(self.gates[number])
            if is_room:  # those who have left do not stand in the way
                there = Observed(self.client).unexpired(SERVER_SET)
                assert all(slot.id in there and not slot.lost.is_set() for slot in running)

    @precondition(lambda self: self.visits and not self.is_recovering)
    @rule(number=workers)
    def come_back_with_those_who_have_left(self, number: int) -> None:
        while len(self.visits) < self.limits.now[SERVER_SET] and not self.is_recovering:
            before = len(self.visits)
            self.enter(number, "", False)
            if len(self.visits) == before:
                break
        self.save()
        leaving = self.visits[0]
        self.depart(leaving)
        self.do(leaving.gate.keeper.release)
        self.enter(number, "", False)
        self.come_back_with_old_data(True)


def test_no_order_of_viewers_losses_and_faults_breaks_the_workers_side(
    raw: "redis.Redis", server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.gate.lease_scripts.CHUNK", 2)
    numbers = itertools.count()  # no random ids: hypothesis must be able to repeat an example
    monkeypatch.setattr("streaming.gate.slots.secrets.token_hex", lambda size: f"{next(numbers):016}")
    clock = SteppedClock()
    monkeypatch.setattr("streaming.gate.lease_scripts.lease_clock", clock)
    run_state_machine_as_test(cast(Any, lambda: Workers(raw, server.url, clock)), settings=RUNS)
