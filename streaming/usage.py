"""What the gate and the feeds report, for pages, API and metrics. Cached briefly: many pages ask, one answer serves."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from streaming import conf
from streaming.errors import GateUnavailableError
from streaming.leases import Usage
from streaming.slots import Gate

FRESH = 0.5  # seconds


@dataclass
class UsageReport:
    """The gate's usage as JSON-ready dictionaries, at most `FRESH` old."""

    gate: Gate
    _usage: Usage | None = None
    _read_at: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def summary(self) -> dict[str, object]:
        """In use, limit, available and state ("open", "recovering", "unavailable")."""
        limit = int(conf.MAX_CONCURRENT.value)
        usage = await self._read()
        if usage is None:
            return {"in_use": None, "limit": limit, "available": 0, "state": "unavailable"}
        in_use = len(usage.holders)
        available = 0 if usage.recovering else max(limit - in_use, 0)
        state = "recovering" if usage.recovering else "open"
        return {"in_use": in_use, "limit": limit, "available": available, "state": state}

    async def viewers_of(self, camera: str) -> int:
        usage = await self._read()
        return sum(holder.get("camera_id") == camera for holder in usage.holders.values()) if usage else 0

    async def metrics(self) -> dict[str, object]:
        """The gate's figures, and the cameras' over all workers; nothing about persons."""
        usage = await self._read()
        return {"gate": await self.summary(), "cameras": _cameras(usage), "time": time.time() * 1000}

    async def system(self) -> dict[str, object]:
        """For the administrator: who holds the slots, and the workers."""
        usage = await self._read()
        holders, workers = (usage.holders, usage.workers) if usage else ({}, {})
        return {
            "time": usage.time if usage else time.time() * 1000,
            "gate": await self.summary(),
            "viewers": sorted(({"id": id, **holder} for id, holder in holders.items()), key=_since),
            "workers": [{"id": id, **_worker_row(report)} for id, report in sorted(workers.items())],
        }

    async def _read(self) -> Usage | None:
        async with self._lock:
            if time.monotonic() - self._read_at > FRESH:
                try:
                    self._usage = await self.gate.usage()
                except GateUnavailableError:
                    self._usage = None
                self._read_at = time.monotonic()
            return self._usage


def _since(row: dict[str, Any]) -> float:
    return float(row.get("since", 0))


def _worker_row(report: dict[str, Any]) -> dict[str, Any]:
    cameras = report.get("cameras", {})
    return {
        **{name: report.get(name) for name in ("host", "pid", "started", "seen")},
        "cameras": len(cameras),
        "viewers": sum(camera["viewers"] for camera in cameras.values()),
    }


def _cameras(usage: Usage | None) -> dict[str, dict[str, object]]:
    """Camera id -> state (the best that any worker has), viewers (holders of slots) and frames/s."""
    cameras: dict[str, dict[str, Any]] = {}
    if usage is None:
        return cameras
    rank = ("connecting", "reconnecting", "live")
    for report in usage.workers.values():
        for id, figures in report.get("cameras", {}).items():
            known = cameras.setdefault(id, {"state": "connecting", "viewers": 0, "frames_per_second": 0.0})
            known["state"] = max(known["state"], figures["state"], key=rank.index)
            known["frames_per_second"] = max(known["frames_per_second"], figures["frames_per_second"])
    for holder in usage.holders.values():
        known = cameras.setdefault(
            str(holder.get("camera_id")), {"state": "connecting", "viewers": 0, "frames_per_second": 0.0}
        )
        known["viewers"] += 1
    return cameras
