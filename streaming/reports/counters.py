"""Counts the events of one worker between two reports to Redis. Redis adds up the counts of all workers.

Names of counters: `granted` (viewers that got a slot, the right to stream), `refused:<reason>`, `would_refuse:<reason>`
(refused by the limits of a dry run, which refuses nobody), `arrivals:<in use>` (viewers admitted while so many slots
were in use, see `arrival_group`), `lost` (streams that ended because their slot was lost), `frames:<format>` (sent),
`dropped:<format>` (frames not sent to slow viewers), `bytes` (sent), `reopened:<camera id>` (a lost camera is
opened again), `gave_up` (viewers that left the waiting line without a slot). A histogram has `<name>:le:<bound>` (in
this bucket alone), `<name>:sum` and `<name>:count`. Redis itself counts `reclaimed` (slots whose lease expired) and
`stopped` (streams that an administrator stopped). `lua/report.lua` adds up.
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
WAITED = "waited"  # the histogram of the time in line
WAIT_BOUNDS = (1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1_800, 3_600)
STORE_INTERVAL = 1.0  # seconds between two stored refusals of a viewer; `lua/report.lua` applies it to all workers
EXACT_ARRIVALS = 200
MAX_REFUSALS_IN_REPORT = 1_000  # further refusals are only counted


def arrival_group(in_use: int) -> int:
    """Returns `in_use`, a number of running streams, rounded down to two significant digits if above 200.

    The history counts the viewers that were admitted at each such number. Rounded, these are some 500 numbers a minute
    at most.
    """
    if in_use <= EXACT_ARRIVALS:
        return in_use
    unit = int(10 ** (len(str(in_use)) - 2))
    return in_use // unit * unit


def bounds_of(histogram: str) -> tuple[float, ...]:
    """Returns the upper bounds in seconds of the buckets of a histogram: up to an hour for "waited", up to 10 s for any
    other name. Longer times are in a last bucket "inf", which is not among them.
    """
    return WAIT_BOUNDS if histogram == WAITED else BOUNDS


class Counted(NamedTuple):
    """The counts and refused viewers of one report from a worker to Redis."""

    sequence: int  # Redis adds up the counts of each number once
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
        """Count a duration in the histogram `name`: "first_picture" (from the request for a slot to the first frame
        sent), "waited" (from the request for a slot to the slot, of viewers who stood in line), or "admission" (the
        same of all other viewers). The request for a slot comes after the checks of log-in and access.
        """
        bounds = bounds_of(name)
        bucket = bisect_left(bounds, seconds)
        self._counts[f"{name}:le:{bounds[bucket] if bucket < len(bounds) else 'inf'}"] += 1
        self._counts[f"{name}:sum"] += seconds
        self._counts[f"{name}:count"] += 1

    def count_arrival(self, in_use: int) -> None:
        """Count a viewer that was admitted while `in_use` other streams were running, at all workers."""
        self.add(f"arrivals:{arrival_group(in_use)}")

    def record_in_use(self, in_use: int) -> None:
        """Record that `in_use` streams were running at one moment, at all workers. The next report has the highest such
        number.
        """
        self._peak = max(self._peak, in_use)

    def count_refusal(self, error: StreamError, holder: Holder | None, *, dry_run: bool = False) -> None:
        """Count a refused viewer. Also keep the details of one refusal per viewer and second for the database, of
        `MAX_REFUSALS_IN_REPORT` (1,000) at most between two reports.

        `error`: why. `holder`: the viewer and what they asked for; None if unknown: then the refusal is only counted.
        `dry_run`: the viewer was admitted; only the limits of a dry run, which refuses nobody, would have refused them.
        This is counted as `would_refuse`; the details are kept too.
        """
        self.add(f"{'would_refuse' if dry_run else 'refused'}:{error.reason}")
        if holder is None or len(self._refusals) >= MAX_REFUSALS_IN_REPORT:
            return
        viewer, now = (holder.user_id, holder.address, dry_run), time.monotonic()
        if now - self._stored.get(viewer, -STORE_INTERVAL) >= STORE_INTERVAL:
            self._stored[viewer] = now
            self._refusals.append(_as_json(error, holder, dry_run))

    def take(self) -> Counted:
        """Returns the counts to report. Until `confirm` is called, returns the same ones with the same sequence number.

        So Redis knows a repeated report, after an answer was lost, and does not count it again.
        """
        if self._sent is None:
            self._sequence += 1
            self._sent = Counted(self._sequence, dict(self._counts), self._refusals, self._peak)
            self._counts.clear()
            self._refusals, self._peak = [], 0
            oldest = time.monotonic() - STORE_INTERVAL
            self._stored = {viewer: at for viewer, at in self._stored.items() if at > oldest}
        return self._sent

    def confirm(self) -> None:
        """Forget the counts that `take` returned, because Redis has them. The next `take` returns new ones."""
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
