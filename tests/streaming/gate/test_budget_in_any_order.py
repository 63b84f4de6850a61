"""The bandwidth budget on a real Redis, in any order of admissions, changes of quality, reports and losses.

The rates of all streams together never exceed the budget, the kept sum is the sum of the rates, and each admission is
decided as if all rates were summed up anew. A stream that is alone may exceed the budget.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import redis
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
from streaming.errors import BandwidthReachedError, GateUnavailableError
from streaming.gate.leases import Limit, Rate, Slot, Terms
from streaming.gate.readings import open_generation
from streaming.gate.slots import Gate
from streaming.limits import policy
from streaming.reports.counters import Counters
from streaming.reports.reporter import Reporter, ReportSource
from streaming.reports.traffic import Traffic
from streaming.store.keys import LOOKED, RATES, SERVER_SET
from streaming.store.scripts import Argument
from tests.servers import RedisServer
from tests.streaming.gate.gates import holder, no_wait
from tests.streaming.gate.observed import LEASE_MS, RUNS, any_data, note_members
from tests.streaming.gate.workers_model import Lossy

EXPIRED = 1  # end of a lease
BUDGET = 10_000  # kbit/s
RATES_OF = {"low": 1_000, "medium": 3_000, "high": 6_000, "original": 12_000}  # kbit/s
qualities = st.sampled_from(["low", "low", "medium", "medium", "high", "original"])
faults = st.sampled_from(["", "", "call late", "reply lost"])


class Crossing(Lossy):
    """A lossy store that can do something else between a call and the arrival of its answer."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        meanwhile, self.meanwhile = self.meanwhile, None
        answer = await super().run(script, keys, arguments)
        if meanwhile is not None:
            await meanwhile()
        return answer


class Viewing:
    """The part of a viewing that a report reads, and the context of its slot."""

    def __init__(self, gate: Gate, quality: str) -> None:
        terms = Terms((Limit(SERVER_SET, 100),), rate(quality), BUDGET)
        self.context = gate.slot(holder(), terms, no_wait)
        self.traffic = Traffic()
        self.slot: Slot | None = None

    @property
    def held(self) -> Slot:
        assert self.slot is not None
        return self.slot


def rate(quality: str) -> Rate:
    return Rate(f"c1:{quality}", RATES_OF[quality])


class Budget(RuleBasedStateMachine):
    """One worker, whose reports and changes may be lost, late or crossed; others crash or are of an earlier version."""

    def __init__(self, client: "redis.Redis", url: str) -> None:
        super().__init__()
        self.client = client
        client.flushall()
        assert open_generation(url, 0)
        self.runner = asyncio.Runner()
        self.store = Crossing(url)
        self.gate = Gate(self.store, Timing(LEASE_MS / 1000), "w")
        self.viewings: list[Viewing] = []
        source = ReportSource(lambda: self.viewings, dict, lambda: replace(policy.defaults(), max_mbps=BUDGET / 1000))
        self.reporter = Reporter(self.store, "w", Counters(), source, lambda *_: None, LEASE_MS / 1000)

    def do(self, call: Callable[[], Awaitable[None]], fault: str = "") -> bool:
        """Returns whether the call had an answer."""

        async def run() -> None:
            await call()

        self.store.fault, self.store.after = fault, 0
        try:
            self.runner.run(run())
        except GateUnavailableError:
            assert fault
            return False
        finally:
            self.store.fault = ""
        return True

    def counted(self) -> dict[str, int]:
        """Returns the unexpired leases with their rates."""
        rates = cast(dict[str, str], self.client.hgetall(RATES))
        return {
            id: int(rates[id]) for id in cast(list[str], self.client.zrangebyscore(SERVER_SET, EXPIRED + 1, "+inf"))
        }

    @initialize()
    def first_viewers(self) -> None:
        for _ in range(4):
            self.new_viewer("low")

    @rule(quality=qualities)
    def new_viewer(self, quality: str) -> None:
        counted, viewing = self.counted(), Viewing(self.gate, quality)
        expected = not counted or sum(counted.values()) + RATES_OF[quality] <= BUDGET

        async def enter() -> None:
            viewing.slot = await viewing.context.__aenter__()

        try:
            self.do(enter)
        except BandwidthReachedError:
            assert not expected
            self.do(self.gate.keeper.release)
        else:
            assert expected
            self.viewings.append(viewing)

    @precondition(lambda self: self.viewings)
    @rule(data=any_data, quality=qualities, crossed=st.booleans(), fault=faults)
    def change_quality(self, data: st.DataObject, quality: str, crossed: bool, fault: str) -> None:
        slot = data.draw(st.sampled_from(self.viewings)).held
        others, new = self.counted(), rate(quality)
        others.pop(slot.id)
        is_higher = new.kbps > RATES_OF[slot.terms.rate.field.removeprefix("c1:")]
        self.store.meanwhile = self.reporter.send if crossed and not fault else None
        try:
            # A lower rate without an answer counts too little until the next report.
            if self.do(lambda: self.gate.reserve(slot, new, BUDGET), fault if is_higher else ""):
                slot.terms = Terms(slot.terms.limits, new, BUDGET)
        except BandwidthReachedError:
            assert sum(others.values()) + new.kbps > BUDGET

    @rule(fault=faults)
    def report(self, fault: str) -> None:
        if self.do(self.reporter.send, fault):
            assert self.counted() == {each.held.id: each.held.terms.rate.kbps for each in self.viewings}

    @precondition(lambda self: self.store.late)
    @rule()
    def late_calls_arrive(self) -> None:
        self.do(self.store.deliver)

    @precondition(lambda self: self.viewings)
    @rule(data=any_data, crashed=st.booleans())
    def leave(self, data: st.DataObject, crashed: bool) -> None:
        viewing = data.draw(st.sampled_from(self.viewings))
        self.viewings.remove(viewing)
        if crashed:  # the lease ends by itself
            self.gate.held.remove(viewing.held)
            self.client.zadd(SERVER_SET, {viewing.held.id: EXPIRED})
            note_members(self.client)
        else:
            self.runner.run(viewing.context.__aexit__())
            self.do(self.gate.keeper.release)

    @rule(drift=st.integers(-5_000, 5_000))
    def the_sum_drifts_until_the_next_second(self, drift: int) -> None:
        """A worker of an earlier version leaves the sum as it is."""
        if self.client.hexists(RATES, "sum"):
            self.client.hincrby(RATES, "sum", drift)
        self.client.delete(LOOKED)
        self.report("")
        assert self.client.hexists(RATES, "sum")

    @invariant()
    def the_kept_sum_is_the_sum_of_the_rates(self) -> None:
        rates = cast(dict[str, str], self.client.hgetall(RATES))
        leases = [int(kbps) for id, kbps in rates.items() if id.startswith("w:")]
        assert int(rates.get("sum", sum(leases))) == sum(leases)

    @invariant()
    def no_stream_counts_less_than_it_takes(self) -> None:
        counted = self.counted()
        assert all(counted[each.held.id] >= each.held.terms.rate.kbps for each in self.viewings)

    @invariant()
    def streams_never_exceed_the_budget(self) -> None:
        taken = [each.held.terms.rate.kbps for each in self.viewings]
        assert sum(taken) <= BUDGET or len(taken) == 1, taken

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()


def test_no_order_of_admissions_changes_and_reports_exceeds_the_budget(raw: "redis.Redis", server: RedisServer) -> None:
    run_state_machine_as_test(cast(Any, lambda: Budget(raw, server.url)), settings=RUNS)
