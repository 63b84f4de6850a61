"""One reading of Redis for many pages."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from streaming.complaints import Complaint
from streaming.errors import GateUnavailableError
from streaming.reports.pace import Pace

FRESH = 0.5  # seconds

T = TypeVar("T")


class Cached(Generic[T]):
    """The result of `read`, at most `fresh` seconds old, more with many workers; `missing` if Redis did not answer."""

    def __init__(self, read: Callable[[], Awaitable[T]], missing: T, pace: Pace, fresh: float = FRESH) -> None:
        self._read, self._value, self._missing, self._pace, self._fresh = read, missing, missing, pace, fresh
        self._read_at = -math.inf
        self._lock = asyncio.Lock()
        self.complaint: Complaint | None = None  # why Redis did not answer

    async def get(self) -> T:
        async with self._lock:
            if time.monotonic() - self._read_at > self._pace.stretch(self._fresh):
                try:
                    self._value, self.complaint = await self._read(), None
                except GateUnavailableError as error:
                    self._value, self.complaint = self._missing, error.complaint
                self._read_at = time.monotonic()
            return self._value
