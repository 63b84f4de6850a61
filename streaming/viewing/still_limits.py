"""What stills may cost: so many a second for each user, and their share of the bandwidth budget. They take no slot."""

import time

from streaming.errors import BandwidthReachedError, StillLimitReachedError
from streaming.reports.counters import Counters
from streaming.reports.traffic import WINDOW, Traffic
from streaming.reports.usage import UsageReport

BURST = 2.0  # seconds' worth of stills that a user may ask for at once: a page asks for those of all its cards
USERS = 1_000  # remembered before those are forgotten who have not asked for a while


class StillLimits:
    """Of one worker. `per_user`: stills a second."""

    def __init__(self, worker: str, per_user: float, usage: UsageReport, counters: Counters) -> None:
        self._worker, self._each, self._usage, self._counters = worker, 1 / per_user, usage, counters
        self._used_until: dict[str, float] = {}  # user -> time.monotonic() up to which the rate is used
        self.traffic = Traffic()

    def ask(self, user: str) -> None:
        """A user asks for a still. Raises StillLimitReachedError when that is too many."""
        now = time.monotonic()
        if len(self._used_until) > USERS:
            self._used_until = {one: until for one, until in self._used_until.items() if until > now - BURST}
        until = max(self._used_until.get(user, 0), now - BURST) + self._each
        if until > now:
            raise StillLimitReachedError(retry_after=1)
        self._used_until[user] = until

    async def send(self, size: int) -> None:
        """Count a still of `size` bytes as sent. Raises BandwidthReachedError where the budget has no room for it."""
        if not await self._usage.has_room_for_stills(self._worker, self.traffic.kbps_with(size)):
            raise BandwidthReachedError(retry_after=WINDOW)
        self.traffic.sent(size)
        self._counters.add("bytes", size)
