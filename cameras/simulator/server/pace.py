"""When the next frame is due."""

import math
import time
from fractions import Fraction

CLOCK_RATE = 90_000
"""RTP's clock for video, Hz (RFC 6184, 5.1)."""


class Pace:
    """Absolute deadlines at a frame rate. A late caller skips slots; it never catches up in a burst."""

    def __init__(self, rate: Fraction) -> None:
        self._rate = rate
        self._start = time.monotonic()
        self._slot = -1

    def advance(self) -> float:
        """Take the next slot that is not over yet; the seconds until it is due, 0 or less if it is."""
        elapsed = time.monotonic() - self._start
        self._slot = max(self._slot + 1, math.floor(elapsed * self._rate))
        return float(self._slot / self._rate) - elapsed

    @property
    def ticks(self) -> int:
        """The time of the slot, 90 kHz of the monotonic clock."""
        return to_ticks(self._start) + round(self._slot * CLOCK_RATE / self._rate)


def to_ticks(monotonic: float) -> int:
    return round(monotonic * CLOCK_RATE)
