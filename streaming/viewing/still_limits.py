"""The limits of still pictures: a rate limit per user, and the bandwidth budget. Stills take no slot."""

import time

from streaming.errors import BandwidthReachedError, StillLimitReachedError
from streaming.reports.counters import Counters
from streaming.reports.traffic import WINDOW, Traffic
from streaming.reports.usage import UsageReport

BURST = 2.0  # seconds' worth of stills that a user may request at once: a page requests one for each camera card
USERS = 1_000  # above this number, users without a recent request are forgotten


class StillLimits:
    """The limits of one worker. `per_user`: stills per second."""

    def __init__(self, per_user: float, usage: UsageReport, counters: Counters) -> None:
        self._each, self._usage, self._counters = 1 / per_user, usage, counters
        self._used_until: dict[str, float] = {}  # user -> time.monotonic() until which their requests use up the rate
        self.traffic = Traffic()

    def count_request(self, user: str) -> None:
        """Count a user's request for a still. Raises StillLimitReachedError, without counting it, for too many."""
        now = time.monotonic()
        if len(self._used_until) > USERS:
            self._used_until = {one: until for one, until in self._used_until.items() if until > now - BURST}
        until = max(self._used_until.get(user, 0), now - BURST) + self._each
        if until > now:
            raise StillLimitReachedError(retry_after=1)
        self._used_until[user] = until

    async def count_sent(self, size: int) -> None:
        """Count a still of `size` bytes as sent. Raises BandwidthReachedError, without counting it, above the budget."""
        if not await self._usage.has_room_for_stills(self.traffic.kbps_with(size)):
            raise BandwidthReachedError(retry_after=WINDOW)
        self.traffic.sent(size)
        self._counters.add("bytes", size)
