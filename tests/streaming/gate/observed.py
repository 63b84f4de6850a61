"""Reads the gate's data from Redis, and keeps the limits of each step, for the tests in any order."""

import os
from typing import Any, cast

import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from streaming.store.keys import (
    DETAILS,
    GENERATION,
    PREFIX,
    RATES,
    SERVER_SET,
)

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
    phases=(Phase.generate,),  # an example has forty steps at most, and shrinking it takes minutes
    suppress_health_check=list(HealthCheck),
)

workers = st.integers(0, 2)
maxima = st.integers(1, 4)
memberships = st.one_of(
    st.just((SERVER_SET,)), st.tuples(st.just(SERVER_SET), st.sampled_from(USERS), st.sampled_from(ADDRESSES))
)
any_data = st.data()


class Observed:
    """The gate's data in Redis at one moment."""

    def __init__(self, client: "redis.Redis") -> None:
        reading: Any = client.pipeline()  # one round trip: a state machine observes it thousands of times
        reading.time().hgetall(DETAILS).hgetall(RATES)
        for key in SETS:
            reading.zrange(key, 0, -1, withscores=True)
        for key in (*SETS, DETAILS, RATES):
            reading.pttl(key)
        (seconds, micros), self.details, rates, *others = reading.execute()
        self.rates = {lease: rate for lease, rate in rates.items() if lease not in ("sum", "recounted")}
        self.now = seconds * 1000 + micros // 1000
        self.ends: dict[str, dict[str, float]] = {key: dict(others[number]) for number, key in enumerate(SETS)}
        self.ttls: dict[str, int] = dict(zip((*SETS, DETAILS, RATES), others[len(SETS) :], strict=True))

    def unexpired(self, key: str) -> set[str]:
        return {id for id, end in self.ends[key].items() if end > self.now}


class Limits:
    """The limits in force now and at each step."""

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
        """Returns the highest limit of a set since a step: a lowered limit ends no stream."""
        return max(self.now[key], *(limits[key] for limits in self._history[since:]))


def shift(client: "redis.Redis", ms: int) -> None:
    """Let `ms` pass for all leases, keys and the grace."""
    for key in (*SETS, DETAILS, RATES):
        for id in cast(list[str], client.zrange(key, 0, -1)) if key in SETS else []:
            client.zincrby(key, -ms, id)
        if (left := client.pttl(key)) > 0:
            client.pexpire(key, max(left - ms, 0))
    for field in ("ready_at", "seen", "grace_until"):
        if client.hexists(GENERATION, field):
            client.hincrby(GENERATION, field, -ms)


def note_members(client: "redis.Redis") -> None:
    """Note which sets have members, after a test has changed them."""
    for key in SETS:
        if client.exists(key) and client.exists(GENERATION):
            client.hset(GENERATION, key, 1)
        else:
            client.hdel(GENERATION, key)


def check_limit(observed: Observed, limits: Limits, admitted: dict[str, int]) -> None:
    """Unexpired members never exceed the highest limit in force since the first of them was admitted."""
    for key in SETS:
        members = observed.unexpired(key)
        since = min((admitted[id] for id in members), default=limits.step)
        assert len(members) <= limits.highest(key, since), key
