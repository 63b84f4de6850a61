"""Reports on a real Redis: counts once whatever is lost, what a minute saw, orders, and what a stream is counted with."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from streaming.errors import BandwidthReachedError, GateUnavailableError, LimitReachedError
from streaming.gate.leases import Holder, Limit, Rate, Slot, Terms
from streaming.gate.readings import read_totals, read_usage
from streaming.gate.stop_orders import stop
from streaming.limits import policy
from streaming.reports.counters import MOST_REFUSALS, Counters
from streaming.reports.reporter import Reporter
from streaming.reports.traffic import WINDOW, Traffic
from streaming.reports.usage import UsageReport
from streaming.store.keys import EXPECTED, MINUTE, MINUTES, ORDERS, POLICY, RATES, REFUSAL_LIST, SENT
from streaming.store.scripts import Argument, Store
from tests.servers import RedisServer

ADA = Holder(user="Ada", user_id="1", camera="Yard", camera_id="c1", quality="low", address="::1", since=0)


class Watching:
    def __init__(self, id: str, kbps: int, *, drops: bool = False) -> None:
        self.slot: Slot | None = Slot(id, ADA, Terms((Limit("s", 1),), Rate("c1:low", 900)))
        self.traffic = Traffic()
        now = time.monotonic()
        for second in range(WINDOW + 1):
            dropped = second if drops else 0
            self.traffic._samples.append((now + second, second * kbps * 125, dropped))
            self.traffic.dropped = dropped


class LosingReplies(Store):
    loses = False

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        answer = await super().run(script, keys, arguments)
        if self.loses:
            raise GateUnavailableError
        return answer


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[LosingReplies]:
    store = LosingReplies(redis_server.url)
    yield store
    await store.close()


def reporter(
    store: Store, *watching: Watching, worker: str = "w", limit: int = 2, budget: int = 0
) -> tuple[Reporter, Counters]:
    counters = Counters()
    return Reporter(store, worker, counters, lambda: watching, dict, lambda: limit, lambda: budget, 15), counters


async def minute(store: Store) -> dict[str, str]:
    (number,) = await store.call("ZRANGE", MINUTES, 0, -1)
    found = await store.call("HGETALL", MINUTE + number)
    return dict(zip(found[::2], found[1::2], strict=True))


async def test_what_two_workers_count_is_added_up(store: LosingReplies) -> None:
    for worker in ("a", "b"):
        reports, counters = reporter(store, worker=worker)
        counters.add("granted")
        counters.add("bytes", 2**41)
        counters.observe("admission", 0.003)
        counters.observe("admission", 99)
        await reports.send()
        await reports.send()
    totals = await read_totals(store)
    assert (totals["granted"], totals["bytes"]) == (2, 2**42)
    assert (totals["admission:le:0.005"], totals["admission:le:inf"], totals["admission:count"]) == (2, 2, 4)


async def test_counts_whose_answer_was_lost_are_counted_once(store: LosingReplies) -> None:
    reports, counters = reporter(store)
    counters.add("granted", 3)
    counters.refused(LimitReachedError(in_use=2, limit=2), ADA)
    store.loses = True
    with pytest.raises(GateUnavailableError):
        await reports.send()
    counters.add("granted", 4)
    store.loses = False
    await reports.send()
    await reports.send()
    assert (await read_totals(store))["granted"] == 7
    (refusal,) = await store.call("LRANGE", REFUSAL_LIST, 0, -1)
    told = json.loads(refusal)
    assert (told["user"], told["reason"], told["in_use"], told["dry_run"]) == ("Ada", "limit_reached", 2, False)


BOB = replace(ADA, user="Bob", user_id="2")
ELSEWHERE = replace(ADA, address="::2")


async def stored(store: Store) -> list[tuple[str, str, bool]]:
    rows = [json.loads(text) for text in await store.call("LRANGE", REFUSAL_LIST, 0, -1)]
    return [(row["user"], row["address"], row["dry_run"]) for row in rows]


async def test_refusals_of_one_viewer_are_counted_all_and_stored_once_a_second_at_all_workers(
    store: LosingReplies,
) -> None:
    for worker in ("a", "b"):
        reports, counters = reporter(store, worker=worker)
        for _ in range(3):
            for holder in (ADA, BOB, ELSEWHERE):
                counters.refused(LimitReachedError(in_use=2, limit=2), holder)
            counters.refused(LimitReachedError(in_use=2, limit=2), ADA, dry_run=True)
            await reports.send()
    totals = await read_totals(store)
    assert (totals["refused:limit_reached"], totals["would_refuse:limit_reached"]) == (18, 6)
    once = [("Ada", "::1", False), ("Bob", "::1", False), ("Ada", "::2", False), ("Ada", "::1", True)]
    assert await stored(store) == once
    await asyncio.sleep(1)
    counters.refused(LimitReachedError(in_use=2, limit=2), ADA)
    await reports.send()
    assert await stored(store) == [*once, once[0]]


async def test_a_viewer_that_hammers_takes_no_room_from_others(store: LosingReplies) -> None:
    reports, counters = reporter(store)
    for _ in range(MOST_REFUSALS):
        counters.refused(LimitReachedError(in_use=2, limit=2), ADA)
    counters.refused(LimitReachedError(in_use=2, limit=2), BOB)
    await reports.send()
    assert await stored(store) == [("Ada", "::1", False), ("Bob", "::1", False)]


async def test_a_refusal_for_bandwidth_tells_mbit_s(store: LosingReplies) -> None:
    reports, counters = reporter(store)
    counters.refused(BandwidthReachedError(mbps=18.5, max_mbps=20.0, expected_mbps=2.0, retry_after=5), ADA)
    await reports.send()
    (refusal,) = await store.call("LRANGE", REFUSAL_LIST, 0, -1)
    told = json.loads(refusal)
    assert (told["reason"], told["in_use"], told["limit"]) == ("bandwidth_reached", 18.5, 20)


async def test_a_minute_knows_its_peak_though_it_lay_between_two_reports(store: LosingReplies) -> None:
    reports, counters = reporter(store, limit=5, budget=12_500)
    counters.saw(4)
    counters.add("arrivals:3")
    counters.add("granted")
    counters.refused(LimitReachedError(), None)
    await reports.send()
    await reports.send()
    found = await minute(store)
    assert (found["peak"], found["limit"], found["max_kbps"], found["arrivals:3"]) == ("4", "5", "12500", "1")
    assert (found["granted"], found["refused:limit_reached"]) == ("1", "1")
    assert "arrivals:3" not in await read_totals(store)


async def test_a_minute_knows_the_most_that_all_workers_sent_and_not_what_that_is_counted_with(
    store: LosingReplies,
) -> None:
    await store.call("ZADD", "nvr:{gate}:set:server", round((time.time() + 60) * 1000), "a:1")
    await store.call("HSET", RATES, "a:1", 24_000)
    sent = {"a": 800, "b": 300}
    workers = {name: reporter(store, Watching(f"{name}:1", kbps), worker=name)[0] for name, kbps in sent.items()}
    for name in ("a", "b", "a"):
        await workers[name].send()
        await store.call("INCRBY", "nvr:{gate}:looked", -1000)
    assert (await minute(store))["peak_kbps"] == "1100"
    await workers["b"].leave()
    assert await store.call("HGETALL", SENT) == ["a", "800"]


async def test_the_stills_of_all_workers_are_counted_in_the_budget_until_a_worker_leaves(store: LosingReplies) -> None:
    workers = []
    for name, kbps in (("a", 800), ("b", 300)):
        counters, stills = Counters(), Watching("", kbps).traffic
        workers.append(Reporter(store, name, counters, list, dict, lambda: 2, lambda: 1_200, 15, stills))
        await workers[-1].send()
    usage = await read_usage(store)
    assert usage.counted == 1_100
    assert [report["mbps"] for report in usage.workers.values()] == [0.8, 0.3]
    assert await store.call("HGETALL", SENT) == ["a", "800", "b", "300"]
    limits = replace(policy.defaults(), max_mbps=1.2)
    report = UsageReport(store, lambda: limits)
    assert not await report.has_room(Rate("c1:low", 200))
    assert await report.has_room_for_stills("b", 400) and not await report.has_room_for_stills("b", 401)
    await workers[0].leave()
    await workers[1].send()
    assert (await read_usage(store)).counted == 300


async def test_time_at_the_limit_is_counted_once_however_many_workers_look(store: LosingReplies) -> None:
    await store.call("ZADD", "nvr:{gate}:set:server", round((time.time() + 60) * 1000), "x:1")
    workers = [reporter(store, worker=worker, limit=1)[0] for worker in ("a", "b", "c")]
    started = time.monotonic()
    for _ in range(3):
        for reports in workers:
            await reports.send()
        await store.call("INCRBY", "nvr:{gate}:looked", -1000)
    seconds = time.monotonic() - started
    assert 2_000 <= int((await minute(store))["full_ms"]) - 2_000 <= 2_010 + seconds * 1000


async def test_a_slow_viewer_is_counted_with_what_its_stream_takes_when_it_recovers(store: LosingReplies) -> None:
    whole, slow = Watching("w:1", 800), Watching("w:2", 50, drops=True)
    for id in ("w:1", "w:2"):
        await store.call("HSET", "nvr:{gate}:details", id, ADA.as_json("w"))
        await store.call("ZADD", "nvr:{gate}:set:server", round((time.time() + 60) * 1000), id)
    await reporter(store, whole, slow)[0].send()
    assert await store.call("HGET", EXPECTED, "c1:low") == "880"
    assert await store.call("HMGET", RATES, "w:1", "w:2") == ["880", "880"]
    usage = UsageReport(store, policy.defaults)
    gate = (await usage.system())["gate"]
    assert isinstance(gate, dict)
    assert gate["mbps"] == 0.85  # as it is, not as it is counted


async def test_a_rate_fades_by_a_hundredth_a_second_however_many_report_and_however_often(store: LosingReplies) -> None:
    workers = [reporter(store, Watching(f"{worker}:1", 800), worker=worker)[0] for worker in ("a", "b", "c", "d")]
    for reports in workers:
        await reports.send()
    await store.call("HSET", EXPECTED, "c1:low", 100_000)
    for _ in range(50):
        await workers[0].send(rates=False)
    assert await store.call("HGET", EXPECTED, "c1:low") == "100000"
    for reports in workers:
        await reports.send()
    assert 99_000 <= int(await store.call("HGET", EXPECTED, "c1:low")) <= 99_010


async def test_a_viewer_that_misses_pictures_is_counted_with_what_it_takes_itself_where_that_is_more(
    store: LosingReplies,
) -> None:
    await store.call("HSET", "nvr:{gate}:details", "w:1", ADA.as_json("w"))
    for _ in range(2):
        await reporter(store, Watching("w:1", 2_000, drops=True))[0].send()
    assert await store.call("HGET", RATES, "w:1") == "2200"
    assert await store.call("HGET", EXPECTED, "c1:low") == "2200"  # so is who comes next


async def test_a_rate_is_no_trace_of_a_lease_that_is_gone(store: LosingReplies) -> None:
    await reporter(store, Watching("w:1", 800))[0].send()
    assert await store.call("HLEN", RATES) == 0


async def test_orders_and_the_limits_version_come_with_the_answer_once(store: LosingReplies) -> None:
    reports, _ = reporter(store)
    heard: list[Any] = []
    reports.on_answer = lambda version, orders: heard.append((version, [order["id"] for order in orders]))
    await store.call("SET", POLICY, "41")
    await store.call("RPUSH", ORDERS + "w", '{"id":"w:1"}', '{"id":"w:2"}')
    await store.call("RPUSH", ORDERS + "other", '{"id":"other:1"}')
    await reports.send()
    await reports.send()
    assert heard == [("41", ["w:1", "w:2"]), ("41", [])]


async def test_an_order_that_is_given_again_is_the_same_one(store: LosingReplies) -> None:
    await store.call("HSET", "nvr:{gate}:details", "w:1", ADA.as_json("w"))
    await store.call("ZADD", "nvr:{gate}:set:server", round((time.time() + 60) * 1000), "w:1")
    for _ in range(2):
        assert await stop(store, "w:1", "Gone.")
    assert await store.call("LLEN", ORDERS + "w") == 1
    assert (await read_totals(store))["stopped"] == 1


async def test_orders_whose_answer_was_lost_come_again(store: LosingReplies) -> None:
    reports, _ = reporter(store)
    heard: list[str] = []
    reports.on_answer = lambda version, orders: heard.extend(order["id"] for order in orders)
    await store.call("RPUSH", ORDERS + "w", '{"id":"w:1"}')
    store.loses = True
    with pytest.raises(GateUnavailableError):
        await reports.send()
    store.loses = False
    await reports.send()
    await reports.send()
    assert heard == ["w:1"]


async def test_who_leaves_is_a_worker_no_more_and_its_last_counts_stay(store: LosingReplies) -> None:
    reports, counters = reporter(store)
    await reports.send()
    assert list((await read_usage(store)).workers) == ["w"]
    counters.add("lost")
    await reports.leave()
    assert not (await read_usage(store)).workers
    assert (await read_totals(store))["lost"] == 1
