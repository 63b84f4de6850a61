"""Calculates when each frame of a stream is due."""

import math
import time
from fractions import Fraction

CLOCK_RATE = 90_000
"""RTP's clock for video, Hz (RFC 6184, 5.1)."""


class Pace:
    """Calculates when frames are due at a fixed rate, in frames per second, from its construction on.

    A late caller skips frames and does not catch up in a burst.
    """

    def __init__(self, rate: Fraction) -> None:
        self._rate = rate
        self._start = time.monotonic()
        self._frame = -1

    def advance(self) -> float:
        """Advance to the next frame, and skip frames whose period has passed. Returns the seconds until it is due.

        The seconds are 0 or negative if the frame is due already.
        """
        elapsed = time.monotonic() - self._start
        self._frame = max(self._frame + 1, math.floor(elapsed * self._rate))
        return float(self._frame / self._rate) - elapsed

    @property
    def ticks(self) -> int:
        """Returns when the current frame is due, in 1/90,000 s of the monotonic clock (RTP's unit for video)."""
        return to_ticks(self._start) + round(self._frame * CLOCK_RATE / self._rate)


def to_ticks(monotonic: float) -> int:
    """Convert seconds of the monotonic clock to 1/90,000 s, RTP's unit for video."""
    return round(monotonic * CLOCK_RATE)
