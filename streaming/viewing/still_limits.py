"""The limits of still pictures, which are requested over HTTP: a rate limit per user, and the bandwidth budget. Stills
do not count against the limit of concurrent streams.
"""

import time

from streaming.errors import BandwidthReachedError, StillLimitReachedError
from streaming.reports.counters import Counters
from streaming.reports.traffic import WINDOW, Traffic
from streaming.reports.usage import UsageReport

BURST = 2.0  # seconds' worth of stills that a user may request at once: a page requests one for each camera card
USERS = 1_000  # above this number, users without a recent request are forgotten


class StillLimits:
    """The limits of still pictures in one worker process. `per_user`: stills per second, above 0. `usage`: knows
    whether the bandwidth budget has room. `counters`: adds up the bytes sent.
    """

    def __init__(self, per_user: float, usage: UsageReport, counters: Counters) -> None:
        self._each, self._usage, self._counters = 1 / per_user, usage, counters
        self._used_until: dict[str, float] = {}  # user -> time.monotonic() until which their requests use up the rate
        self.traffic = Traffic()

    def count_request(self, user: str) -> None:
        """Count a request for a still picture by the user with this id. Raises StillLimitReachedError, without
        counting it, if the user exceeds the rate limit. After a pause, they may request two seconds' worth of
        stills at once.
        """
        now = time.monotonic()
        if len(self._used_until) > USERS:
            self._used_until = {one: until for one, until in self._used_until.items() if until > now - BURST}
        until = max(self._used_until.get(user, 0), now - BURST) + self._each
        if until > now:
            raise StillLimitReachedError(retry_after=1)
        self._used_until[user] = until

    async def count_sent(self, size: int) -> None:
        """Count a still picture of `size` bytes, just before it is sent. Raises BandwidthReachedError, without counting
        it, if the bandwidth budget has no room. If Redis fails, only this worker's stills count against the budget.
        """
        if not await self._usage.has_room_for_stills(self.traffic.kbps_with(size)):
            raise BandwidthReachedError(retry_after=WINDOW)
        self.traffic.sent(size)
        self._counters.add("bytes", size)
