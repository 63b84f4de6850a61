"""Reads the recorded history from the database: the figures of each minute, and refused viewers.

For pages and API: a chart, the hours of the day compared, the preview of another limit, the list of refused viewers.
All functions block on the database.
"""

import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from statistics import fmean
from typing import Any
from uuid import UUID

from django.db.models import Avg, Count, F, Max, Q, QuerySet, Sum
from django.utils import timezone

from streaming.models import Minute, Refusal
from streaming.reports import waits
from streaming.reports.counters import arrival_group

MAX_POINTS = 1_500
MAX_REFUSALS_LISTED = 500
FIGURES = ("minute", "peak", "limit", "mbps_peak", "max_mbps", "mbps", "seconds_at_full", "gave_up")
FULL = "limit_reached"  # the only refusal that depends on `max_concurrent`


def chart(since: datetime, until: datetime, step_minutes: int) -> dict[str, Any]:
    """Returns columns of equal length: one entry per step of `step_minutes` from `since` to before `until`.

    Steps begin at multiples of their length, and are longer if there would be more than `MAX_POINTS`. An entry is
    None if nothing is recorded: no worker ran, the minutes have not ended yet, or they were deleted after 30 days.

    step: minutes. time: start of the step, Unix seconds. peak, mbps_peak: the most streams at once, and the highest
    Mbit/s. limit, max_mbps (0: unlimited): the limits in the minute of each peak. mbps: average. seconds_at_full:
    for how long the limit of streams was reached. refusals: reason -> column of refused viewers. would_refuse:
    the same for viewers that a dry run of limits would have refused. waited: viewers admitted after a wait in line.
    wait_median, wait_high: seconds that 50% and 95% of these waited at most; None if nobody waited. gave_up:
    viewers who left the line without a stream. No columns: waits, a dict with waited, wait_median, wait_high and
    gave_up of the whole time; limits and budgets, lists of (begin, end, limit) in Unix seconds: when each limit of
    streams, and of Mbit/s, was in force.
    """
    first, end = _minute(since), math.ceil(until.timestamp() / 60)
    step = max(1, step_minutes, math.ceil((end - first) / (MAX_POINTS - 1)))
    steps = range(first // step, max(first, end - 1) // step + 1) if end > first else range(0)
    recorded = Minute.objects.filter(minute__gte=first, minute__lt=end)
    rows = list(recorded.order_by("minute").values_list(*FIGURES))
    figures = {row[0]: row[1:] for row in _by_step(rows, step)}
    known = [figures.get(number, (None,) * 7) for number in steps]
    peak, limit, mbps, mbps_peak, max_mbps, full, gave_up = ([row[column] for row in known] for column in range(7))
    refused, would, waited = _counts(recorded, step)
    return {
        "step": step,
        "time": [number * step * 60 for number in steps],
        "peak": peak,
        "limit": limit,
        "mbps": _rounded(mbps),
        "mbps_peak": _rounded(mbps_peak),
        "max_mbps": max_mbps,
        "seconds_at_full": _rounded(full),
        "refusals": _columns(refused, steps, figures),
        "would_refuse": _columns(would, steps, figures),
        **waits.columns(waited, steps, gave_up),
        "waits": waits.total(waited, gave_up),
        "limits": _spans((minute, limit) for minute, _, limit, *_ in rows),
        "budgets": _spans((minute, budget) for minute, _, _, _, budget, *_ in rows),
    }


def _by_step(rows: Iterable[tuple[Any, ...]], step: int) -> Iterable[tuple[Any, ...]]:
    """Yield (step's number, peak, limit, mbps, mbps_peak, max_mbps, seconds_at_full, gave_up) per recorded step.

    `rows`: recorded minutes in order, with the columns `FIGURES`. `step`: its length in minutes. The steps are
    numbered from the Unix epoch. limit: that of the minute with the highest peak. max_mbps: that of the minute with
    the highest mbps_peak. mbps: average of the recorded minutes.
    """
    for number, group in groupby(rows, lambda row: int(row[0]) // step):
        minutes = list(group)
        _, peak, limit, *_ = max(minutes, key=lambda row: (row[1], -row[2]))
        *_, mbps_peak, max_mbps, _, _, _ = max(minutes, key=lambda row: (row[3], -row[4]))
        *_, mbps, full, gave_up = zip(*minutes, strict=True)
        yield number, peak, limit, fmean(mbps), mbps_peak, max_mbps, sum(full), sum(gave_up)


def _spans(minutes: Iterable[tuple[int, float]]) -> list[tuple[int, int, float]]:
    """Returns (begin, end, limit) for each run of successive minutes with the same limit, in Unix seconds.

    `minutes`: (Unix time / 60, limit) in order. A limit of 0 (unlimited) gives no span.
    """
    spans: list[tuple[int, int, float]] = []
    for minute, limit in minutes:
        begin, end = minute * 60, minute * 60 + 60
        if spans and spans[-1][1:] == (begin, limit):
            begin = spans.pop()[0]
        if limit:
            spans.append((begin, end, limit))
    return spans


def _counts(recorded: "QuerySet[Minute]", step: int) -> tuple[dict[str, Counter[int]], ...]:
    """Returns three mappings, each of a key to: step's number -> count of viewers. `step`: its length in minutes.

    The steps are numbered as by `_by_step`. The keys: the reason of a refusal; the reason why a dry run of limits would
    have refused; and, of viewers admitted after waiting in line, the bucket of their waiting time (its upper bound in
    seconds, or "inf").
    """
    sums: tuple[dict[str, Counter[int]], ...] = ({}, {}, {})
    some = recorded.filter(Q(refused__gt=0) | ~Q(would_refuse={}) | ~Q(waited={}))
    for minute, *found in some.values_list("minute", "refusals", "would_refuse", "waited"):
        for by_step, counts in zip(sums, found, strict=True):
            for name, count in counts.items():
                by_step.setdefault(name, Counter())[minute // step] += count
    return sums


def _columns(sums: dict[str, Counter[int]], steps: Iterable[int], known: dict[int, Any]) -> dict[str, list[int | None]]:
    return {reason: [sums[reason][step] if step in known else None for step in steps] for reason in sorted(sums)}


def _rounded(column: list[float | None]) -> list[float | None]:
    return [None if value is None else round(value, 3) for value in column]


def hour_of_day(days: int) -> list[dict[str, Any]]:
    """Returns 24 rows, one for each hour of the day (UTC), over the last `days` days.

    hour: 0 to 23. minutes: how many are recorded. average_peak, max_peak: of the most streams at once in each minute;
    None without a minute. refusals: refused viewers.
    """
    rows = (
        _last(days)
        .annotate(hour=F("minute") / 60 % 24)
        .values_list("hour")
        .annotate(Count("minute"), Avg("peak"), Max("peak"), Sum("refused"))
        .order_by("hour")
    )
    found = {row[0]: row[1:] for row in rows}
    hours = []
    for hour in range(24):
        minutes, average, most, refused = found.get(hour, (0, None, None, 0))
        average = None if average is None else round(float(average), 2)
        hours.append({"hour": hour, "minutes": minutes, "average_peak": average, "max_peak": most, "refusals": refused})
    return hours


def preview(max_concurrent: int, days: int) -> dict[str, Any]:
    """Estimate what a limit of `max_concurrent` streams (1 or more) would have changed for the new viewers of the
    last `days` days.

    minutes: recorded ones. minutes_above: those with more streams at once than the new limit. highest_peak: most
    streams at once. granted: admitted viewers. refused: those refused at the limit of streams. newcomers: granted +
    refused. refused_otherwise: refused for reasons that do not depend on `max_concurrent`; not among newcomers.

    would_be_refused: how many of the newcomers the limit would have refused. would_be_admitted: how many of the
    refused it would have admitted, because the limit at that time was lower. Each newcomer is compared with the
    streams that really ran. Under a lower limit fewer would have run, so would_be_refused is an upper bound. Under
    a higher limit more would have run: would_be_admitted is an upper bound, and would_be_refused may be too low.
    """
    recorded = _last(days)
    facts = recorded.aggregate(
        minutes=Count("minute"), above=Count("minute", filter=Q(peak__gt=max_concurrent)), highest=Max("peak")
    )
    granted, met_full = _arrivals(recorded, max_concurrent)
    refused, admitted, otherwise = 0, 0, 0
    for limit, total, reasons in recorded.filter(refused__gt=0).values_list("limit", "refused", "refusals"):
        full = reasons.get(FULL, 0)
        refused += full
        admitted += full if limit < max_concurrent else 0
        otherwise += total - full
    return {
        "max_concurrent": max_concurrent,
        "days": days,
        "minutes": facts["minutes"],
        "minutes_above": facts["above"],
        "highest_peak": facts["highest"] or 0,
        "newcomers": granted + refused,
        "granted": granted,
        "refused": refused,
        "refused_otherwise": otherwise,
        "would_be_refused": met_full + refused - admitted,
        "would_be_admitted": admitted,
    }


def _arrivals(recorded: "QuerySet[Minute]", limit: int) -> tuple[int, int]:
    """Returns how many viewers were admitted, and how many of them while `limit` or more streams were running.

    Above 200, the history has the number of streams rounded down. `limit` is rounded in the same way, so the second
    result is an upper bound.
    """
    granted, met_full, full = 0, 0, arrival_group(limit)
    for arrivals in recorded.filter(granted__gt=0).values_list("arrivals", flat=True):
        for in_use, count in arrivals.items():
            granted += count
            met_full += count if int(in_use) >= full else 0
    return granted, met_full


def describe_refusals(limit: int = 100, before: datetime | None = None) -> list[dict[str, Any]]:
    """Returns the newest refused viewers, newest first, as dicts for JSON with the fields of `Refusal`.

    `time` is in Unix milliseconds. At most `limit`, never more than `MAX_REFUSALS_LISTED` (500), and only those
    before `before` if it is given. Those with `dry_run` were admitted: only a dry run of limits would refuse them.
    """
    return [_as_told(refusal) for refusal in refusal_rows(limit, before)]


def refusal_rows(limit: int, before: datetime | None = None, after: UUID | None = None) -> list[Refusal]:
    """Returns the rows of refused viewers, the newest first; only those before `before` if it is given.

    At most `limit`, and never more than `MAX_REFUSALS_LISTED` (500). `after`: id of the last row of the previous page,
    whose time is `before`. Then the result begins with the rows of the same time that come after that row, because
    several can have the same time.
    """
    found = Refusal.objects.all()
    if before is not None:
        rest = Q(time=before, pk__gt=after) if after is not None else Q()
        found = found.filter(Q(time__lt=before) | rest)
    return list(found.order_by("-time", "pk")[: max(0, min(limit, MAX_REFUSALS_LISTED))])


def _as_told(refusal: Refusal) -> dict[str, Any]:
    names = ("user", "user_id", "camera", "camera_id", "quality", "address", "reason", "dry_run")
    return {
        "id": str(refusal.id),
        "time": round(refusal.time.timestamp() * 1000),
        **{name: getattr(refusal, name) for name in names},
        "in_use": _whole(refusal.in_use),
        "limit": _whole(refusal.limit),
    }


def _whole(number: float | None) -> float | int | None:
    return int(number) if number is not None and number.is_integer() else number


def _last(days: int) -> "QuerySet[Minute]":
    return Minute.objects.filter(minute__gte=_minute(timezone.now() - timedelta(days=days)))


def _minute(moment: datetime) -> int:
    return int(moment.timestamp() // 60)
