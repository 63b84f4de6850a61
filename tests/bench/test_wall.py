"""The figures of the benchmark of a wall."""

from bench.wall import OPENED, gate_p95, most_at_once, too_many

METRICS = """
streams_admission_seconds_bucket{worker="a",le="0.01"} 90
streams_admission_seconds_bucket{worker="a",le="0.025"} 98
streams_admission_seconds_bucket{worker="a",le="0.05"} 100
streams_admission_seconds_bucket{worker="a",le="+Inf"} 100
streams_admission_seconds_count{worker="a"} 100
"""


def test_the_gates_p95_is_interpolated_in_its_bucket() -> None:
    assert round(gate_p95(METRICS), 3) == 19.375  # 5 of the 8 between 10 and 25 ms


def test_the_most_openings_are_counted_from_each_of_them() -> None:
    assert most_at_once([0, 0.25, 0.5, 0.75, 1.0, 1.25]) == 4
    assert most_at_once([0, 5, 5.1, 5.2, 5.3, 5.4, 9]) == 5


def test_openings_that_are_seen_a_few_milliseconds_closer_together_are_not_too_many() -> None:
    apart = [0.25 * number for number in range(OPENED)]
    assert not too_many(apart)
    assert not too_many([*apart[:-1], apart[-1] - 0.009])  # 4.004 a second
    assert not too_many([0.03, *apart[1:]])  # a first one that was seen late


def test_more_than_four_openings_in_one_second_or_on_average_are_too_many() -> None:
    apart = [0.25 * number for number in range(OPENED)]
    assert too_many([*apart[:10], apart[10] - 0.2, *apart[10:]])
    assert too_many([0.238 * number for number in range(OPENED)])  # 4.2 a second, never five in one
