"""Viewers who wait at gates of several workers, with lost and late calls and crashes, on a real Redis: whoever waits gets a
slot in the end, the limit holds, and nothing is left behind."""

import asyncio
import itertools
from typing import Any, cast

import pytest
import redis
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from streaming.errors import GateUnavailableError, LimitReachedError
from streaming.gate.leases import Asking, Holder, Kind, Limit, Terms
from streaming.gate.slots import Gate
from streaming.store.keys import LINE, SERVER_SET
from tests.servers import RedisServer
from tests.streaming.gate.gates import no_wait
from tests.streaming.gate.observed import RUNS, Observed, any_data, maxima, note_members, workers
from tests.streaming.gate.workers_model import SteppedClock, Visit, WorkersModel, ids_of_returning

ADA = Holder("Ada", "Yard", "1", "low", "127.0.0.1", 0, "1")
faults = st.sampled_from(["", "", "", "call lost", "call late", "reply lost"])
FOREVER = 1e9


class WaitingWorkers(WorkersModel):
    """The looks at the line are called by rules. A worker that crashes takes its waiting viewers with it."""

    def __init__(self, client: "redis.Redis", url: str, clock: SteppedClock) -> None:
        super().__init__(client, url, clock)
        self.waiting: dict[str, tuple[Gate, asyncio.Task[None]]] = {}

    async def _settle(self) -> None:
        """Let all viewers go on until each of them waits."""
        for _ in range(12):
            await self.gates[0].heartbeat._scripts._renewals.ping()
        for id, (_, task) in list(self.waiting.items()):
            if task.done():
                del self.waiting[id]
                assert isinstance(task.exception(), GateUnavailableError | LimitReachedError | None)

    def settle(self, fault: str = "", after: int = 0) -> None:
        self.do(self._settle, fault, after)

    @initialize()
    def first_viewers(self) -> None:
        self.end_grace()
        for number in (0, 1, 2, 0, 1, 2):
            self.come(number, Kind.ORDINARY, "")

    @rule(number=workers, kind=st.sampled_from(Kind), fault=faults, after=st.integers(0, 1))
    def come(self, number: int, kind: Kind, fault: str, after: int = 0, former: str = "") -> None:
        gate, limit = self.gates[number], self.limits.now[SERVER_SET]
        asking = Asking(True, kind, 100, FOREVER, replace=former)
        id = gate.new_id()
        context = gate.slot(ADA, Terms((Limit(SERVER_SET, limit),)), no_wait, id=id, asking=asking)

        async def enter() -> None:
            slot = await context.__aenter__()
            slot.progressed(FOREVER)
            self.visits.append(Visit(slot, gate, context, self.limits.step))

        self.waiting[id] = gate, self.loop.create_task(enter())
        self.settle(fault, after)

    @precondition(lambda self: self.visits)
    @rule(number=workers, data=any_data, fault=faults)
    def replace(self, number: int, data: st.DataObject, fault: str) -> None:
        former = data.draw(st.sampled_from(self.visits))
        self.come(number, Kind.ORDINARY, fault, 0, former.slot.id)
        if former in self.visits:
            self.depart(former)

    @precondition(lambda self: self.visits)
    @rule(data=any_data, fault=faults)
    def leave(self, data: st.DataObject, fault: str) -> None:
        visit = data.draw(st.sampled_from(self.visits))
        self.depart(visit)
        self.do(visit.gate.keeper.release, fault)

    @precondition(lambda self: self.waiting)
    @rule(data=any_data)
    def give_up(self, data: st.DataObject) -> None:
        gate, task = self.waiting[data.draw(st.sampled_from(sorted(self.waiting)))]
        task.cancel()
        self.settle_cancelled(task)
        self.do(gate.keeper.release)

    def settle_cancelled(self, task: asyncio.Task[None]) -> None:
        async def end() -> None:
            await asyncio.wait([task])

        self.runner.run(end())
        self.waiting = {id: each for id, each in self.waiting.items() if each[1] is not task}

    @rule(number=workers, fault=faults)
    def keep(self, number: int, fault: str) -> None:
        self.client.delete(f"{LINE}:looked")
        self.do(self.gates[number].line.keep_once, fault)
        self.settle()

    @rule(number=workers, fault=faults, after=st.integers(0, 2))
    def claim_with_faults(self, number: int, fault: str, after: int) -> None:
        """All viewers ask again: limits have changed, or their slots were granted."""
        self.gates[number].line.ask_again()
        self.settle(fault, after)

    @rule(number=workers)
    def keeper(self, number: int) -> None:
        self.do(self.gates[number].keeper.release)

    @rule()
    def second_passes(self) -> None:
        self.pass_second()

    @rule(number=workers)
    def crash(self, number: int) -> None:
        gate = self.gates[number]
        for visit in [visit for visit in self.visits if visit.gate is gate]:
            self.visits.remove(visit)
            visit.slot.lost.set()
            self.orphans.add(visit.slot.id)
        for id, (at, task) in list(self.waiting.items()):
            if at is gate:
                self.orphans.add(id)
                task.cancel()
                self.settle_cancelled(task)
        self.orphans |= ids_of_returning(gate)
        self.gates[number] = self.new_gate(number)

    @rule()
    def what_crashed_expires(self) -> None:
        for id in self.orphans:
            self.client.zadd(SERVER_SET, {id: 1}, xx=True)
            self.client.zadd(f"{LINE}:alive", {id: 1}, xx=True)
        note_members(self.client)

    @rule(maximum=maxima)
    def change_limit(self, maximum: int) -> None:
        """Those who come later are the first to tell it."""
        self.limits.change(SERVER_SET, max(maximum, self.limits.now[SERVER_SET]))

    @invariant()
    def owner(self) -> None:
        returning = set().union(*(ids_of_returning(gate) for gate in self.gates))
        known = {visit.slot.id for visit in self.visits} | returning | self.orphans | set(self.waiting)
        assert Observed(self.client).unexpired(SERVER_SET) <= known

    def all_leave(self) -> None:
        """Whoever waits gets a slot, when those before them leave."""
        for _ in range(2 * len(self.waiting) + 2):
            self.pass_second()
            self.what_crashed_expires()
            for visit in list(self.visits):
                self.depart(visit)
            for gate in self.gates:
                self.do(gate.keeper.release)
            for number in (0, 1, 2, 0, 1, 2):
                self.keep(number, "")
        assert not self.waiting
        super().all_leave()
        self.what_crashed_expires()
        self.keep(0, "")
        assert {
            key for key in cast(list[str], self.client.keys(f"{LINE}*")) if cast(Any, self.client.pttl(key)) < 0
        } <= {f"{LINE}:number"}


def test_whoever_waits_gets_a_slot_in_the_end_whatever_fails(
    raw: "redis.Redis", server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = itertools.count()  # no random ids: hypothesis must be able to repeat an example
    monkeypatch.setattr("streaming.gate.slots.secrets.token_hex", lambda size: f"{next(numbers):016}")
    run_state_machine_as_test(cast(Any, lambda: WaitingWorkers(raw, server.url, SteppedClock())), settings=RUNS)
