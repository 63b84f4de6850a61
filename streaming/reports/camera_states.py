"""The state of all watched cameras, for every page. One worker reads the reports of all workers, and the others use that."""

import json
from collections.abc import Mapping
from typing import Any

from streaming.gate.readings import count_leases, read_workers
from streaming.store.keys import CAMERA_SET, CAMERAS
from streaming.store.scripts import Store

SERVES = 1.0  # seconds for which a reading serves all workers

Row = dict[str, Any]


class CameraStates:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._version, self._states = "", dict[str, Row]()

    async def read(self) -> dict[str, Row]:
        """Return camera id -> state, viewers, frames_per_second. Raises GateUnavailableError."""
        version, states, mine = await self._run(self._version)
        if mine:
            self._states = await read_states(self._store, await read_workers(self._store))
            self._version, *_ = map(str, await self._run("", json.dumps(self._states, separators=(",", ":"))))
        elif states:
            self._version, self._states = version, json.loads(states)
        return self._states

    async def _run(self, known: str, *offered: str) -> list[Any]:
        return await self._store.run("reports/camera_states", [CAMERAS], [round(SERVES * 1000), known, *offered])


async def read_states(store: Store, workers: Mapping[str, Row]) -> dict[str, Row]:
    """Return camera id -> state (the best of all workers), viewers (holders of slots), frames_per_second.

    Raises GateUnavailableError.
    """
    states: dict[str, Row] = {}
    rank = ("connecting", "reconnecting", "live")
    for report in workers.values():
        for id in report.get("watched", {}):
            states.setdefault(id, _unknown_camera())
        for id, figures in report.get("cameras", {}).items():
            known = states.setdefault(id, _unknown_camera())
            known["state"] = max(known["state"], figures["state"], key=rank.index)
            known["frames_per_second"] = max(known["frames_per_second"], figures["frames_per_second"])
    counts = await count_leases(store, [CAMERA_SET + id for id in states])
    for state, viewers in zip(states.values(), counts, strict=True):
        state["viewers"] = viewers
    return states


def _unknown_camera() -> Row:
    return {"state": "connecting", "viewers": 0, "frames_per_second": 0.0}
