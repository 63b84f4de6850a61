"""Counts and refusals reach Redis once, also if an answer is lost."""

import asyncio
import json
from dataclasses import replace

import pytest

from streaming.errors import BandwidthReachedError, GateUnavailableError, LimitReachedError
from streaming.gate.readings import read_totals
from streaming.reports.counters import MAX_REFUSALS_IN_REPORT, Counters, arrival_group
from streaming.store.keys import REFUSAL_LIST
from streaming.store.scripts import Store
from tests.streaming.reports.reporters import ADA, LosingReplies, reporter

BOB = replace(ADA, user="Bob", user_id="2")
ELSEWHERE = replace(ADA, address="::2")


async def stored(store: Store) -> list[tuple[str, str, bool]]:
    rows = [json.loads(text) for text in await store.call("LRANGE", REFUSAL_LIST, 0, -1)]
    return [(row["user"], row["address"], row["dry_run"]) for row in rows]


async def test_counts_of_two_workers_are_added_up(store: Store) -> None:
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


async def test_counts_are_added_once_if_the_answer_is_lost(losing_store: LosingReplies) -> None:
    reports, counters = reporter(losing_store)
    counters.add("granted", 3)
    counters.count_refusal(LimitReachedError(in_use=2, limit=2), ADA)
    losing_store.loses = True
    with pytest.raises(GateUnavailableError):
        await reports.send()
    counters.add("granted", 4)
    losing_store.loses = False
    await reports.send()
    await reports.send()
    assert (await read_totals(losing_store))["granted"] == 7
    (refusal,) = await losing_store.call("LRANGE", REFUSAL_LIST, 0, -1)
    told = json.loads(refusal)
    assert (told["user"], told["reason"], told["in_use"], told["dry_run"]) == ("Ada", "limit_reached", 2, False)


@pytest.mark.timing("one refusal a second")
async def test_all_refusals_of_a_viewer_are_counted_and_one_a_second_is_stored_over_all_workers(
    store: Store,
) -> None:
    for worker in ("a", "b"):
        reports, counters = reporter(store, worker=worker)
        for _ in range(3):
            for holder in (ADA, BOB, ELSEWHERE):
                counters.count_refusal(LimitReachedError(in_use=2, limit=2), holder)
            counters.count_refusal(LimitReachedError(in_use=2, limit=2), ADA, dry_run=True)
            await reports.send()
    totals = await read_totals(store)
    assert (totals["refused:limit_reached"], totals["would_refuse:limit_reached"]) == (18, 6)
    once = [("Ada", "::1", False), ("Bob", "::1", False), ("Ada", "::2", False), ("Ada", "::1", True)]
    assert await stored(store) == once
    await asyncio.sleep(1)
    counters.count_refusal(LimitReachedError(in_use=2, limit=2), ADA)
    await reports.send()
    assert await stored(store) == [*once, once[0]]


async def test_many_refusals_of_one_viewer_leave_room_for_those_of_others(store: Store) -> None:
    reports, counters = reporter(store)
    for _ in range(MAX_REFUSALS_IN_REPORT):
        counters.count_refusal(LimitReachedError(in_use=2, limit=2), ADA)
    counters.count_refusal(LimitReachedError(in_use=2, limit=2), BOB)
    await reports.send()
    assert await stored(store) == [("Ada", "::1", False), ("Bob", "::1", False)]


async def test_a_refusal_for_bandwidth_is_stored_with_mbit_s(store: Store) -> None:
    reports, counters = reporter(store)
    counters.count_refusal(BandwidthReachedError(mbps=18.5, max_mbps=20.0, expected_mbps=2.0, retry_after=5), ADA)
    await reports.send()
    (refusal,) = await store.call("LRANGE", REFUSAL_LIST, 0, -1)
    told = json.loads(refusal)
    assert (told["reason"], told["in_use"], told["limit"]) == ("bandwidth_reached", 18.5, 20)


def test_a_minute_has_a_bounded_number_of_groups_of_arrivals() -> None:
    counters = Counters()
    for in_use in range(100_000):
        counters.count_arrival(in_use)
    groups = counters.take().counts
    assert len(groups) < 500
    assert sum(groups.values()) == 100_000
    assert {arrival_group(in_use) for in_use in range(201)} == set(range(201))
    assert [arrival_group(in_use) for in_use in (201, 999, 1_000, 99_999)] == [200, 990, 1_000, 99_000]
