"""A viewer for long runs: it counts frames and keeps the longest gap, but no record of each frame."""

import asyncio
import time

from bench.clients import StreamClient, Watch


class CountingViewer(StreamClient):
    """A viewer that counts frames. `answered` is set when the server has admitted the viewer or the connection has
    ended; `answer_seconds` is the time from `open` until then.
    """

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch)
        self.count_from_now()
        self.answered, self.answer_seconds = asyncio.Event(), 0.0  # seconds from `open` to `answered`

    @property
    def is_admitted(self) -> bool:
        return bool(self.record.informed)

    @property
    def longest_gap(self) -> float:
        """Returns the longest time without a frame since `count_from_now`, in seconds. The time since the newest frame
        counts.
        """
        return max(self._longest_gap, time.time() - self._newest)

    def count_from_now(self) -> None:
        self.frames, self._longest_gap, self._newest = 0, 0.0, time.time()

    def arrived(self, size: int, data: bytes, read_at: float = 0.0, flags: int = 0) -> None:
        super().arrived(size, data, read_at, flags)
        now = self.record.arrivals.pop().at
        self._longest_gap, self._newest = max(self._longest_gap, now - self._newest), now
        self.frames += 1

    def text(self, payload: bytes) -> None:
        super().text(payload)
        if self.is_admitted:
            self._answer()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._answer()

    def _answer(self) -> None:
        if not self.answered.is_set():
            self.answer_seconds = time.time() - self.record.opened
            self.answered.set()
