"""Due times of frames."""

import math
import time
from fractions import Fraction

CLOCK_RATE = 90_000
"""RTP's clock for video, Hz (RFC 6184, 5.1)."""


class Pace:
    """Due times at a fixed frame rate. A late caller skips frames and does not catch up in a burst."""

    def __init__(self, rate: Fraction) -> None:
        self._rate = rate
        self._start = time.monotonic()
        self._frame = -1

    def advance(self) -> float:
        """Advance to the next frame that is not over. Returns the seconds until it is due, at most 0 if it is due."""
        elapsed = time.monotonic() - self._start
        self._frame = max(self._frame + 1, math.floor(elapsed * self._rate))
        return float(self._frame / self._rate) - elapsed

    @property
    def ticks(self) -> int:
        """The frame's time, in 1/90,000 s of the monotonic clock."""
        return to_ticks(self._start) + round(self._frame * CLOCK_RATE / self._rate)


def to_ticks(monotonic: float) -> int:
    return round(monotonic * CLOCK_RATE)
