"""The measured frame rate of a stream, on a clock of the test's own."""

from types import SimpleNamespace

import pytest

from streaming.ingest import arrivals
from streaming.ingest.arrivals import Arrivals


@pytest.mark.parametrize("rate", [1, 5, 15, 25, 60, 100])
def test_the_frame_rate_is_that_of_the_camera_and_follows_a_change(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now, measured = 100.0, Arrivals()
    monkeypatch.setattr(arrivals, "time", SimpleNamespace(monotonic=lambda: now))
    for frames_per_second in (30, rate):
        for _ in range(4 * frames_per_second):
            now += 1 / frames_per_second
            measured.add([1000])
        assert measured.rate == pytest.approx(frames_per_second)
