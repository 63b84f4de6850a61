"""How long viewers waited in line, from the histogram `waited` of `counters.py`: bound in seconds -> count of viewers."""

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
    """Returns a column of each field of `Waits`. `gave_up`: of each step, None if nothing is recorded."""
    rows = [
        UNKNOWN if left is None else _waits({bound: found[bound][step] for bound in found}, left)
        for step, left in zip(steps, gave_up, strict=True)
    ]
    return {name: [row[place] for row in rows] for place, name in enumerate(Waits._fields)}


def total(found: Found, gave_up: Iterable[int | None]) -> dict[str, float | None]:
    """Returns the fields of `Waits` of all steps together."""
    return _waits({bound: counts.total() for bound, counts in found.items()}, sum(filter(None, gave_up)))._asdict()


def _waits(counts: Mapping[str, int], gave_up: int) -> Waits:
    return Waits(sum(counts.values()), quantile(counts, 0.5), quantile(counts, HIGH), gave_up)


def quantile(counts: Mapping[str, int], share: float) -> float | None:
    """Estimate the seconds within which `share` of the viewers got their slot; None without viewers.

    Linear within a bucket, as in Prometheus. The last bucket has no bound and counts as the highest one.
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
