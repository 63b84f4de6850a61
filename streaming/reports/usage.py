"""The present usage of slots, cameras and bandwidth, for pages, API and metrics. Briefly cached, for many pages at once."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from streaming.complaints import Complaint
from streaming.errors import GateUnavailableError
from streaming.gate.leases import Rate, Usage
from streaming.gate.readings import read_expected, read_usage
from streaming.limits.policy import Policy
from streaming.limits.user_limits import UserLimits
from streaming.store.scripts import Store

FRESH = 0.5  # seconds
HIGH, CRITICAL = 0.75, 0.9  # share of a limit at which the page warns the administrator

Row = dict[str, Any]


class UsageReport:
    """The usage as dictionaries for JSON, at most `FRESH` seconds old."""

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        complaint: Callable[[], Complaint | None] = lambda: None,
        eviction: Callable[[], str] = lambda: "",
    ) -> None:
        """`complaint`: why Redis refused the last write. `eviction`: the policy of a Redis that may evict slots."""
        self._store, self._policy, self._last_complaint, self._eviction = store, policy, complaint, eviction
        self._usage: Usage | None = None
        self._complaint: Complaint | None = None
        self._read_at = 0.0
        self._lock = asyncio.Lock()

    async def summary(self, *, operator: bool) -> Row:
        """Return in_use, limit, available and state ("open", "recovering", "unavailable").

        `operator`: whether the viewer may take the reserved slots.
        """
        gate = self._gate(await self.read())
        available = gate["available" if operator else "available_ordinary"]
        return {"in_use": gate["in_use"], "limit": gate["limit"], "available": available, "state": gate["state"]}

    async def has_room(self, rate: Rate) -> bool:
        """Return whether the bandwidth budget has room for one more stream.

        A stream that alone exceeds the budget is admitted if there is no other.
        """
        usage, budget = await self.read(), self._policy().budget
        if not budget:
            return True
        try:
            expected = await read_expected(self._store, rate)
        except GateUnavailableError:
            return False
        if usage is None:
            return False
        return usage.counted + expected <= budget or (expected > budget and not usage.holders)

    async def has_room_for_stills(self, worker: str, kbps: float) -> bool:
        """Return whether the budget has room for `kbps` of a worker's stills, instead of those that it reported.

        Without an answer from Redis, these stills alone count.
        """
        usage, budget = await self.read(), self._policy().budget
        others = usage.counted - usage.workers.get(worker, {}).get("stills", 0) if usage else 0
        return not budget or others + kbps <= budget

    async def viewers_of(self, camera: str) -> int:
        usage = await self.read()
        return sum(holder.get("camera_id") == camera for holder in usage.holders.values()) if usage else 0

    async def metrics(self, user_id: str, limits: UserLimits) -> dict[str, object]:
        """Return the usage of the gate, the cameras and this user over all workers, without other personal data."""
        usage = await self.read()
        own = sum(holder.get("user_id") == user_id for holder in usage.holders.values()) if usage else None
        return {
            "gate": await self.summary(operator=limits.operator),
            "cameras": cameras_of(usage),
            "max_per_camera": self._policy().max_per_camera,
            "yours": {"in_use": own, "limit": limits.streams},
            "time": time.time() * 1000,
        }

    async def system(self) -> dict[str, object]:
        """Return for administrators: gate, holders of slots, cameras and workers, with measured Mbit/s."""
        usage = await self.read()
        holders, workers = (usage.holders, usage.workers) if usage else ({}, {})
        sent = {id: kbps / 1000 for report in workers.values() for id, kbps in report.get("viewings", {}).items()}
        viewers = [{"id": id, **holder, "mbps": round(sent.get(id, 0.0), 2)} for id, holder in holders.items()]
        return {
            "time": usage.time if usage else time.time() * 1000,
            "gate": self._gate(usage),
            "viewers": sorted(viewers, key=lambda row: float(row.get("since", 0))),
            "workers": [{"id": id, **_worker_row(report)} for id, report in sorted(workers.items())],
            "cameras": _camera_rows(usage, viewers),
        }

    async def read(self) -> Usage | None:
        """Return the usage, or None if Redis does not answer or accepts no writes, so that its data is out of date."""
        async with self._lock:
            if time.monotonic() - self._read_at > FRESH:
                try:
                    self._usage, self._complaint = await read_usage(self._store), self._last_complaint()
                except GateUnavailableError as error:
                    self._complaint = error.complaint
                if self._complaint:
                    self._usage = None
                self._read_at = time.monotonic()
            return self._usage

    def _gate(self, usage: Usage | None) -> Row:
        policy = self._policy()
        limit, in_use = policy.max_concurrent, len(usage.holders) if usage else None
        mbps = sum(report.get("mbps", 0.0) for report in usage.workers.values()) if usage else 0.0
        counted = usage.counted / 1000 if usage else 0.0
        ordinary, most_ordinary = usage.ordinary if usage else 0, limit - policy.reserved_slots
        state = "unavailable" if usage is None else "recovering" if usage.recovering else "open"
        available = max(limit - (in_use or 0), 0) if state == "open" else 0
        of_budget = max(mbps, counted) / policy.max_mbps if policy.max_mbps else 0.0
        share = max((in_use or 0) / limit, ordinary / most_ordinary, of_budget)
        return {
            "in_use": in_use,
            "limit": limit,
            "available": available,
            "available_ordinary": max(min(available, most_ordinary - ordinary), 0),
            "state": state,
            "cause": str(self._complaint or ""),
            "answer": self._complaint.code if self._complaint else "",
            "eviction": self._eviction(),
            "over": max((in_use or 0) - limit, 0),
            "reserved": policy.reserved_slots,
            "mbps": round(mbps, 2),
            "counted_mbps": round(counted, 2),
            "max_mbps": policy.max_mbps,
            "level": "full" if share >= 1 else "critical" if share >= CRITICAL else "high" if share >= HIGH else "ok",
        }


def _worker_row(report: Row) -> Row:
    cameras = report.get("cameras", {})
    return {
        **{name: report.get(name) for name in ("host", "pid", "started", "seen")},
        "cameras": len(cameras),
        "viewers": sum(camera["viewers"] for camera in cameras.values()),
        "mbps": round(report.get("mbps", 0.0), 2),
    }


def cameras_of(usage: Usage | None) -> dict[str, Row]:
    """Return camera id -> state (the best of all workers), viewers (holders of slots), frames_per_second."""
    cameras: dict[str, Row] = {}
    if usage is None:
        return cameras
    rank = ("connecting", "reconnecting", "live")
    for report in usage.workers.values():
        for id, figures in report.get("cameras", {}).items():
            known = cameras.setdefault(id, _unknown_camera())
            known["state"] = max(known["state"], figures["state"], key=rank.index)
            known["frames_per_second"] = max(known["frames_per_second"], figures["frames_per_second"])
    for holder in usage.holders.values():
        cameras.setdefault(str(holder.get("camera_id")), _unknown_camera())["viewers"] += 1
    return cameras


def _unknown_camera() -> Row:
    return {"state": "connecting", "viewers": 0, "frames_per_second": 0.0}


def _camera_rows(usage: Usage | None, viewers: Iterable[Row]) -> list[Row]:
    """Return the watched cameras with their names, those with the highest rate first."""
    states = cameras_of(usage)
    rows: dict[str, Row] = {}
    for viewer in viewers:
        id = str(viewer.get("camera_id"))
        row = rows.setdefault(id, {"id": id, "name": viewer.get("camera", ""), **states[id], "mbps": 0.0})
        row["mbps"] = round(row["mbps"] + viewer["mbps"], 2)
    return sorted(rows.values(), key=lambda row: (-row["mbps"], row["name"]))
