"""The model of three workers whose calls to Redis may be lost or late: what must hold after each step."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
)

from streaming.conf import Timing
from streaming.errors import GateUnavailableError
from streaming.gate.keeper import RELEASE_AGAIN
from streaming.gate.leases import Slot, lease_clock
from streaming.gate.slots import Gate
from streaming.store.keys import (
    GENERATION,
    SERVER_SET,
)
from streaming.store.scripts import Argument, Store
from tests.streaming.gate.observed import (
    LEASE_MS,
    Limits,
    Observed,
    check_limit,
    shift,
)


class StoppedClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock only the test moves, so that a slow run does not end the second after a lost reply."""

    now = 0.0  # seconds

    def time(self) -> float:
        return self.now


class SteppedClock:
    """lease_clock() of workers whose Redis's clock was stepped: what a test does to the data, seen from the workers."""

    ahead = 0.0  # seconds

    def __call__(self) -> float:
        return lease_clock() + self.ahead


class RecoveringError(Exception):
    """A new viewer was told to wait."""


class Lossy(Store):
    """A real store that can lose a call, deliver it late, or lose its reply: a socket does so too rarely."""

    fault = ""  # "", "call lost", "call late", "reply lost"
    after = 0  # calls before the one with the fault

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.late: list[tuple[str, list[str], list[Argument]]] = []

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        fault, self.after = self.fault if self.after == 0 else "", self.after - 1
        if fault == "call late":
            self.late.append((script, list(keys), list(arguments)))
        if fault.startswith("call"):
            raise GateUnavailableError
        answer = await super().run(script, keys, arguments)
        if fault == "reply lost":
            raise GateUnavailableError
        return answer

    async def deliver(self) -> None:
        late, self.late = self.late, []
        for call in late:
            await super().run(*call)


@dataclass(eq=False)
class Visit:
    """A viewer inside `Gate.slot()`."""

    slot: Slot
    gate: Gate
    context: contextlib.AbstractAsyncContextManager[Slot]
    admitted: int


def ids_of_returning(gate: Gate) -> set[str]:
    return {slot.id for slot in gate.keeper.returning}


class WorkersModel(RuleBasedStateMachine):
    """Three gates on one Redis. Their heartbeats and keepers are called by rules, not by time."""

    def __init__(self, client: "redis.Redis", url: str, clock: SteppedClock) -> None:
        super().__init__()
        self.clock = clock
        self.snapshot: dict[str, dict[str, Any]] | None = None
        self.client = client
        client.flushall()
        self.loop = StoppedClockLoop()
        self.runner = asyncio.Runner(loop_factory=lambda: self.loop)
        self.store = Lossy(url)
        self.names = itertools.count()
        self.gates = [self.new_gate(number) for number in range(3)]
        self.limits = Limits()
        self.visits: list[Visit] = []
        self.admitted: dict[str, int] = {}  # lease id -> the step at which it may have entered
        self.orphans: set[str] = set()  # leases that crashed workers may have left
        self.displaced: set[str] = set()  # held when Redis lost its data
        self.is_loss_unknown = False  # no call has met the loss yet

    def new_gate(self, number: int) -> Gate:
        """The first worker's leases are twice as long. A worker begins with a renewal."""
        lease = LEASE_MS / 1000 * (2 if number == 0 else 1)
        gate = Gate(self.store, Timing(lease), f"w{next(self.names)}")
        self.runner.run(gate.heartbeat.renew())
        return gate

    def do(self, call: Callable[[], Coroutine[Any, Any, object]], fault: str = "", after: int = 0) -> None:
        """Run `call` with a fault in its first call to the store, or in a later one."""
        self.store.fault, self.store.after = fault, after
        try:
            self.runner.run(call())
        except GateUnavailableError:
            assert fault
        finally:
            self.store.fault = ""
            self.is_loss_unknown = False
        for script, _, arguments in self.store.late:
            if script == "gate/acquire":  # will arrive with the limit of this step
                self.admitted.setdefault(str(arguments[0]), self.limits.step)

    def beat(self, gate: Gate, fault: str = "", after: int = 0) -> None:
        """Renew the leases of a worker. A holder that makes no progress does not take its slot back after a loss."""
        mine = [visit.slot for visit in self.visits if visit.gate is gate]
        self.displaced -= {slot.id for slot in mine if slot.progress_until <= time.monotonic()}
        self.do(gate.heartbeat.renew, fault, after)

    @property
    def is_recovering(self) -> bool:
        """New viewers wait: Redis is empty, or its generation is new."""
        return self.client.hget(GENERATION, "ready_at") != "1"

    def depart(self, visit: Visit) -> None:
        self.visits.remove(visit)
        self.runner.run(visit.context.__aexit__(None, None, None))

    def lose_leases(self) -> None:
        """Redis is about to lose leases, or has lost them, and does not say so."""
        self.displaced |= set(cast(list[str], self.client.zrange(SERVER_SET, 0, -1)))
        self.is_loss_unknown = True

    def step_clock(self, seconds: int) -> None:
        """Step Redis's clock, as the workers and the data see it."""
        shift(self.client, seconds * 1000)
        self.clock.ahead -= seconds

    def end_grace(self) -> None:
        """The grace ends when all slots that did not re-enter have passed their fence."""
        if self.client.exists(GENERATION):
            there = set(cast(list[str], self.client.zrange(SERVER_SET, 0, -1)))
            for visit in self.visits:
                if visit.slot.id not in there:
                    visit.gate.held.lose(visit.slot)
            self.client.hset(GENERATION, "ready_at", 1)

    def pass_second(self) -> None:
        """The second after a lost reply is over: late calls have arrived, and the releases are repeated."""
        self.runner.run(self.store.deliver())
        self.loop.now += 2 * RELEASE_AGAIN
        self.runner.run(asyncio.sleep(0))

    @invariant()
    def limit(self) -> None:
        observed = Observed(self.client)
        for id in observed.unexpired(SERVER_SET):
            self.admitted.setdefault(id, self.limits.step)
        check_limit(observed, self.limits, self.admitted)
        self.limits.tick()

    @invariant()
    def streams_never_exceed_the_limit(self) -> None:
        """Counts the viewings that may send frames."""
        streaming = [visit for visit in self.visits if not visit.slot.lost.is_set()]
        since = min((visit.admitted for visit in streaming), default=self.limits.step)
        assert len(streaming) <= self.limits.highest(SERVER_SET, since)

    @invariant()
    def owner(self) -> None:
        returning = set().union(*(ids_of_returning(gate) for gate in self.gates))
        known = {visit.slot.id for visit in self.visits} | returning | self.orphans
        assert Observed(self.client).unexpired(SERVER_SET) <= known

    @invariant()
    def bookkeeping(self) -> None:
        for visit in self.visits:
            assert (visit.slot in visit.gate.held) != visit.slot.lost.is_set()
        assert sum(len(gate.held) for gate in self.gates) <= len(self.visits)

    def teardown(self) -> None:
        try:
            self.all_leave()
        finally:
            self.runner.run(self.store.close())
            self.runner.close()

    def all_leave(self) -> None:
        """After all have left, Redis holds only leases of crashed workers."""
        for visit in list(self.visits):
            self.depart(visit)
        for _ in range(2):
            for gate in self.gates:
                self.do(gate.keeper.release)
            self.pass_second()
        assert not any(gate.held or gate.keeper.returning for gate in self.gates)
        assert set(Observed(self.client).ends[SERVER_SET]) <= self.orphans
