"""The rates with which streams and stills count in the bandwidth budget."""

import time
from dataclasses import replace

from streaming.conf import Timing
from streaming.gate.lease_scripts import LeaseScripts
from streaming.gate.leases import Rate
from streaming.gate.readings import read_summary, read_usage
from streaming.limits import policy
from streaming.reports.usage import UsageReport
from streaming.store.keys import DETAILS, EXPECTED, LOOKED, RATES, SENT, SERVER_SET
from streaming.store.scripts import Store
from tests.streaming.reports.reporters import ADA, Watching, minute, reporter


async def test_a_minute_has_the_highest_rate_that_all_workers_sent_as_measured(
    store: Store,
) -> None:
    await store.call("ZADD", SERVER_SET, round((time.time() + 60) * 1000), "a:1")
    await store.call("HSET", RATES, "a:1", 24_000)
    sent = {"a": 800, "b": 300}
    workers = {name: reporter(store, Watching(f"{name}:1", kbps), worker=name)[0] for name, kbps in sent.items()}
    for name in ("a", "b", "a"):
        await workers[name].send()
        await store.call("INCRBY", LOOKED, -1000)
    assert (await minute(store))["peak_kbps"] == "1100"
    await workers["b"].leave()
    assert await store.call("HGETALL", SENT) == ["a", "800"]


async def test_stills_of_all_workers_count_in_the_budget_until_a_worker_leaves(store: Store) -> None:
    workers = []
    for name, kbps in (("a", 800), ("b", 300)):
        workers.append(reporter(store, worker=name, budget=1_200, stills=Watching("", kbps).traffic)[0])
        await workers[-1].send()
    usage = await read_usage(store)
    assert usage.counted == 1_100
    assert [report["mbps"] for report in usage.workers.values()] == [0.8, 0.3]
    assert await store.call("HGETALL", SENT) == ["a", "800", "b", "300"]
    limits = replace(policy.defaults(), max_mbps=1.2)
    report = UsageReport(store, lambda: limits, worker="b")
    assert not await report.has_room(Rate("c1:low", 200))
    assert await report.has_room_for_stills(400) and not await report.has_room_for_stills(401)
    await workers[0].leave()
    await workers[1].send()
    assert (await read_usage(store)).counted == 300


async def test_a_slow_viewer_counts_with_the_full_rate_of_its_stream(store: Store) -> None:
    whole, slow = Watching("w:1", 800), Watching("w:2", 50, drops=True)
    for id in ("w:1", "w:2"):
        await store.call("HSET", DETAILS, id, ADA.as_json("w"))
        await store.call("ZADD", SERVER_SET, round((time.time() + 60) * 1000), id)
    await reporter(store, whole, slow)[0].send()
    assert await store.call("HGET", EXPECTED, "c1:low") == "880"
    assert await store.call("HMGET", RATES, "w:1", "w:2") == ["880", "880"]
    usage = UsageReport(store, policy.defaults)
    gate = (await usage.system())["gate"]
    assert isinstance(gate, dict)
    assert gate["mbps"] == 0.85  # as it is, not as it is counted


async def test_a_rate_fades_by_1_percent_a_second_however_many_workers_there_are_and_measure_it(store: Store) -> None:
    started = time.monotonic()
    workers = [reporter(store, worker=str(number))[0] for number in range(100)]
    workers[:3] = [reporter(store, Watching(f"{number}:1", 800), worker=str(number))[0] for number in range(3)]
    for reports in workers:
        await reports.send()
    await store.call("HSET", EXPECTED, "c1:low", 100_000)
    for _ in range(10):
        for reports in workers[:3]:
            await reports.send()
        await store.call("HINCRBY", EXPECTED, "faded:c1:low", -2_000)
    rate = int(await store.call("HGET", EXPECTED, "c1:low"))
    seconds = time.monotonic() - started
    assert 100_000 * 0.99 ** (19 + seconds) < rate < 100_000 * 0.99**17


async def test_a_rate_that_nobody_measures_does_not_fade(store: Store) -> None:
    measuring = reporter(store, Watching("w:1", 800))[0]
    await measuring.send()
    await store.call("HSET", EXPECTED, "c1:low", 1_000, "faded:c1:low", 1)  # long ago
    await measuring.send()
    assert int(await store.call("HGET", EXPECTED, "c1:low")) == 942  # six seconds


async def test_a_viewer_with_dropped_frames_counts_with_its_own_rate_if_that_is_higher(
    store: Store,
) -> None:
    await store.call("HSET", DETAILS, "w:1", ADA.as_json("w"))
    for _ in range(2):
        await reporter(store, Watching("w:1", 2_000, drops=True))[0].send()
    assert await store.call("HGET", RATES, "w:1") == "2200"
    assert await store.call("HGET", EXPECTED, "c1:low") == "2200"  # the same for the next viewer


async def test_no_rate_is_stored_for_a_lease_that_has_ended(store: Store) -> None:
    await reporter(store, Watching("w:1", 800))[0].send()
    assert not await store.call("HEXISTS", RATES, "w:1")


async def leases_with_a_wrong_sum(store: Store) -> None:
    """Two leases of 900 kbit/s, and a sum that was recounted long ago."""
    for id in ("a:1", "a:2"):
        await store.call("HSET", DETAILS, id, ADA.as_json("a"))
        await store.call("ZADD", SERVER_SET, round((time.time() + 60) * 1000), id)
        await store.call("HSET", RATES, id, 900)
    await store.call("HSET", RATES, "sum", 500, "recounted", 1)


async def test_a_page_never_recounts_the_rates_of_all_leases(store: Store) -> None:
    await leases_with_a_wrong_sum(store)
    assert (await read_summary(store, rates=True)).counted == 500
    assert await store.call("HMGET", RATES, "sum", "recounted") == ["500", "1"]


async def test_a_report_keeps_the_sum_for_pages_without_a_budget_too(store: Store) -> None:
    await leases_with_a_wrong_sum(store)
    await reporter(store, worker="b")[0].send()
    assert (await read_summary(store, rates=True)).counted == 1_800
    await store.call("HSET", RATES, "sum", 500)
    await store.call("INCRBY", LOOKED, -1_000)
    await reporter(store, worker="b")[0].send()  # without a budget, once in a minute
    assert (await read_summary(store, rates=True)).counted == 500
    await store.call("INCRBY", LOOKED, -1_000)
    await reporter(store, worker="b", budget=5_000)[0].send()
    assert (await read_summary(store, rates=True)).counted == 1_800


async def test_one_change_of_quality_recounts_an_old_sum_for_all_that_follow(store: Store) -> None:
    await leases_with_a_wrong_sum(store)
    scripts = LeaseScripts(store, store, Timing(15), "a")
    slot = Watching("a:1", 0).slot
    assert slot is not None
    refusal = await scripts.change_rate(slot, Rate("c1:high", 2_000), 2_500, 1)
    assert refusal == ["budget", 1_800, 2_500, 2_000]
    await store.call("HSET", RATES, "a:2", 100)  # a recount would see it
    refusal = await scripts.change_rate(slot, Rate("c1:high", 2_000), 2_500, 2)
    assert refusal == ["budget", 1_800, 2_500, 2_000]
