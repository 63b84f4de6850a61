"""The recorded past, for pages and API: a chart, the hours of a day, a limit tried against it, who was refused.

Asks the database, so off the loop. What recorder.py writes; its names are here, too: history is one word for both.
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
from streaming.reports.recorder import KEEP, purge, run, write_out

__all__ = ["KEEP", "chart", "hour_of_day", "preview", "purge", "refusals", "refused", "run", "write_out"]

MAX_POINTS = 1_500
MAX_REFUSALS_LISTED = 500
FULL = "limit_reached"  # the refusal that another `max_concurrent` might have spared


def chart(since: datetime, until: datetime, step_minutes: int) -> dict[str, Any]:
    """Columns of equal length, one entry for each `step` minutes from `since` to before `until`; the step is made longer
    where there would be more than 1,500. None where nothing is recorded: no worker ran, or it is older than 30 days.

    time: Unix seconds, when the step begins; peak, mbps_peak: the highest; limit, max_mbps (0: none): of the minutes in
    which those were; mbps: the average; seconds_at_full: their sum; refusals and would_refuse: for each reason that
    occurs, a column of their number.
    """
    first, end = _minute(since), math.ceil(until.timestamp() / 60)
    step = max(1, step_minutes, math.ceil((end - first) / (MAX_POINTS - 1)))
    steps = range(first // step, max(first, end - 1) // step + 1) if end > first else range(0)
    recorded = Minute.objects.filter(minute__gte=first, minute__lt=end)
    figures = {row[0]: row[1:] for row in _by_step(recorded, step)}
    known = [figures.get(number, (None,) * 6) for number in steps]
    peak, limit, mbps, mbps_peak, max_mbps, full = ([row[column] for row in known] for column in range(6))
    refused, would = _reasons(recorded, step)
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
    }


def _by_step(recorded: "QuerySet[Minute]", step: int) -> Iterable[tuple[Any, ...]]:
    """A limit goes with what was seen under it: of several in one step, each with the minute that is told."""
    names = ("minute", "peak", "limit", "mbps_peak", "max_mbps", "mbps", "seconds_at_full")
    rows = recorded.order_by("minute").values_list(*names)
    for number, group in groupby(rows, lambda row: int(row[0]) // step):
        minutes = list(group)
        _, peak, limit, *_ = max(minutes, key=lambda row: (row[1], -row[2]))
        *_, mbps_peak, max_mbps, _, _ = max(minutes, key=lambda row: (row[3], -row[4]))
        *_, mbps, full = zip(*minutes, strict=True)
        yield number, peak, limit, fmean(mbps), mbps_peak, max_mbps, sum(full)


def _reasons(recorded: "QuerySet[Minute]", step: int) -> tuple[dict[str, Counter[int]], dict[str, Counter[int]]]:
    """Reason -> step -> how many, of refusals and of those whom a trial would have refused."""
    refused: dict[str, Counter[int]] = {}
    would: dict[str, Counter[int]] = {}
    some = recorded.filter(Q(refused__gt=0) | ~Q(would_refuse={}))
    for minute, *both in some.values_list("minute", "refusals", "would_refuse"):
        for sums, counts in zip((refused, would), both, strict=True):
            for reason, count in counts.items():
                sums.setdefault(reason, Counter())[minute // step] += count
    return refused, would


def _columns(sums: dict[str, Counter[int]], steps: Iterable[int], known: dict[int, Any]) -> dict[str, list[int | None]]:
    return {reason: [sums[reason][step] if step in known else None for step in steps] for reason in sorted(sums)}


def _rounded(column: list[float | None]) -> list[float | None]:
    return [None if value is None else round(value, 3) for value in column]


def hour_of_day(days: int) -> list[dict[str, Any]]:
    """For each hour of the day, by UTC, over the last `days`: minutes recorded, the average and the highest of their
    peaks (None without any), refusals."""
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
    """What a limit of `max_concurrent` would have done to the newcomers of the last `days`.

    An estimate from above for a lower limit: each newcomer meets those who were there then, of whom the limit would
    have kept some out. Whoever was refused by a lower limit than the new one counts as admitted, in `would_be_admitted`.

    minutes: recorded; minutes_above: whose peak was above the new limit; highest_peak; newcomers = granted + refused for
    want of a slot; would_be_refused: of the newcomers; refused_otherwise: by what another `max_concurrent` does not change.
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
    """How many newcomers were granted a slot, and how many of them when `limit` or more were in use."""
    granted, met_full = 0, 0
    for arrivals in recorded.filter(granted__gt=0).values_list("arrivals", flat=True):
        for in_use, count in arrivals.items():
            granted += count
            met_full += count if int(in_use) >= limit else 0
    return granted, met_full


def refusals(limit: int = 100, before: datetime | None = None) -> list[dict[str, Any]]:
    """The newest refusals, at most 500, those earlier than `before`; `time` in Unix milliseconds, as all of a viewer's."""
    return [_as_told(refusal) for refusal in refused(limit, before)]


def refused(limit: int, before: datetime | None = None, after: UUID | None = None) -> list[Refusal]:
    """The same as they are stored, and of `before` itself those that come after the refusal `after`: of one moment there
    are many, and a part may end among them."""
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
