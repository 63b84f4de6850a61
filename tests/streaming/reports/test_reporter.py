"""Reports on a real Redis: the record of a minute, orders, and the end of a worker."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from streaming.errors import GateUnavailableError, LimitReachedError
from streaming.gate.readings import read_totals, read_usage, read_workers
from streaming.gate.stop_orders import stop
from streaming.limits import policy
from streaming.reports.counters import Counters
from streaming.reports.reporter import Order, Reporter, ReportSource
from streaming.reports.traffic import Traffic
from streaming.store.keys import DETAILS, EXPECTED, LOOKED, ORDERS, POLICY, RATES, REPORTS, SERVER_SET
from streaming.store.scripts import Argument, Store
from tests.servers import RedisServer
from tests.streaming.gate.test_readings import commands_of
from tests.streaming.reports.reporters import ADA, LosingReplies, Watching, ignore, minute, reporter


async def test_a_minute_has_the_peak_between_two_reports(store: Store) -> None:
    reports, counters = reporter(store, limit=5, budget=12_500)
    counters.record_in_use(4)
    counters.add("arrivals:3")
    counters.add("granted")
    counters.observe("waited", 50)
    counters.add("gave_up")
    counters.count_refusal(LimitReachedError(), None)
    await reports.send()
    await reports.send()
    found = await minute(store)
    assert (found["waited:le:60"], found["waited:count"], found["gave_up"]) == ("1", "1", "1")
    assert (found["peak"], found["limit"], found["max_kbps"], found["arrivals:3"]) == ("4", "5", "12500", "1")
    assert (found["granted"], found["refused:limit_reached"]) == ("1", "1")
    assert "arrivals:3" not in await read_totals(store)


async def test_time_at_the_limit_is_counted_once_however_many_workers_report(store: Store) -> None:
    await store.call("ZADD", SERVER_SET, round((time.time() + 60) * 1000), "x:1")
    workers = [reporter(store, worker=worker, limit=1)[0] for worker in ("a", "b", "c")]
    started = time.monotonic()
    for _ in range(3):
        for reports in workers:
            await reports.send()
        await store.call("INCRBY", LOOKED, -1000)
    seconds = time.monotonic() - started
    assert 2_000 <= int((await minute(store))["full_ms"]) - 2_000 <= 2_010 + seconds * 1000


async def test_orders_and_the_version_of_the_limits_come_with_the_answer_once(store: Store) -> None:
    heard: list[tuple[str, list[str]]] = []

    def receive(version: str, orders: list[Order]) -> None:
        heard.append((version, [order["id"] for order in orders]))

    reports, _ = reporter(store, receive=receive)
    await store.call("SET", POLICY, "41")
    await store.call("RPUSH", ORDERS + "w", '{"id":"w:1"}', '{"id":"w:2"}')
    await store.call("RPUSH", ORDERS + "other", '{"id":"other:1"}')
    await reports.send()
    await reports.send()
    assert heard == [("41", ["w:1", "w:2"]), ("41", [])]


async def test_a_repeated_order_is_stored_once(store: Store) -> None:
    await store.call("HSET", DETAILS, "w:1", ADA.as_json("w"))
    await store.call("ZADD", SERVER_SET, round((time.time() + 60) * 1000), "w:1")
    for _ in range(2):
        assert await stop(store, "w:1", "Gone.")
    assert await store.call("LLEN", ORDERS + "w") == 1
    assert (await read_totals(store))["stopped"] == 1


async def test_orders_come_again_if_the_answer_is_lost(losing_store: LosingReplies) -> None:
    heard: list[str] = []

    def receive(version: str, orders: list[Order]) -> None:
        heard.extend(order["id"] for order in orders)

    reports, _ = reporter(losing_store, receive=receive)
    await losing_store.call("RPUSH", ORDERS + "w", '{"id":"w:1"}')
    losing_store.loses = True
    with pytest.raises(GateUnavailableError):
        await reports.send()
    losing_store.loses = False
    await reports.send()
    await reports.send()
    assert heard == ["w:1"]


async def test_a_worker_that_leaves_is_removed_and_its_counts_stay(store: Store) -> None:
    reports, counters = reporter(store)
    await reports.send()
    assert list((await read_usage(store)).workers) == ["w"]
    counters.add("lost")
    await reports.leave()
    assert not (await read_usage(store)).workers
    assert (await read_totals(store))["lost"] == 1


async def test_rates_are_measured_and_reported_however_often_cameras_change(store: Store) -> None:
    class Regular(Reporter):
        sent = 0

        async def send(self, *, rates: bool = True) -> None:
            self.sent += rates

    stills = Traffic()
    reports = Regular(store, "w", Counters(), ReportSource(list, dict, policy.defaults), ignore, 15, stills)
    task = asyncio.create_task(reports.run())
    async with asyncio.timeout(30):
        while reports.sent < 3:
            stills.sent(1000)
            reports.soon()
            await asyncio.sleep(0.1)
    task.cancel()
    assert stills.kbps > 0


# Unchanged parts of a report are not sent.


class Watched(Store):
    """Keeps what the last report said."""

    report = ""
    streams: dict[str, Any]

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        if script == "reports/report":
            self.report, self.streams = str(arguments[1]), json.loads(str(arguments[2]))["streams"]
        return await super().run(script, keys, arguments)


@pytest.fixture
async def watched(redis_server: RedisServer) -> AsyncIterator[Watched]:
    store = Watched(redis_server.url)
    yield store
    await store.close()


async def hold(store: Store, *ids: str) -> None:
    for id in ids:
        await store.call("HSET", DETAILS, id, ADA.as_json("w"))
        await store.call("ZADD", SERVER_SET, round((time.time() + 60) * 1000), id)


async def test_an_unchanged_report_is_not_sent_and_its_worker_is_seen_all_the_same(watched: Watched) -> None:
    await hold(watched, "w:1")
    reports, _ = reporter(watched, Watching("w:1", 800))
    await reports.send()
    assert watched.report and watched.streams
    await reports.send()
    first = (await read_workers(watched))["w"]
    await asyncio.sleep(0.01)
    await reports.send()
    assert (watched.report, watched.streams) == ("", {})
    second = (await read_workers(watched))["w"]
    assert second.pop("seen") > first.pop("seen") and second == first


async def test_a_report_is_sent_whole_after_redis_has_lost_it(watched: Watched) -> None:
    await hold(watched, "w:1")
    reports, _ = reporter(watched, Watching("w:1", 800))
    for _ in range(3):
        await reports.send()
    await watched.call("DEL", REPORTS, RATES)
    await reports.send()
    await reports.send()
    assert list(await read_workers(watched)) == ["w"]
    assert await watched.call("HGET", RATES, "w:1") == "880"


async def test_a_report_is_sent_whole_after_a_lost_answer(losing_store: LosingReplies) -> None:
    await hold(losing_store, "w:1")
    reports, _ = reporter(losing_store, Watching("w:1", 800))
    for _ in range(2):
        await reports.send()
    losing_store.loses = True
    with pytest.raises(GateUnavailableError):
        await reports.send()
    losing_store.loses = False
    await losing_store.call("DEL", REPORTS, RATES)
    await reports.send()
    assert await losing_store.call("HGET", RATES, "w:1") == "880"


async def test_streams_are_counted_anew_when_another_worker_measures_more_or_the_rate_has_faded(
    watched: Watched,
) -> None:
    await hold(watched, "w:1", "w:2")
    reports, _ = reporter(watched, Watching("w:1", 800), Watching("w:2", 50, drops=True))
    for _ in range(2):
        await reports.send()
    for kbps in ("2000", "1000"):
        await watched.call("HSET", EXPECTED, "c1:low", kbps)
        await reports.send(rates=False)
        await reports.send(rates=False)
        assert await watched.call("HMGET", RATES, "w:1", "w:2") == [kbps, kbps]
    for kbps in ("910", "1029"):  # still within the tolerance
        await watched.call("HSET", EXPECTED, "c1:low", kbps)
        await reports.send(rates=False)
        await reports.send(rates=False)
        assert watched.streams == {}


async def test_a_new_stream_is_sent_alone(watched: Watched) -> None:
    await hold(watched, "w:1", "w:2")
    watching = [Watching("w:1", 800)]
    reports, _ = reporter(watched, *watching)
    reports._source = replace(reports._source, viewings=lambda: watching)
    for _ in range(2):
        await reports.send()
    watching.append(Watching("w:2", 50, drops=True))
    await reports.send()
    assert list(watched.streams) == ["w:2"]
    assert await watched.call("HMGET", RATES, "w:1", "w:2") == ["880", "880"]


async def test_a_report_costs_redis_as_many_commands_with_a_hundred_streams_as_with_one(watched: Watched) -> None:
    spent = []
    for count in (1, 100):
        ids = [f"w:{number}" for number in range(count)]
        await hold(watched, *ids)
        reports, _ = reporter(watched, *(Watching(id, 800) for id in ids))
        for _ in range(2):
            await reports.send()
        await watched.call("DEL", LOOKED)  # this report does what is done once a second
        before = await commands_of(watched)
        await reports.send()
        after = await commands_of(watched)
        spent.append(sum(after.values()) - sum(before.values()))
    assert abs(spent[0] - spent[1]) <= 3  # a new highest rate is stored
    assert max(spent) < 50
