"""The gate in any order of events: its scripts and its bookkeeping on a real Redis, by the invariants of docs/design.md.

Nothing is waited for. Time passes by a shift of all that Redis holds: the ends of the leases, the life of the keys, the
end of the grace. The leases are so long that nothing else ends them.
"""

import asyncio
import contextlib
import itertools
import json
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from streaming.conf import Timing
from streaming.errors import GateUnavailableError, LimitReachedError
from streaming.gate.leases import Holder, Limit, Slot, Terms
from streaming.gate.slots import Gate
from streaming.store.keys import (
    BLOCKS,
    DETAILS,
    EXPECTED,
    GENERATION,
    ORDINARY_SET,
    PREFIX,
    RATES,
    REPORTS,
    SERVER_SET,
    TOTALS,
    WORKERS,
)
from streaming.store.scripts import Argument, Store, _source
from tests.servers import RedisServer

LEASE_MS = 600_000
USERS = (PREFIX + "set:user:1", PREFIX + "set:user:2")
ADDRESSES = (PREFIX + "set:address:1", PREFIX + "set:address:2")
SETS = (SERVER_SET, *USERS, *ADDRESSES)
RUNS = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize="CI" in os.environ,
    database=None,
    phases=(Phase.generate,),  # an example has forty steps at most; to make one shorter takes minutes
    suppress_health_check=list(HealthCheck),
)

workers = st.integers(0, 2)
maxima = st.integers(1, 4)
memberships = st.one_of(
    st.just((SERVER_SET,)), st.tuples(st.just(SERVER_SET), st.sampled_from(USERS), st.sampled_from(ADDRESSES))
)
any_data = st.data()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def raw(server: RedisServer) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        yield client


@dataclass(eq=False)
class Lease:
    """What the model knows of one lease id."""

    id: str
    sets: tuple[str, ...]
    owner: int | None  # the worker that knows of it; None once that has crashed
    admitted: int = 0  # the step at which it entered
    details: str = ""


class Observed:
    """What Redis holds at one moment."""

    def __init__(self, client: "redis.Redis") -> None:
        seconds, micros = client.time()
        self.now = seconds * 1000 + micros // 1000
        self.ends = {key: dict(cast(Any, client.zrange(key, 0, -1, withscores=True))) for key in SETS}
        self.ttls = {key: int(cast(Any, client.pttl(key))) for key in (*SETS, DETAILS, RATES)}
        self.details = cast(dict[str, str], client.hgetall(DETAILS))
        self.rates = cast(dict[str, str], client.hgetall(RATES))

    def unexpired(self, key: str) -> set[str]:
        return {id for id, end in self.ends[key].items() if end > self.now}


class Limits:
    """The limits in force, and which were at each step."""

    def __init__(self) -> None:
        self.now = {key: 4 if key == SERVER_SET else 2 for key in SETS}
        self._history = [dict(self.now)]

    @property
    def step(self) -> int:
        return len(self._history) - 1

    def change(self, key: str, maximum: int) -> None:
        self.now[key] = maximum

    def tick(self) -> None:
        self._history.append(dict(self.now))

    def highest(self, key: str, since: int) -> int:
        """The highest limit of a set since a step: lowering it cuts nobody off."""
        return max(self.now[key], *(limits[key] for limits in self._history[since:]))


class Scripts(RuleBasedStateMachine):
    """The scripts alone: every call's answer, and the sets after it."""

    def __init__(self, client: "redis.Redis") -> None:
        super().__init__()
        self.client = client
        client.flushall()
        self.limits = Limits()
        self.numbers = itertools.count()
        self.leases: dict[str, Lease] = {}
        self.held: set[str] = set()  # unexpired in all their sets
        self.lapsed: set[str] = set()  # expired; pruned or not
        self.former: set[str] = set()  # held when Redis lost its data
        self.generation = "open"  # none, recovering, open
        self.open_generation(0)
        self._observed: Observed | None = None

    # The model's hand on Redis.

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        self._observed = None
        return cast(list[Any], self.client.eval(_source(script), len(keys), *keys, *arguments))

    @property
    def observed(self) -> Observed:
        self._observed = self._observed or Observed(self.client)
        return self._observed

    def count(self, key: str) -> int:
        return sum(key in self.leases[id].sets for id in self.held)

    def is_there(self, lease: Lease) -> bool:
        """Held, or lapsed in a place that nobody has needed yet: such a lease may still be renewed."""
        return all(lease.id in self.observed.ends[key] for key in lease.sets)

    def meet(self) -> None:
        """Any script but a reading one makes the generation where there is none."""
        if self.generation == "none":
            self.generation = "recovering"

    def hold(self, id: str) -> None:
        self.lapsed.discard(id)
        self.held.add(id)

    def drop(self, id: str) -> None:
        self.held.discard(id)
        self.lapsed.discard(id)

    def some(self, data: st.DataObject, pool: Iterable[str], most: int = 1) -> list[Lease]:
        """Up to `most` leases out of `pool`."""
        known = sorted(pool)
        drawn = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=most, unique=True)) if known else []
        return [self.leases[id] for id in drawn]

    @property
    def owned(self) -> list[str]:
        return [id for id, lease in self.leases.items() if lease.owner is not None]

    # Admission.

    def acquire(self, lease: Lease, *, reentry: bool) -> None:
        expected = self.expected(lease, reentry=reentry)
        self.meet()
        if expected == "granted" and not self.is_there(lease):
            lease.admitted = self.limits.step
        details = json.dumps({"id": lease.id})
        keys = [GENERATION, DETAILS, RATES, EXPECTED, BLOCKS + "1", TOTALS, *lease.sets]
        arguments: list[Argument] = [lease.id, LEASE_MS, LEASE_MS, "new", details, int(reentry)]
        for key in lease.sets:
            arguments += (self.limits.now[key], 0)
        answer = self.run("gate/acquire", keys, arguments)
        assert answer[0] == expected
        if expected == "granted":
            lease.details = details
            self.hold(lease.id)
            assert self.count(lease.sets[0]) <= answer[2] <= self.count(lease.sets[0]) + len(self.lapsed)
        elif expected == "full":
            key = lease.sets[answer[2] - 1]
            assert key == next(key for key in lease.sets if self.count(key) >= self.limits.now[key])
            assert answer[3:5] == [self.count(key), self.limits.now[key]]
            assert 0 < answer[5] <= LEASE_MS
        elif expected == "wait":
            assert 0 < answer[2] <= LEASE_MS

    def expected(self, lease: Lease, *, reentry: bool) -> str:
        if self.is_there(lease):
            return "granted"
        if reentry and self.generation == "open":
            return "lost"
        if not reentry and self.generation != "open":
            return "wait"
        full = any(self.count(key) >= self.limits.now[key] for key in lease.sets)
        return "full" if full else "granted"

    @initialize(data=any_data)
    def first_viewers(self, data: st.DataObject) -> None:
        for _ in range(4):
            self.newcomers(data.draw(workers), data.draw(memberships), 1, False)

    @rule(worker=workers, sets=memberships, many=maxima, after_grace=st.booleans())
    def newcomers(self, worker: int, sets: tuple[str, ...], many: int, after_grace: bool) -> None:
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

    # Renewal and release.

    @precondition(lambda self: self.leases)
    @rule(data=any_data)
    def renew(self, data: st.DataObject) -> None:
        leases = self.some(data, self.owned, 5)
        there = {lease.id for lease in leases if self.is_there(lease)}
        sets = list(dict.fromkeys(key for lease in leases for key in lease.sets))
        arguments: list[Argument] = [LEASE_MS, LEASE_MS, "new"]
        for lease in leases:
            arguments += [lease.id, ",".join(str(sets.index(key) + 1) for key in lease.sets)]
        self.meet()
        _, *lost = self.run("gate/renew", [GENERATION, DETAILS, RATES, *sets], arguments)
        assert lost == [lease.id for lease in leases if lease.id not in there]
        assert not any(id in self.observed.ends[key] for id in lost for key in SETS)
        for lease in leases:
            (self.hold if lease.id in there else self.drop)(lease.id)

    @precondition(lambda self: self.leases)
    @rule(data=any_data, times=st.integers(1, 2))
    def release(self, data: st.DataObject, times: int) -> None:
        """Also of one that is gone, of one that never was, and twice."""
        ids = [lease.id for lease in self.some(data, self.owned, 3)]
        for _ in range(times):
            self.run("gate/release", [DETAILS, RATES, *SETS], [*ids, "nobody"])
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

    # What befalls them.

    @precondition(lambda self: self.held)
    @rule(data=any_data)
    def lapse(self, data: st.DataObject) -> None:
        for lease in self.some(data, self.held, 3):
            for key in lease.sets:
                self.client.zadd(key, {lease.id: 1}, xx=True)
        self.see_who_lapsed()

    @precondition(lambda self: self.leases)
    @rule(leases=st.sampled_from([0.41, 0.41, 0.93, 2.1]))  # no sum of which is a lease, or the two of a key
    def time_passes(self, leases: float) -> None:
        shift(self.client, round(leases * LEASE_MS))
        self.see_who_lapsed()
        ready_at = float(self.client.hget(GENERATION, "ready_at") or 0)
        if self.generation == "recovering" and ready_at <= self.observed.now:
            self.generation = "open"

    def see_who_lapsed(self) -> None:
        self._observed = None
        unexpired = set().union(*(self.observed.unexpired(key) for key in SETS))
        self.lapsed |= self.held - unexpired
        self.held &= unexpired

    @precondition(lambda self: self.held)
    @rule(worker=workers)
    def crash(self, worker: int) -> None:
        """A worker forgets its leases; only their end can free them."""
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
        """And perhaps a worker starts right after that: with the usual grace, or as the only one, with none."""
        self.client.flushall()
        self._observed = None
        self.former = {id for id in self.held if self.leases[id].owner is not None}
        self.held, self.lapsed, self.generation = set(), set(), "none"
        if grace is not None:
            self.generation = "recovering" if grace else "open"
            self.open_generation(grace)

    def open_generation(self, grace: int) -> None:
        for _ in range(2):  # the second changes nothing
            self.run("gate/open", [GENERATION], [grace, "new"])
            grace = LEASE_MS

    def end_grace(self) -> None:
        self.client.hset(GENERATION, mapping={"token": "new", "ready_at": 1})
        self.generation = "open"

    # What must hold.

    @invariant()
    def usage(self) -> None:
        keys = [GENERATION, DETAILS, WORKERS, REPORTS, SERVER_SET, ORDINARY_SET, RATES]
        now, ready_at, holders, *_ = self.run("gate/usage", keys, [])
        assert dict(zip(holders[::2], holders[1::2], strict=True)) == {id: self.leases[id].details for id in self.held}
        assert (now < ready_at) == (self.generation == "recovering")
        assert (ready_at == 0) == (self.generation == "none")

    @invariant()
    def limit(self) -> None:
        check_limit(self.observed, self.limits, {id: self.leases[id].admitted for id in self.held})
        self.limits.tick()

    @invariant()
    def all_or_none(self) -> None:
        for id in self.held:
            assert len({self.observed.ends[key].get(id) for key in self.leases[id].sets}) == 1
        for key in SETS:
            assert all(key in self.leases[id].sets for id in self.observed.ends[key])

    @invariant()
    def owner(self) -> None:
        for key in SETS:
            assert all(end <= self.observed.now + LEASE_MS for end in self.observed.ends[key].values())

    @invariant()
    def no_resurrection(self) -> None:
        for key in SETS:
            assert self.observed.unexpired(key) == {id for id in self.held if key in self.leases[id].sets}

    @invariant()
    def each_lease_has_its_details(self) -> None:
        assert self.held <= set(self.observed.details) <= set().union(*self.observed.ends.values())
        assert all(self.observed.details[id] == self.leases[id].details for id in self.held)
        assert set(self.observed.rates) <= set(self.observed.details)

    @invariant()
    def keys_outlive_their_leases(self) -> None:
        for key in SETS:
            left = max(self.observed.ends[key].values(), default=0) - self.observed.now
            ttls = [self.observed.ttls[kept] for kept in (key, DETAILS)]
            assert left < 0 or left < min(ttls) <= max(ttls) <= 3 * LEASE_MS


def shift(client: "redis.Redis", ms: int) -> None:
    """Let `ms` pass for all that Redis holds."""
    for key in (*SETS, DETAILS, RATES):
        for id in cast(list[str], client.zrange(key, 0, -1)) if key in SETS else []:
            client.zincrby(key, -ms, id)
        if (left := client.pttl(key)) > 0:
            client.pexpire(key, max(left - ms, 0))
    if client.exists(GENERATION):
        client.hincrby(GENERATION, "ready_at", -ms)


def check_limit(observed: Observed, limits: Limits, admitted: dict[str, int]) -> None:
    """Unexpired members never exceed the highest limit in force since the first of them was admitted."""
    for key in SETS:
        members = observed.unexpired(key)
        since = min((admitted[id] for id in members), default=limits.step)
        assert len(members) <= limits.highest(key, since), key


def test_no_order_of_calls_lapses_crashes_and_losses_breaks_the_scripts(raw: "redis.Redis") -> None:
    run_state_machine_as_test(cast(Any, lambda: Scripts(raw)), settings=RUNS)


# The worker's side, with replies and calls that are lost or late.


class RecoveringError(Exception):
    """A newcomer was told to wait."""


class Lossy(Store):
    """A real store where a call is lost, arrives late, or loses its reply: what a socket does too rarely."""

    fault = ""  # "", "call lost", "call late", "reply lost"
    after = 0  # calls before the one that has it

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


faults = st.sampled_from(["", "", "", "call lost", "call late", "reply lost"])


class Workers(RuleBasedStateMachine):
    """Three gates on one Redis. Their heartbeats and keepers are called by rules, not by time."""

    def __init__(self, client: "redis.Redis", url: str) -> None:
        super().__init__()
        self.client = client
        client.flushall()
        self.runner = asyncio.Runner()
        self.store = Lossy(url)
        self.names = itertools.count()
        self.gates = [self.new_gate() for _ in range(3)]
        self.limits = Limits()
        self.visits: list[Visit] = []
        self.admitted: dict[str, int] = {}  # lease id -> the step at which it may have entered
        self.orphans: set[str] = set()  # what crashed workers may have left
        self.displaced: set[str] = set()  # held when Redis lost its data

    def new_gate(self) -> Gate:
        return Gate(self.store, Timing(LEASE_MS / 1000), f"w{next(self.names)}")

    def do(self, call: Callable[[], Coroutine[Any, Any, None]], fault: str = "", after: int = 0) -> None:
        """Run `call` with a fault in its first call of the store, or a later one."""
        self.store.fault, self.store.after = fault, after
        try:
            self.runner.run(call())
        except GateUnavailableError:
            assert fault
        finally:
            self.store.fault = ""
        for script, _, arguments in self.store.late:
            if script == "gate/acquire":  # arrives with the limit of now
                self.admitted.setdefault(str(arguments[0]), self.limits.step)

    @property
    def is_recovering(self) -> bool:
        """Newcomers wait: Redis is empty, or its generation is new."""
        return self.client.hget(GENERATION, "ready_at") != "1"

    @initialize()
    def first_viewers(self) -> None:
        self.client.hset(GENERATION, mapping={"token": "first", "ready_at": 1})
        for number in (0, 0, 1):
            self.do(self.gates[number]._renew)
            self.enter(number, "", False)

    @rule(number=workers)
    def doubtful_visit(self, number: int) -> None:
        """It gives up for want of an answer; its release overtakes its acquire."""
        self.enter(number, "call late", True)
        self.do(self.gates[number]._release_returning)

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

    def depart(self, visit: Visit) -> None:
        self.visits.remove(visit)
        self.runner.run(visit.context.__aexit__(None, None, None))

    @rule(number=workers, fault=faults, after=st.integers(0, 2))
    def heartbeat(self, number: int, fault: str, after: int) -> None:
        gate, before = self.gates[number], Observed(self.client).ends[SERVER_SET]
        mine = [visit.slot for visit in self.visits if visit.gate is gate and not visit.slot.lost.is_set()]
        moving = [slot for slot in mine if slot.progress_until > time.monotonic()]
        missing = [slot for slot in moving if slot.id not in before]
        room = min((slot.limits[0].maximum for slot in moving), default=0) - len(before)
        emptied = self.is_recovering and all(slot.id in self.displaced for slot in missing)
        self.do(gate._renew, fault, after)
        ends = Observed(self.client).ends[SERVER_SET]
        for slot in mine:
            if slot not in moving:  # Progress
                assert ends.get(slot.id) == before.get(slot.id)
                self.displaced.discard(slot.id)
        if emptied and len(missing) <= room:  # those who held a slot when Redis lost its data keep it
            assert not any(slot.lost.is_set() for slot in moving)

    @rule(number=workers, fault=faults)
    def keeper(self, number: int, fault: str) -> None:
        self.do(self.gates[number]._release_returning, fault)

    @rule()
    def forget_doubts(self) -> None:
        """The second after a lost reply is over: what was under way has arrived, and the releases are repeated."""
        self.runner.run(self.store.deliver())
        for gate in self.gates:
            for slot, _ in list(gate._returning.values()):
                if slot.reply_lost:
                    gate._settle(slot)

    @precondition(lambda self: self.visits)
    @rule(data=any_data, seconds=st.sampled_from([0, LEASE_MS]))
    def progress(self, data: st.DataObject, seconds: int) -> None:
        data.draw(st.sampled_from(self.visits)).slot.progressed(seconds)

    @precondition(lambda self: self.visits)
    @rule(data=any_data)
    def fence(self, data: st.DataObject) -> None:
        visit = data.draw(st.sampled_from(self.visits))
        visit.gate._lose(visit.slot)

    @rule(data=any_data)
    def lapse(self, data: st.DataObject) -> None:
        members = sorted(cast(list[str], self.client.zrange(SERVER_SET, 0, -1)))
        if members:
            id = data.draw(st.sampled_from(members))
            self.client.zadd(SERVER_SET, {id: 1}, xx=True)
            for visit in self.visits:
                if visit.slot.id == id:  # its holder was fenced long before
                    visit.gate._lose(visit.slot)

    @rule(number=workers)
    def crash(self, number: int) -> None:
        gate = self.gates[number]
        left = [visit for visit in self.visits if visit.gate is gate]
        self.orphans |= {visit.slot.id for visit in left} | set(gate._returning)
        for visit in left:
            self.visits.remove(visit)
            visit.slot.lost.set()
        self.gates[number] = self.new_gate()

    @rule(maximum=maxima)
    def change_limit(self, maximum: int) -> None:
        self.limits.change(SERVER_SET, maximum)

    @precondition(lambda self: self.visits)
    @rule()
    def lose_data(self) -> None:
        self.displaced |= set(cast(list[str], self.client.zrange(SERVER_SET, 0, -1)))
        self.client.flushall()
        self.store.late.clear()  # calls of the connections that ended with it

    @rule(fault=faults, after=st.integers(0, 2))
    def lose_data_and_come_back(self, fault: str, after: int) -> None:
        self.lose_data()
        for number in (0, 0, 1, 2):
            self.heartbeat(number, fault, after)
            fault = ""

    def end_grace(self) -> None:
        """At the earliest when all who did not re-enter have been fenced."""
        if self.client.exists(GENERATION):
            there = set(cast(list[str], self.client.zrange(SERVER_SET, 0, -1)))
            for visit in self.visits:
                if visit.slot.id not in there:
                    visit.gate._lose(visit.slot)
            self.client.hset(GENERATION, "ready_at", 1)

    @invariant()
    def limit(self) -> None:
        observed = Observed(self.client)
        for id in observed.unexpired(SERVER_SET):
            self.admitted.setdefault(id, self.limits.step)
        check_limit(observed, self.limits, self.admitted)
        self.limits.tick()

    @invariant()
    def streams_never_exceed_the_limit(self) -> None:
        """Those who may send frames: the reason for all of this."""
        streaming = [visit for visit in self.visits if not visit.slot.lost.is_set()]
        since = min((visit.admitted for visit in streaming), default=self.limits.step)
        assert len(streaming) <= self.limits.highest(SERVER_SET, since)

    @invariant()
    def owner(self) -> None:
        returning = set().union(*(gate._returning for gate in self.gates))
        known = {visit.slot.id for visit in self.visits} | returning | self.orphans
        assert Observed(self.client).unexpired(SERVER_SET) <= known

    @invariant()
    def bookkeeping(self) -> None:
        for visit in self.visits:
            assert (visit.slot.id in visit.gate._held) != visit.slot.lost.is_set()
        assert sum(len(gate._held) for gate in self.gates) <= len(self.visits)

    def teardown(self) -> None:
        try:
            self.all_leave()
        finally:
            self.runner.run(self.store.close())
            self.runner.close()

    def all_leave(self) -> None:
        """Whatever was lost on the way, nothing stays but what crashed workers left."""
        for visit in list(self.visits):
            self.depart(visit)
        for _ in range(2):
            for gate in self.gates:
                self.do(gate._release_returning)
            self.forget_doubts()
        assert not any(gate._held or gate._returning for gate in self.gates)
        assert set(Observed(self.client).ends[SERVER_SET]) <= self.orphans


def test_no_order_of_viewers_losses_and_faults_breaks_the_workers_side(
    raw: "redis.Redis", server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.gate.slots.CHUNK", 2)
    numbers = itertools.count()  # in place of chance: an example has to repeat itself
    monkeypatch.setattr("streaming.gate.slots.secrets.token_hex", lambda size: f"{next(numbers):016}")
    run_state_machine_as_test(cast(Any, lambda: Workers(raw, server.url)), settings=RUNS)
