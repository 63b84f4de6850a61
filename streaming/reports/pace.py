"""How often each worker reports to Redis and reads what pages show: less often with more than 250 workers."""

import math

BUSY = 250  # workers up to which each reports once a second; above, 250 of them do in a second
SLOWEST = 5  # times as long


class Pace:
    def __init__(self) -> None:
        self._factor = 1

    def hear(self, workers: int) -> None:
        """Set how many workers report to this Redis. `stretch` depends on it."""
        self._factor = min(max(math.ceil(workers / BUSY), 1), SLOWEST)

    def stretch(self, seconds: float) -> float:
        """Returns the interval in seconds for a task that each worker does every `seconds`: with more than 250 workers,
        two to five times that.
        """
        return seconds * self._factor
