"""How long viewers waited in line before they were admitted: median and 95th percentile.

The data is the histogram `waited` of `counters.py`: upper bound of a bucket in seconds -> viewers in this bucket alone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streaming.reports.counters import WAIT_BOUNDS

HIGH = 0.95  # share of the viewers that waited for `Waits.wait_high` at most


class Waits(NamedTuple):
    waited: int  # viewers who got a slot after waiting
    wait_median: float | None  # seconds, None if nobody waited
    wait_high: float | None  # seconds for the 95th percentile
    gave_up: int  # viewers who left the line without a slot


UNKNOWN = (None,) * len(Waits._fields)
Found = Mapping[str, Counter[int]]  # bound -> step of a chart -> count


def columns(found: Found, steps: Iterable[int], gave_up: Iterable[int | None]) -> dict[str, list[float | None]]:
    """Returns the columns waited, wait_median, wait_high and gave_up, each with an entry per step of a chart.

    waited: viewers admitted after waiting in line. wait_median, wait_high: seconds that 50% and 95% of these waited at
    most; None if nobody waited. `found`: upper bound of a histogram's bucket -> step's number -> viewers. `steps`:
    their numbers. `gave_up`: for each step, the viewers who left the line without a stream; None: nothing is recorded,
    and all four entries are None.
    """
    rows = [
        UNKNOWN if left is None else _waits({bound: found[bound][step] for bound in found}, left)
        for step, left in zip(steps, gave_up, strict=True)
    ]
    return {name: [row[place] for row in rows] for place, name in enumerate(Waits._fields)}


def total(found: Found, gave_up: Iterable[int | None]) -> dict[str, float | None]:
    """Returns how long viewers waited in line, over all steps of a chart together.

    waited: viewers admitted after waiting. wait_median, wait_high: seconds that 50% and 95% of these waited at most;
    None if nobody waited. gave_up: sum of the argument `gave_up`, for each step the viewers who left the line without a
    stream (None counts as 0). `found`: upper bound of a histogram's bucket -> step's number -> viewers.
    """
    return _waits({bound: counts.total() for bound, counts in found.items()}, sum(filter(None, gave_up)))._asdict()


def _waits(counts: Mapping[str, int], gave_up: int) -> Waits:
    return Waits(sum(counts.values()), quantile(counts, 0.5), quantile(counts, HIGH), gave_up)


def quantile(counts: Mapping[str, int], share: float) -> float | None:
    """Estimate the seconds for which `share` (0 to 1) of the viewers waited at most before admission; None without
    viewers.

    `counts`: upper bound of a bucket, one of WAIT_BOUNDS as text -> viewers in this bucket alone. The estimate is linear
    within a bucket, as in Prometheus. Waits beyond the highest bound count as this bound.
    """
    target = share * sum(counts.values())
    if not target:
        return None
    below, lower = 0, 0.0
    for bound in WAIT_BOUNDS:
        count = counts.get(str(bound), 0)
        if count and below + count >= target:
            return round(lower + (bound - lower) * (target - below) / count, 1)
        below, lower = below + count, bound
    return lower
