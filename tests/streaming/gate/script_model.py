"""The model of the gate's scripts: what Redis must hold after each call."""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
)

from streaming.gate.lease_scripts import STORE_KEYS
from streaming.store.keys import (
    BLOCKS,
    DETAILS,
    GENERATION,
    LINE,
    ORDINARY_SET,
    RATES,
    SERVER_SET,
    STILLS,
)
from streaming.store.scripts import Argument, source
from tests.streaming.gate.observed import LEASE_MS, SETS, Limits, Observed, check_limit


@dataclass(eq=False)
class Lease:
    """One lease in the model."""

    id: str
    sets: tuple[str, ...]
    owner: int | None  # number of its worker; None after a crash
    admitted: int = 0  # the step at which it entered
    details: str = ""


class ScriptModel(RuleBasedStateMachine):
    """Runs the scripts, and knows which leases are held and which have expired."""

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

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        self._observed = None
        return cast(list[Any], self.client.eval(source(script), len(keys), *keys, *arguments))

    @property
    def observed(self) -> Observed:
        self._observed = self._observed or Observed(self.client)
        return self._observed

    def count(self, key: str) -> int:
        return sum(key in self.leases[id].sets for id in self.held)

    def is_there(self, lease: Lease) -> bool:
        """Held, or expired and not pruned yet: such a lease can still be renewed."""
        return all(lease.id in self.observed.ends[key] for key in lease.sets)

    def meet(self) -> None:
        """Every script that writes makes the generation if there is none."""
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

    def acquire(self, lease: Lease, *, reentry: bool) -> None:
        expected = self.expected(lease, reentry=reentry)
        self.meet()
        if expected == "granted" and not self.is_there(lease):
            lease.admitted = self.limits.step
        details = json.dumps({"id": lease.id})
        keys = [*STORE_KEYS, BLOCKS + "1", *lease.sets]
        limits = json.dumps([self.limits.now[key] for key in lease.sets])
        arguments: list[Argument] = [lease.id, LEASE_MS, LEASE_MS, 0, details, int(reentry), limits]
        answer = self.run("gate/acquire", keys, arguments)
        assert answer[0] == expected
        if expected == "granted":
            lease.details = details
            self.hold(lease.id)
            assert self.count(lease.sets[0]) <= answer[2] <= self.count(lease.sets[0]) + len(self.lapsed)
        elif expected == "full":
            key = lease.sets[answer[3] - 1]
            assert key == next(key for key in lease.sets if self.count(key) >= self.limits.now[key])
            assert answer[4:6] == [self.count(key), self.limits.now[key]]
            assert 0 < answer[6] <= LEASE_MS
        elif expected == "recovering":
            assert 0 < answer[2] <= LEASE_MS

    def expected(self, lease: Lease, *, reentry: bool) -> str:
        if lease.id in self.held:
            return "granted"
        if not self.is_there(lease):
            if reentry and self.generation == "open":
                return "lost"
            if not reentry and self.generation != "open":
                return "recovering"
        full = any(self.count(key) >= self.limits.now[key] for key in lease.sets)
        return "full" if full else "granted"

    def see_who_lapsed(self) -> None:
        self._observed = None
        unexpired = set().union(*(self.observed.unexpired(key) for key in SETS))
        self.lapsed |= self.held - unexpired
        self.held &= unexpired

    def open_generation(self, grace: int) -> None:
        for _ in range(2):  # the second changes nothing
            self.run("gate/open", [GENERATION], [grace])
            grace = LEASE_MS

    def end_grace(self) -> None:
        self.run("gate/open", [GENERATION], [LEASE_MS])
        self.client.hset(GENERATION, "ready_at", 1)
        self.generation = "open"

    # The invariants.

    @invariant()
    def usage(self) -> None:
        keys = [GENERATION, SERVER_SET, ORDINARY_SET, RATES, STILLS, LINE]
        now, ready_at, in_use, *_ = self.run("gate/summary", keys, ["w", 1])
        assert set(self.run("gate/unexpired", [SERVER_SET], [])[::2]) == self.held
        assert in_use == len(self.held)
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
            assert left < 0 or left < self.observed.ttls[DETAILS] <= 3 * LEASE_MS
            assert self.observed.ttls[key] < 0

    @invariant()
    def sets_with_members_are_known(self) -> None:
        for key in SETS:
            assert self.client.hexists(GENERATION, key) == bool(self.observed.ends[key])
