"""Counts the events of one worker between two reports. Redis adds up the counts of all workers (`lua/report.lua`).

Names of counters: `granted`, `refused:<reason>`, `would_refuse:<reason>` (refused by the limits of a dry run),
`arrivals:<in use>` (viewers admitted while so many slots were in use, see `arrival_group`), `lost`, `frames:<format>`,
`dropped:<format>`, `bytes`, `reopened:<camera>`, `gave_up` (viewers that left the line without a slot). A histogram has
`<name>:le:<bound>` (in this bucket alone), `<name>:sum` and `<name>:count`. Redis itself counts `reclaimed` and `stopped`.
"""

import json
import time
import uuid
from bisect import bisect_left
from collections import defaultdict
from typing import NamedTuple

from streaming.errors import StreamError
from streaming.gate.leases import Holder

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds, of a histogram's buckets
WAITED = "waited"  # the histogram of the time in line, from joining to the slot
WAIT_BOUNDS = (1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1_800, 3_600)
STORE_INTERVAL = 1.0  # seconds between two stored refusals of a viewer; `lua/report.lua` applies it to all workers
EXACT_ARRIVALS = 200
MAX_REFUSALS_IN_REPORT = 1_000  # further refusals are only counted


def arrival_group(in_use: int) -> int:
    """Returns the number that stands for `in_use` in the history: itself up to 200, then rounded down to two digits. So a
    minute has some 500 numbers at most."""
    if in_use <= EXACT_ARRIVALS:
        return in_use
    unit = int(10 ** (len(str(in_use)) - 2))
    return in_use // unit * unit


def bounds_of(histogram: str) -> tuple[float, ...]:
    """Returns the bounds of a histogram's buckets, seconds; a last bucket "inf" has no bound."""
    return WAIT_BOUNDS if histogram == WAITED else BOUNDS


class Counted(NamedTuple):
    """The contents of one report."""

    sequence: int
    counts: dict[str, float]
    refusals: list[str]  # JSON
    peak: int  # most slots in use


class Counters:
    def __init__(self) -> None:
        self._counts: defaultdict[str, float] = defaultdict(float)
        self._refusals: list[str] = []
        self._stored: dict[tuple[str, str, bool], float] = {}  # user, address, dry run -> time.monotonic()
        self._peak = 0
        self._sequence = 0
        self._sent: Counted | None = None

    def add(self, name: str, amount: float = 1) -> None:
        self._counts[name] += amount

    def observe(self, name: str, seconds: float) -> None:
        """Add an observation to a histogram."""
        bounds = bounds_of(name)
        bucket = bisect_left(bounds, seconds)
        self._counts[f"{name}:le:{bounds[bucket] if bucket < len(bounds) else 'inf'}"] += 1
        self._counts[f"{name}:sum"] += seconds
        self._counts[f"{name}:count"] += 1

    def count_arrival(self, in_use: int) -> None:
        """Count a viewer that was admitted while `in_use` slots were in use."""
        self.add(f"arrivals:{arrival_group(in_use)}")

    def record_in_use(self, in_use: int) -> None:
        """Record the slots in use at one moment, so that the report has the peak between two reports."""
        self._peak = max(self._peak, in_use)

    def count_refusal(self, error: StreamError, holder: Holder | None, *, dry_run: bool = False) -> None:
        """Count a refusal, and store one per viewer and `STORE_INTERVAL` with its details.

        `holder` is None if the viewer is unknown. With `dry_run`, the viewer was admitted, and only the limits of the
        dry run refuse.
        """
        self.add(f"{'would_refuse' if dry_run else 'refused'}:{error.reason}")
        if holder is None or len(self._refusals) >= MAX_REFUSALS_IN_REPORT:
            return
        viewer, now = (holder.user_id, holder.address, dry_run), time.monotonic()
        if now - self._stored.get(viewer, -STORE_INTERVAL) >= STORE_INTERVAL:
            self._stored[viewer] = now
            self._refusals.append(_as_json(error, holder, dry_run))

    def take(self) -> Counted:
        """Returns the counts to report. Until `confirm`, each call returns the same counts with the same sequence number."""
        if self._sent is None:
            self._sequence += 1
            self._sent = Counted(self._sequence, dict(self._counts), self._refusals, self._peak)
            self._counts.clear()
            self._refusals, self._peak = [], 0
            oldest = time.monotonic() - STORE_INTERVAL
            self._stored = {viewer: at for viewer, at in self._stored.items() if at > oldest}
        return self._sent

    def confirm(self) -> None:
        """The last report has arrived: the next `take` returns new counts."""
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
