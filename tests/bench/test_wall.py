"""The figures of the benchmark of a wall."""

from bench.wall import gate_p95, most_at_once

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
