"""Measures what is sent to a viewer, or what a worker sends as still pictures: bytes, frames and kbit/s."""

import math
import time
from collections import deque
from collections.abc import Callable

WINDOW = 5  # seconds over which a rate is measured: longer than a usual GOP
EARLY = 0.9  # of a second: the next sample may come as early as this


class Traffic:
    """Counts the sent bytes, sent frames and dropped frames of one viewer's stream, or of a worker's still pictures.
    Measures their rate in kbit/s.

    The owner must call `sample` once a second, and count dropped frames in `dropped`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.bytes = self.frames = self.dropped = 0
        self._samples: deque[tuple[float, int, int]] = deque(maxlen=WINDOW + 1)  # time, bytes, dropped frames

    def sent(self, size: int) -> None:
        """Count a sent frame of `size` bytes."""
        self.bytes += size
        self.frames += 1

    def totals(self) -> dict[str, int]:
        return {"frames": self.frames, "bytes": self.bytes, "dropped": self.dropped}

    def restart(self) -> None:
        """Measure the rate anew, because the quality or format has changed. The counts go on."""
        self._samples.clear()

    def sample(self) -> None:
        self._samples.append((self._clock(), self.bytes, self.dropped))

    @property
    def kbps(self) -> float:
        """The kbit/s of the last `WINDOW` (5) seconds, or since the first sample if that is more recent; 0 with fewer
        than two samples. Samples before `restart` do not count.
        """
        if len(self._samples) < 2:
            return 0.0
        (started, before, _), (ended, after, _) = self._samples[0], self._samples[-1]
        return (after - before) * 8 / 1000 / max(ended - started, 0.001)

    def kbps_with(self, size: int) -> float:
        """Returns the kbit/s of the last five seconds, or since the first sample, if `size` more bytes were sent now: a
        slightly high estimate. Without a sample (at first, and just after `restart`), all bytes ever counted are taken
        as sent within these seconds.
        """
        started, before, _ = self._samples[0] if self._samples else (-math.inf, 0, 0)
        return (self.bytes + size - before) * 8 / 1000 / min(max(self._clock() - started, EARLY), EARLY * WINDOW)

    @property
    def settled(self) -> bool:
        """Whether the rate is measured over a whole window of 5 seconds."""
        return len(self._samples) > WINDOW

    @property
    def whole(self) -> bool:
        """Whether no frame was dropped in a whole window of 5 seconds: then `kbps` is the full rate of the stream."""
        return self.settled and self._samples[0][2] == self.dropped
