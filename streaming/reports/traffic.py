"""Measures what a viewing sends, where frames go to the socket."""

import math
import time
from collections import deque
from collections.abc import Callable

WINDOW = 5  # seconds over which a rate is measured: longer than a usual GOP
EARLY = 0.9  # of a second: the next sample may come as early as this


class Traffic:
    """Counts bytes and frames, and measures the rate of the last seconds. The owner calls `sample` once a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.bytes = self.frames = self.dropped = 0
        self._samples: deque[tuple[float, int, int]] = deque(maxlen=WINDOW + 1)  # time, bytes, dropped frames

    def sent(self, size: int) -> None:
        """Count a frame of `size` bytes."""
        self.bytes += size
        self.frames += 1

    def totals(self) -> dict[str, int]:
        return {"frames": self.frames, "bytes": self.bytes, "dropped": self.dropped}

    def restart(self) -> None:
        """Measure anew, because the quality or format has changed."""
        self._samples.clear()

    def sample(self) -> None:
        self._samples.append((self._clock(), self.bytes, self.dropped))

    @property
    def kbps(self) -> float:
        """The rate of the last `WINDOW` seconds, or since the first sample; 0 with fewer than two samples."""
        if len(self._samples) < 2:
            return 0.0
        (started, before, _), (ended, after, _) = self._samples[0], self._samples[-1]
        return (after - before) * 8 / 1000 / max(ended - started, 0.001)

    def kbps_with(self, size: int) -> float:
        """The rate of the last seconds until now if `size` bytes were sent now."""
        started, before, _ = self._samples[0] if self._samples else (-math.inf, 0, 0)
        return (self.bytes + size - before) * 8 / 1000 / min(max(self._clock() - started, EARLY), EARLY * WINDOW)

    @property
    def settled(self) -> bool:
        """Whether the samples cover a whole window."""
        return len(self._samples) > WINDOW

    @property
    def whole(self) -> bool:
        """Whether the samples cover a whole window without a dropped frame, so that another viewer would take as much."""
        return self.settled and self._samples[0][2] == self.dropped
