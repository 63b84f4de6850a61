"""How often a worker reports to Redis and reads what pages show: the more workers there are, the less often each of them."""

import math

BUSY = 250  # workers up to which each reports once a second; above, 250 of them do in a second
SLOWEST = 5  # times as long


class Pace:
    def __init__(self) -> None:
        self._factor = 1

    def hear(self, workers: int) -> None:
        """Take over the number of workers that report to this Redis."""
        self._factor = min(max(math.ceil(workers / BUSY), 1), SLOWEST)

    def stretch(self, seconds: float) -> float:
        """Returns the interval of what each worker does every `seconds` where workers are few."""
        return seconds * self._factor
