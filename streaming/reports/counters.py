"""What a worker counts between two reports. The report hands it to Redis, which adds up all workers' (`lua/report.lua`).

Names: `granted`, `refused:<reason>`, `would_refuse:<reason>` (by the dry run's limits), `arrivals:<in use>` (newcomers that
met so many), `lost`, `frames:<format>`, `dropped:<format>`, `bytes`, `reopened:<camera>`, and of each histogram
`<name>:le:<bound>` (in this bucket alone), `<name>:sum`, `<name>:count`. Redis counts `reclaimed` and `stopped` itself.
"""

import json
import time
import uuid
from bisect import bisect_left
from collections import defaultdict

from streaming.errors import StreamError
from streaming.gate.leases import Holder

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds, of every histogram
STORED = 1.0  # seconds in which a viewer's further refusals are counted only; so has `lua/report.lua`, for all workers
MAX_REFUSALS_IN_REPORT = 1_000  # kept by a worker for the next report; a storm's others are counted only


class Counters:
    def __init__(self) -> None:
        self._counts: defaultdict[str, float] = defaultdict(float)
        self._refusals: list[str] = []
        self._stored: dict[tuple[str, str, bool], float] = {}  # viewer, and whether in dry run -> time.monotonic()
        self._peak = 0
        self._sequence = 0
        self._sent: tuple[dict[str, float], list[str], int] | None = None

    def add(self, name: str, amount: float = 1) -> None:
        self._counts[name] += amount

    def observe(self, name: str, seconds: float) -> None:
        """An observation of a histogram."""
        bucket = bisect_left(BOUNDS, seconds)
        self._counts[f"{name}:le:{BOUNDS[bucket] if bucket < len(BOUNDS) else 'inf'}"] += 1
        self._counts[f"{name}:sum"] += seconds
        self._counts[f"{name}:count"] += 1

    def saw(self, in_use: int) -> None:
        """So many slots were in use at one moment: a peak between two looks at the gate is not missed."""
        self._peak = max(self._peak, in_use)

    def refused(self, error: StreamError, holder: Holder | None, *, dry_run: bool = False) -> None:
        """Somebody was refused, or would have been by limits that are only tried; who, where it is known, but at most
        once in `STORED` for each viewer."""
        self.add(f"{'would_refuse' if dry_run else 'refused'}:{error.reason}")
        if holder is None or len(self._refusals) >= MAX_REFUSALS_IN_REPORT:
            return
        viewer, now = (holder.user_id, holder.address, dry_run), time.monotonic()
        if now - self._stored.get(viewer, -STORED) >= STORED:
            self._stored[viewer] = now
            self._refusals.append(_as_json(error, holder, dry_run))

    def take(self) -> tuple[int, dict[str, float], list[str], int]:
        """Sequence number, counts, refusals and peak to report: what was sent last, under the same number, until `confirm`
        says that it arrived."""
        if self._sent is None:
            self._sent = dict(self._counts), self._refusals, self._peak
            self._counts.clear()
            self._refusals, self._peak = [], 0
            oldest = time.monotonic() - STORED
            self._stored = {viewer: at for viewer, at in self._stored.items() if at > oldest}
            self._sequence += 1
        return self._sequence, *self._sent

    def confirm(self) -> None:
        self._sent = None


def _as_json(error: StreamError, holder: Holder, dry_run: bool) -> str:
    names = ("user", "user_id", "camera", "camera_id", "quality", "address")
    return json.dumps(
        {
            "id": str(uuid.uuid4()),
            "time": time.time() * 1000,
            **{name: getattr(holder, name) for name in names},
            "reason": error.reason,
            "in_use": error.facts.get("in_use", error.facts.get("mbps")),
            "limit": error.facts.get("limit", error.facts.get("max_mbps")),
            "dry_run": dry_run,
        },
        separators=(",", ":"),
    )
