"""One simulator for each test, on its own port, and a small camera that is quick to encode."""

from collections.abc import Iterator

import pytest

from cameras.simulator import SimulatedCamera, Simulator


@pytest.fixture(autouse=True)
def _open_fast_and_over_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens FFmpeg's analysis, which takes a second for each open."""
    options = "rtsp_transport;tcp|analyzeduration;200000|probesize;100000"
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", options)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def camera(simulator: Simulator) -> SimulatedCamera:
    return simulator.add(SimulatedCamera("Front door", "front-door", 320, 180))
