"""The recorded history: charts, hours of the day, previews of a limit, refusals."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from streaming.models import Minute, Refusal
from streaming.reports import history

pytestmark = pytest.mark.django_db

NOON = 29_000_160  # a minute at a full hour, in 2025


def at(minute: float) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


def minute(number: int, **fields: Any) -> None:
    Minute.objects.create(minute=number, refused=sum(fields.get("refusals", {}).values()), **fields)


def ago(minutes: int) -> int:
    return int(time.time() // 60) - minutes


# The chart.


def test_a_chart_has_a_point_for_each_minute_and_gaps_where_nothing_is_recorded() -> None:
    minute(NOON, peak=3, limit=10, mbps=4.5, mbps_peak=6.25, seconds_at_full=1.5, refusals={"limit_reached": 2})
    minute(NOON + 2, peak=5, limit=8, max_mbps=20.5, would_refuse={"limit_reached": 1})
    minute(NOON + 3, peak=99)  # after `until`
    assert history.chart(at(NOON), at(NOON + 3), 1) == {
        "step": 1,
        "time": [NOON * 60, NOON * 60 + 60, NOON * 60 + 120],
        "peak": [3, None, 5],
        "limit": [10, None, 8],
        "mbps": [4.5, None, 0],
        "mbps_peak": [6.25, None, 0],
        "max_mbps": [0, None, 20.5],
        "seconds_at_full": [1.5, None, 0],
        "refusals": {"limit_reached": [2, None, 0]},
        "would_refuse": {"limit_reached": [0, None, 1]},
        "waited": [0, None, 0],
        "wait_median": [None, None, None],
        "wait_high": [None, None, None],
        "gave_up": [0, None, 0],
        "waits": {"waited": 0, "wait_median": None, "wait_high": None, "gave_up": 0},
        "limits": [(NOON * 60, NOON * 60 + 60, 10), (NOON * 60 + 120, NOON * 60 + 180, 8)],
        "budgets": [(NOON * 60 + 120, NOON * 60 + 180, 20.5)],
    }


def test_a_longer_step_has_the_highest_peak_the_average_rate_and_sums() -> None:
    minute(NOON, peak=3, limit=10, mbps=4, mbps_peak=6, seconds_at_full=1.5, refusals={"a": 2})
    minute(NOON + 4, peak=7, limit=8, mbps=5, mbps_peak=5, seconds_at_full=2, refusals={"a": 1, "b": 5})
    minute(NOON + 10, peak=1, limit=8)
    told = history.chart(at(NOON), at(NOON + 15), 5)
    assert told["time"] == [NOON * 60, NOON * 60 + 300, NOON * 60 + 600]
    assert (told["peak"], told["limit"]) == ([7, None, 1], [8, None, 8])
    assert (told["mbps"], told["mbps_peak"], told["seconds_at_full"]) == (
        [4.5, None, 0],
        [6, None, 0],
        [3.5, None, 0],
    )
    assert told["refusals"] == {"a": [3, None, 0], "b": [5, None, 0]}


def test_a_longer_step_has_the_limits_of_the_minutes_with_its_peaks() -> None:
    minute(NOON, peak=10, limit=10, mbps_peak=9, max_mbps=40)
    minute(NOON + 1, peak=9, limit=3, mbps_peak=18.5, max_mbps=20)  # draining after the limit was lowered
    minute(NOON + 4, peak=10, limit=1000, mbps_peak=18, max_mbps=0)  # raised for a moment
    told = history.chart(at(NOON), at(NOON + 5), 5)
    assert (told["peak"], told["limit"]) == ([10], [10])
    assert (told["mbps_peak"], told["max_mbps"]) == ([18.5], [20])


def test_each_limit_that_was_in_force_is_told_with_its_time_however_long_a_step_is() -> None:
    for number, limit in enumerate((10, 10, 3, 1000, 10, 10)):
        minute(NOON + number, peak=2, limit=limit)
    minute(NOON + 8, limit=10)
    spans = history.chart(at(NOON), at(NOON + 10), 120)["limits"]
    told = [((begin - NOON * 60) // 60, (end - NOON * 60) // 60, limit) for begin, end, limit in spans]
    assert told == [(0, 2, 10), (2, 3, 3), (3, 4, 1000), (4, 6, 10), (8, 9, 10)]


def test_the_waits_of_minutes_are_added_up_before_median_and_95_percent_are_taken() -> None:
    minute(NOON, waited={"10": 1}, gave_up=1)
    minute(NOON + 1, waited={"600": 3}, gave_up=2)
    minute(NOON + 5)
    told = history.chart(at(NOON), at(NOON + 15), 5)
    assert (told["waited"], told["gave_up"]) == ([4, 0, None], [3, 0, None])
    assert (told["wait_median"], told["wait_high"]) == ([500, None, None], [590, None, None])
    assert told["waits"] == {"waited": 4, "wait_median": 500, "wait_high": 590, "gave_up": 3}


def test_a_chart_without_time_or_without_recorded_minutes_is_empty() -> None:
    assert history.chart(at(NOON), at(NOON), 1)["time"] == []
    assert history.chart(at(NOON), at(NOON - 5), 1)["time"] == []
    assert history.chart(at(NOON), at(NOON + 2), 0)["peak"] == [None, None]


@pytest.mark.parametrize(("minutes", "step"), [(1_499, 1), (30 * 1440, 1), (30 * 1440, 60), (3_000_000, 1)])
def test_a_chart_has_1500_points_at_most(minutes: int, step: int) -> None:
    told = history.chart(at(NOON - minutes), at(NOON), step)
    assert len(told["time"]) == len(told["peak"]) <= 1_500
    assert told["step"] >= step
    assert told["time"][-1] < NOON * 60 <= told["time"][-1] + told["step"] * 60


def test_thirty_days_of_minutes_are_charted_in_two_queries(capsys: pytest.CaptureFixture[str]) -> None:
    now = ago(0)
    counts = {"limit_reached": 2, "user_limit_reached": 1, "bandwidth_reached": 3}
    arrivals = {str(in_use): in_use % 3 + 1 for in_use in range(12)}
    Minute.objects.bulk_create(
        Minute(
            minute=now - age,
            peak=age % 11,
            limit=10,
            mbps=12.5,
            mbps_peak=20,
            granted=24,
            refused=6 * (age % 2),
            refusals=counts if age % 2 else {},
            arrivals=arrivals,
        )
        for age in range(1, 43_201)
    )
    began = time.perf_counter()
    with CaptureQueriesContext(connection) as queries:
        told = history.chart(at(now - 43_200), at(now), 1)
    charted = time.perf_counter()
    history.hour_of_day(30)
    hours = time.perf_counter()
    assert history.preview(8, 30)["minutes"] >= 43_199
    done = time.perf_counter()
    with capsys.disabled():
        spent = f"chart {charted - began:.2f} s, hours {hours - charted:.2f} s, preview {done - hours:.2f} s"
        print(f"\n30 days of minutes: {spent}")  # noqa: T201
    assert len(queries) == 2
    assert sum(told["refusals"]["bandwidth_reached"]) == 3 * 21_600
    assert done - began < 20


# The hours of the day.


def test_hours_of_the_day_have_average_and_highest_peak_and_refusals() -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
    for day, peak in ((0, 4), (1, 8)):
        first = int((hour - timedelta(days=day)).timestamp() // 60)
        minute(first, peak=peak, refusals={"limit_reached": 1})
        minute(first + 59, peak=0, refusals={"limit_reached": 2})
    minute(int((hour - timedelta(days=9)).timestamp() // 60), peak=99)
    told = history.hour_of_day(7)
    assert [row["hour"] for row in told] == list(range(24))
    assert told[hour.hour] == {"hour": hour.hour, "minutes": 4, "average_peak": 3, "max_peak": 8, "refusals": 6}
    others = [row for row in told if row["hour"] != hour.hour]
    assert all((row["minutes"], row["average_peak"], row["refusals"]) == (0, None, 0) for row in others)


# The preview of a limit.


def test_a_lower_limit_refuses_viewers_who_met_as_many_streams_and_those_refused_before() -> None:
    refused = {"limit_reached": 2, "user_limit_reached": 1}
    minute(ago(10), peak=10, limit=10, granted=6, arrivals={"6": 3, "7": 1, "8": 1, "9": 1}, refusals=refused)
    minute(ago(20), peak=8, limit=10, granted=4, arrivals={"0": 4})
    minute(ago(8 * 1440), peak=10, limit=10, granted=1, arrivals={"9": 1})  # before the first day
    assert history.preview(8, 7) == {
        "max_concurrent": 8,
        "days": 7,
        "minutes": 2,
        "minutes_above": 1,
        "highest_peak": 10,
        "newcomers": 12,
        "granted": 10,
        "refused": 2,
        "refused_otherwise": 1,
        "would_be_refused": 2 + 2,
        "would_be_admitted": 0,
    }


def test_a_higher_limit_admits_only_viewers_whom_the_lower_limit_refused() -> None:
    minute(ago(10), peak=10, limit=10, refusals={"limit_reached": 5, "camera_limit_reached": 2})
    minute(ago(20), peak=30, limit=30, refusals={"limit_reached": 1})
    told = history.preview(20, 7)
    assert (told["would_be_admitted"], told["would_be_refused"], told["newcomers"]) == (5, 1, 6)
    assert told["refused_otherwise"] == 2


def test_refusals_for_other_reasons_do_not_count_against_a_limit() -> None:
    minute(ago(10), peak=1, limit=10, refusals={"not_authenticated": 20})
    told = history.preview(1, 7)
    assert (told["would_be_refused"], told["newcomers"], told["refused_otherwise"]) == (0, 0, 20)


def test_the_limit_in_force_changes_nothing() -> None:
    minute(ago(10), peak=10, limit=10, granted=2, arrivals={"8": 1, "9": 1}, refusals={"limit_reached": 5})
    told = history.preview(10, 7)
    assert (told["would_be_refused"], told["refused"], told["minutes_above"]) == (5, 5, 0)


def test_a_preview_without_recorded_minutes_is_all_zero() -> None:
    told = history.preview(8, 7)
    assert (told["minutes"], told["newcomers"], told["highest_peak"], told["would_be_refused"]) == (0, 0, 0, 0)


# Refusals.


def test_refusals_come_newest_first_a_page_at_a_time() -> None:
    now = timezone.now().replace(microsecond=250_000)
    Refusal.objects.bulk_create(
        Refusal(time=now - timedelta(seconds=age), user=f"user {age}", reason="limit_reached", in_use=10, limit=10)
        for age in range(5)
    )
    first = history.describe_refusals(2)
    assert [row["user"] for row in first] == ["user 0", "user 1"]
    assert first[0]["time"] == round(now.timestamp() * 1000)
    assert (first[0]["in_use"], first[0]["limit"], first[0]["dry_run"]) == (10, 10, False)
    rest = history.describe_refusals(10, before=datetime.fromtimestamp(first[-1]["time"] / 1000, UTC))
    assert [row["user"] for row in rest] == ["user 2", "user 3", "user 4"]


def test_a_page_of_refusals_is_bounded() -> None:
    Refusal.objects.bulk_create(Refusal(time=timezone.now()) for _ in range(510))
    assert [len(history.describe_refusals(asked)) for asked in (100_000, 500, 0, -1)] == [500, 500, 0, 0]
