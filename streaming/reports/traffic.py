"""What a viewing sends, measured where frames are handed to the socket."""

import math
import time
from collections import deque

WINDOW = 5  # seconds over which a rate is measured: longer than the usual group of pictures
EARLY = 0.9  # of a second, after which the next sample may come already


class Traffic:
    """Bytes sent, and the rate of the last seconds. `sample` is called once a second."""

    def __init__(self) -> None:
        self.bytes = self.frames = self.dropped = 0
        self._samples: deque[tuple[float, int, int]] = deque(maxlen=WINDOW + 1)  # time.monotonic(), bytes, dropped

    def sent(self, size: int) -> None:
        self.bytes += size
        self.frames += 1

    def totals(self) -> dict[str, int]:
        return {"frames": self.frames, "bytes": self.bytes, "dropped": self.dropped}

    def restart(self) -> None:
        """Other pictures from now on."""
        self._samples.clear()

    def sample(self) -> None:
        self._samples.append((time.monotonic(), self.bytes, self.dropped))

    @property
    def kbps(self) -> float:
        """Over the last `WINDOW` seconds, or since the first sample; 0 before the second."""
        if len(self._samples) < 2:
            return 0.0
        (started, before, _), (ended, after, _) = self._samples[0], self._samples[-1]
        return (after - before) * 8 / 1000 / max(ended - started, 0.001)

    def kbps_with(self, size: int) -> float:
        """The rate of the last seconds up to this moment, were `size` bytes sent now."""
        started, before, _ = self._samples[0] if self._samples else (-math.inf, 0, 0)
        return (self.bytes + size - before) * 8 / 1000 / min(max(time.monotonic() - started, EARLY), EARLY * WINDOW)

    @property
    def settled(self) -> bool:
        """Whether the rate is that of a whole window."""
        return len(self._samples) > WINDOW

    @property
    def whole(self) -> bool:
        """Whether it is also that of all pictures, so that another viewer would take as much."""
        return self.settled and self._samples[0][2] == self.dropped
