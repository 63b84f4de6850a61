"""How long viewers waited, estimated from the counts of a histogram."""

import pytest

from streaming.reports.waits import quantile


@pytest.mark.parametrize(
    ("counts", "median", "high"),
    [
        ({}, None, None),
        ({"10": 1}, 7.5, 9.8),  # between 5 and 10 seconds
        ({"1": 2, "60": 2}, 1, 58.5),
        ({"5": 19, "600": 1}, 3.6, 5),
        ({"inf": 3}, 3_600, 3_600),
    ],
)
def test_median_and_95_percent_of_the_waits(counts: dict[str, int], median: float | None, high: float | None) -> None:
    assert quantile(counts, 0.5) == median
    assert quantile(counts, 0.95) == high
