"""Reports on a real Redis: the record of a minute, orders, and the end of a worker."""

import time

import pytest

from streaming.errors import GateUnavailableError, LimitReachedError
from streaming.gate.readings import read_totals, read_usage
from streaming.gate.stop_orders import stop
from streaming.reports.reporter import Order
from streaming.store.keys import DETAILS, LOOKED, ORDERS, POLICY, SERVER_SET
from streaming.store.scripts import Store
from tests.streaming.reports.reporters import ADA, LosingReplies, minute, reporter


async def test_a_minute_has_the_peak_between_two_reports(store: Store) -> None:
    reports, counters = reporter(store, limit=5, budget=12_500)
    counters.record_in_use(4)
    counters.add("arrivals:3")
    counters.add("granted")
    counters.count_refusal(LimitReachedError(), None)
    await reports.send()
    await reports.send()
    found = await minute(store)
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
