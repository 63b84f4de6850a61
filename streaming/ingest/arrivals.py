"""Measures the frame rate and the bandwidth of a camera's stream. One thread adds pictures; any thread reads."""

import time
from collections import deque

SILENT = 2.0  # seconds without a picture after which the rates are 0
NEWEST = 2.0  # seconds of pictures by which the frame rate is measured
KEPT = 250  # pictures by which the bandwidth is measured: more than a usual GOP
SETTLED = 2.0  # seconds of pictures, at least, for a bandwidth


class Arrivals:
    """The newest pictures of a stream, as times of arrival and sizes, and the rates that follow from them."""

    def __init__(self) -> None:
        self._newest: deque[tuple[float, int]] = deque(maxlen=KEPT)  # time.monotonic(), bytes

    def add(self, sizes: list[int]) -> None:
        """Count pictures that arrive now. `sizes`: the bytes of each."""
        now = time.monotonic()
        self._newest.extend((now, size) for size in sizes)

    def clear(self) -> None:
        self._newest.clear()

    @property
    def rate(self) -> float:
        """Frames/s of the newest 2 seconds of pictures; 0 if none came for 2 seconds, or only one so far. Too low while
        these pictures span less than a second."""
        times = [at for at, _ in list(self._newest)]  # a list, because another thread adds
        if len(times) < 2 or time.monotonic() - times[-1] > SILENT:
            return 0.0
        times = [at for at in times if at >= times[-1] - NEWEST]
        return (len(times) - 1) / max(times[-1] - times[0], 1.0)

    @property
    def kbps(self) -> float:
        """kbit/s of the newest 250 pictures; 0 if none came for 2 seconds, or if they span less than 2 seconds."""
        arrivals = list(self._newest)
        if len(arrivals) < 2 or time.monotonic() - arrivals[-1][0] > SILENT:
            return 0.0
        seconds = arrivals[-1][0] - arrivals[0][0]
        return sum(size for _, size in arrivals[1:]) * 8 / 1000 / seconds if seconds >= SETTLED else 0.0
