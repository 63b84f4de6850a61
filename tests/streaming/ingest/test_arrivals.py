"""The measured frame rate of a stream, on a clock of the test's own."""

import sys
import threading
from collections.abc import Iterator
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


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("switching")
def test_another_thread_reads_the_rates_while_pictures_arrive() -> None:
    measured, ended = Arrivals(), threading.Event()

    def arrive() -> None:
        while not ended.is_set():
            measured.add([1000])

    thread = threading.Thread(target=arrive)
    thread.start()
    try:
        for _ in range(2000):
            assert min(measured.rate, measured.kbps) >= 0
    finally:
        ended.set()
        thread.join()
