"""A short cache for a query of Redis, so that many open pages cause one query, not one each."""

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
    """Caches the result of the query `read` for `fresh` seconds, up to five times as long with many workers (`pace`).

    If Redis did not answer, the value is `missing` until the next query.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], missing: T, pace: Pace, fresh: float = FRESH) -> None:
        self._read, self._value, self._missing, self._pace, self._fresh = read, missing, missing, pace, fresh
        self._read_at = -math.inf
        self._lock = asyncio.Lock()
        self.complaint: Complaint | None = None  # why Redis did not answer

    async def get(self) -> T:
        """Returns the cached value, which the caller must not change. Queries anew if it is too old.

        If Redis fails, returns `missing` and sets `complaint` to the reason. A query that succeeds sets it to None.
        """
        async with self._lock:
            if time.monotonic() - self._read_at > self._pace.stretch(self._fresh):
                try:
                    self._value, self.complaint = await self._read(), None
                except GateUnavailableError as error:
                    self._value, self.complaint = self._missing, error.complaint
                self._read_at = time.monotonic()
            return self._value
