"""The present usage of streams, cameras and bandwidth over all workers, for pages, API and metrics.

It is cached briefly, so that many open pages cause few queries.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from streaming.complaints import Complaint
from streaming.errors import GateUnavailableError
from streaming.gate.leases import Rate, Summary
from streaming.gate.readings import count_leases, read_expected, read_summary, read_workers
from streaming.limits.policy import Policy
from streaming.limits.user_limits import UserLimits
from streaming.reports.cached import Cached
from streaming.reports.camera_states import SERVES, CameraStates, read_states
from streaming.reports.pace import Pace
from streaming.reports.viewer_list import ViewerList, Viewers
from streaming.store.keys import CAMERA_SET, USER_SET
from streaming.store.scripts import Store

HIGH, CRITICAL = 0.75, 0.9  # share of a limit at which the page warns the administrator
VIEWERS = 100  # of a page of *System*

Row = dict[str, Any]


class UsageReport:
    """The usage of slots (rights to stream), cameras and bandwidth over all workers, as dictionaries for JSON.

    Counts of slots are at most half a second old; the Mbit/s that are sent and the states of cameras, a few seconds.
    With over 250 workers, all may be older.
    """

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        complaint: Callable[[], Complaint | None] = lambda: None,
        eviction: Callable[[], str] = lambda: "",
        worker: str = "",
        pace: Pace | None = None,
    ) -> None:
        """`policy`: returns the limits in force. `complaint`: returns why Redis refused this worker's last report, or
        None. `eviction`: returns Redis's maxmemory-policy if it may evict slots, else "". `worker`: this worker's id.
        `pace`: extends the cache's time if workers are many."""
        self._store, self._policy, self._last_complaint, self._eviction = store, policy, complaint, eviction
        self._worker, pace = worker, pace or Pace()
        self._summary: Cached[Summary | None] = Cached(lambda: self._read(rates=bool(policy().budget)), None, pace)
        self._whole_summary: Cached[Summary | None] = Cached(lambda: self._read(rates=True), None, pace)
        self._cameras = Cached(CameraStates(store).read, dict[str, Row](), pace, SERVES)
        self._workers = Cached(lambda: read_workers(store), dict[str, Row](), pace)
        self._viewers = ViewerList(store)

    # For everybody.

    async def summary(self, *, operator: bool) -> Row:
        """Returns in_use, limit (of all streams, 1 or more), available, waiting (viewers in line) and state.

        state: "open"; "recovering": new viewers wait because Redis is new or has lost its data; or "unavailable":
        Redis fails, and in_use and waiting are None. available: how many more streams the limit leaves to this
        viewer; 0 unless the state is "open". `operator`: whether they may use the slots reserved for a group."""
        gate = self._gate(*await self._now(), {})
        available = gate["available" if operator else "available_ordinary"]
        return {**{name: gate[name] for name in ("in_use", "limit", "state", "waiting")}, "available": available}

    async def has_room(self, rate: Rate) -> bool:
        """Returns whether the bandwidth limit has room for one more stream of the expected `rate`. True if there is no
        such limit; otherwise False if Redis fails.

        A stream that alone exceeds the limit is admitted if there is no other.
        """
        budget = self._policy().budget
        if not budget:
            return True
        summary, _ = await self._now()
        try:
            expected = await read_expected(self._store, rate)
        except GateUnavailableError:
            return False
        if summary is None:
            return False
        return summary.counted + expected <= budget or (expected > budget and summary.in_use == 0)

    async def has_room_for_stills(self, kbps: float) -> bool:
        """Returns whether the bandwidth limit has room if this worker now sends `kbps` of still pictures in all.
        True if there is no such limit.

        `kbps` replaces the rate that it reported last. If Redis fails, only `kbps` is compared with the limit.
        """
        budget = self._policy().budget
        if not budget:
            return True
        summary, _ = await self._now()
        return (summary.counted - summary.stills if summary else 0) + kbps <= budget

    async def viewers_of(self, camera: str) -> int:
        """Returns how many viewers stream a camera, given by its id; 0 also if Redis fails."""
        return await self._count(CAMERA_SET + camera) or 0

    async def metrics(self, user_id: str, limits: UserLimits) -> dict[str, Any]:
        """Returns a user's view of the usage over all workers, without personal data of others: gate (slots in_use,
        limit, available, waiting, state), cameras that a worker streams or has open (id -> state, viewers,
        frames_per_second; empty if Redis fails), max_per_camera (limit of viewers, 0: unlimited), yours (the user's
        streams in_use, None if Redis fails, and their limit, 0: unlimited), time (Unix ms).

        The caller must leave out cameras that are hidden from the user, in a copy: all calls share `cameras`.
        """
        gate = await self.summary(operator=limits.operator)
        answers = gate["state"] != "unavailable"
        return {
            "gate": gate,
            "cameras": await self._cameras.get() if answers else {},
            "max_per_camera": self._policy().max_per_camera,
            "yours": {"in_use": await self._count(USER_SET + user_id) if answers else None, "limit": limits.streams},
            "time": time.time() * 1000,
        }

    async def _count(self, set: str) -> int | None:
        """Returns how many streams a camera or user has; None if Redis fails. `set`: the Redis key of their leases."""
        try:
            (count,) = await count_leases(self._store, [set])
        except GateUnavailableError:
            return None
        return count

    # For administrators.

    async def system(self, offset: int = 0, limit: int = VIEWERS) -> dict[str, object]:
        """Returns the usage for administrators and Prometheus: time (Unix ms), gate (as `gate` returns it), cameras
        (`_camera_rows`), viewers (`Viewers.rows`), viewers_count (of all pages), viewers_limit (`limit`), workers
        (each with id, host, pid, started and seen in Unix ms, number of cameras, number of viewers, mbps).
        `offset`, `limit`: the page of viewers, in the order in which they asked for a stream; limit 0: none are
        read, and viewers_count is 0. If Redis fails, the lists are empty and gate["state"] is "unavailable"."""
        summary, complaint, workers = await self._read_all()
        viewers, cameras = Viewers([], 0), list[Row]()
        if summary:
            try:
                page = await self._viewers.page(offset, limit) if limit else viewers
                viewers, cameras = page, _camera_rows(await read_states(self._store, workers), workers)
            except GateUnavailableError as error:
                summary, complaint, workers = None, error.complaint, {}
        return {
            "time": summary.time if summary else time.time() * 1000,
            "gate": self._gate(summary, complaint, workers),
            "viewers": viewers.rows,
            "viewers_count": viewers.total,
            "viewers_limit": limit,
            "workers": [{"id": id, **_worker_row(report)} for id, report in sorted(workers.items())],
            "cameras": cameras,
        }

    async def gate(self) -> Row:
        """Returns how far the limits of all streams are used. Its keys are the fields of `GateOut`
        (`web/limit_schemas.py`). If Redis fails, the state is "unavailable"."""
        return self._gate(*await self._read_all())

    async def viewers(self, offset: int, limit: int) -> Viewers:
        """Returns how many viewers stream now, and at most `limit` of them after the first `offset`, sorted by when they
        asked for the stream, earliest first. Raises GateUnavailableError if Redis fails."""
        summary, _ = await self._now()
        if summary is None:
            raise GateUnavailableError
        return await self._viewers.page(offset, limit)

    async def _read(self, *, rates: bool) -> Summary | None:
        return await read_summary(self._store, self._worker, rates=rates)

    async def _now(self, *, whole: bool = False) -> tuple[Summary | None, Complaint | None]:
        """Returns the streams in use and None; or None and the reason if Redis does not answer or accepts no writes:
        then its data would be out of date. `whole`: with the bandwidth in use, even if no limit needs it."""
        cached = self._whole_summary if whole else self._summary
        summary = await cached.get()
        complaint = cached.complaint or self._last_complaint()
        return None if complaint else summary, complaint

    async def _read_all(self) -> tuple[Summary | None, Complaint | None, dict[str, Row]]:
        summary, complaint = await self._now(whole=True)
        return summary, complaint, await self._workers.get() if summary else {}

    def _gate(self, summary: Summary | None, complaint: Complaint | None, workers: Mapping[str, Row]) -> Row:
        policy = self._policy()
        limit, in_use = policy.max_concurrent, summary.in_use if summary else None
        mbps = sum(report.get("mbps", 0.0) for report in workers.values())
        counted = summary.counted / 1000 if summary else 0.0
        ordinary, most_ordinary = summary.ordinary if summary else 0, limit - policy.reserved_slots
        state = "unavailable" if summary is None else "recovering" if summary.recovering else "open"
        available = max(limit - (in_use or 0), 0) if state == "open" else 0
        of_budget = max(mbps, counted) / policy.max_mbps if policy.max_mbps else 0.0
        share = max((in_use or 0) / limit, ordinary / most_ordinary, of_budget)
        return {
            "in_use": in_use,
            "limit": limit,
            "available": available,
            "available_ordinary": max(min(available, most_ordinary - ordinary), 0),
            "state": state,
            "waiting": summary.waiting if summary else None,
            "cause": str(complaint or ""),
            "answer": complaint.code if complaint else "",
            "eviction": self._eviction(),
            "over": max((in_use or 0) - limit, 0),
            "reserved": policy.reserved_slots,
            "mbps": round(mbps, 2),
            "counted_mbps": round(counted, 2),
            "max_mbps": policy.max_mbps,
            "level": "full" if share >= 1 else "critical" if share >= CRITICAL else "high" if share >= HIGH else "ok",
        }


def _worker_row(report: Row) -> Row:
    return {
        **{name: report.get(name) for name in ("host", "pid", "started", "seen")},
        "cameras": len(report.get("cameras", {})),
        "viewers": report.get("viewers", 0),
        "mbps": round(report.get("mbps", 0.0), 2),
    }


def _camera_rows(states: Mapping[str, Row], workers: Mapping[str, Row]) -> list[Row]:
    """Returns a row for each camera that has viewers, the highest mbps (Mbit/s to all its viewers) first.

    `states`: camera id -> state, viewers, frames_per_second. `workers`: worker id -> its last report. A row has id,
    name, these three figures and mbps.
    """
    rows = {
        id: {"id": id, "name": id, **state, "mbps": 0.0} for id, state in states.items() if state["viewers"]
    }  # a worker of an older release reports no names
    for report in workers.values():
        for id, watched in report.get("watched", {}).items():
            if id in rows:
                row = rows[id]
                row["name"], row["mbps"] = watched["name"], round(row["mbps"] + watched["kbps"] / 1000, 2)
    return sorted(rows.values(), key=lambda row: (-row["mbps"], row["name"]))
