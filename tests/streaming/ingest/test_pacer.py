"""The frame rate of each quality."""

import random
from collections.abc import Sequence

import pytest

from streaming.ingest.video import Pacer


def passed(rate: float, arrivals: Sequence[float]) -> list[float]:
    pacer = Pacer(rate)
    return [at for at in arrivals if pacer.due(at)]


@pytest.mark.parametrize(("camera", "quality"), [(25, 10), (30, 10), (25, 15), (12.5, 10), (25, 5), (60, 15)])
def test_a_fast_camera_is_limited_to_the_quality_s_rate(camera: float, quality: float) -> None:
    seconds = 20
    shown = passed(quality, [number / camera for number in range(int(camera * seconds))])
    assert len(shown) / seconds == pytest.approx(quality, abs=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_a_camera_of_exactly_the_rate_loses_no_frame_to_jitter(seed: int) -> None:
    late = random.Random(seed)  # noqa: S311 - the same jitter in each run
    arrivals = [number / 10 + late.uniform(0, 0.020) for number in range(600)]
    assert passed(10, arrivals) == arrivals


def test_a_slow_camera_is_shown_whole_and_nothing_is_shown_twice() -> None:
    arrivals = [number / 5 for number in range(100)]
    assert passed(10, arrivals) == arrivals


def test_one_picture_of_a_burst_is_shown_and_then_the_rate_continues() -> None:
    burst = [10 + number / 1000 for number in range(25)]
    after = [10.1 + number / 25 for number in range(50)]
    shown = passed(10, [0.0, *burst, *after])
    assert shown[1:2] == burst[:1]
    assert sum(at <= burst[-1] for at in shown[1:]) == 1
    assert len(shown) - 2 == pytest.approx(20, abs=1)
