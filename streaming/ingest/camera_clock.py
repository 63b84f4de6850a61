"""Measures how late a camera's pictures arrive, by the clock in its RTCP sender reports (RFC 3550, 6.4.1)."""

import struct
import time

REPORT = struct.Struct("!BBHIQI")  # RTCP: flags, type, size, source, NTP time, timestamp
NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970
LONGEST_DELAY = 10.0  # seconds: a camera that seems to be later has a wrong clock
SHARE = 0.1  # of the newest delay in the average
CLOCK_RATE = 90_000  # of all video


def ticks(earlier: int, later: int) -> int:
    """Returns the ticks from RTP timestamp `earlier` to `later`, negative if `later` precedes. Both wrap at 2**32."""
    return (later - earlier + 2**31) % 2**32 - 2**31


class CameraClock:
    """The average `delay` in ms from a picture's capture to its arrival, by the clock in RTCP sender reports.
    None: not known yet, or the camera's clock seems wrong, as the newest delay is below 0 or above 10 s."""

    def __init__(self) -> None:
        self.delay: float | None = None  # milliseconds, on average; None: not known, or the clock is wrong
        self._report: tuple[int, float, int] | None = None  # source, Unix seconds, timestamp

    def reported(self, report: tuple[int, ...]) -> None:
        """Store a sender report, which links RTP timestamps to the camera's clock.

        `report`: its fields in the order of the struct `REPORT`: flags, type, size, source (SSRC), NTP time, RTP
        timestamp.
        """
        _, _, _, source, ntp, timestamp = report
        self._report = (source, ntp / 2**32 - NTP_EPOCH, timestamp)

    def arrived(self, source: int, timestamp: int) -> None:
        """Update `delay` by a picture that has just arrived. Does nothing without a sender report of its source.

        `source` and `timestamp`: the SSRC and the RTP timestamp of the picture's packets.
        """
        if self._report is None or self._report[0] != source:
            return
        delay = time.time() - self._report[1] - ticks(self._report[2], timestamp) / CLOCK_RATE
        if not 0 <= delay <= LONGEST_DELAY:
            self.delay = None
        elif self.delay is None:
            self.delay = delay * 1000
        else:
            self.delay += SHARE * (delay * 1000 - self.delay)
