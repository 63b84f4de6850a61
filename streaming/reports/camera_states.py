"""The state of all cameras that any worker streams or has open, for pages and API.

One worker combines the reports of all workers and puts the result into Redis. The other workers read it there.
"""

import json
from collections.abc import Mapping
from typing import Any

from streaming.gate.readings import count_leases, read_workers
from streaming.store.keys import CAMERA_SET, CAMERAS
from streaming.store.scripts import Store

SERVES = 1.0  # seconds for which a reading of up to `FEW` cameras serves all workers; of more in proportion
FEW, LONGEST = 500, 5.0

FIGURES = ("state", "viewers", "frames_per_second")

Row = dict[str, Any]


class CameraStates:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._version, self._states = "", dict[str, Row]()

    async def read(self) -> dict[str, Row]:
        """Returns camera id -> state, viewers and frames_per_second, as `read_states` describes them. The caller
        must not change the result. It serves for a second, with thousands of cameras for up to 5 s. The reports in
        it are up to a second older, and up to 5 s with more than 250 workers. Raises GateUnavailableError if Redis
        fails.
        """
        version, mine = await self._run()
        if mine:
            self._states = await read_states(self._store, await read_workers(self._store))
            figures = {id: [state[name] for name in FIGURES] for id, state in self._states.items()}
            self._version, _ = await self._run(json.dumps(figures, separators=(",", ":")))
        elif version != self._version:
            # Not by the script: Lua would copy it once more.
            found = json.loads(await self._store.call("HGET", CAMERAS, "states") or "{}")
            self._version = version
            self._states = {id: dict(zip(FIGURES, figures, strict=True)) for id, figures in found.items()}
        return self._states

    async def _run(self, *offered: str) -> list[Any]:
        seconds = min(SERVES * max(1, len(self._states) / FEW), LONGEST)
        return await self._store.run("reports/camera_states", [CAMERAS], [round(seconds * 1000), *offered])


async def read_states(store: Store, workers: Mapping[str, Row]) -> dict[str, Row]:
    """Returns camera id -> state, viewers and frames_per_second, for each camera that one of `workers` streams or has
    open.

    `workers`: worker id -> its last report. state: the best that a worker reports: "live", else "reconnecting", else
    "connecting". viewers: how many viewers stream the camera, at all workers. frames_per_second: the rate at which
    a worker reads the camera, the highest of all; 0.0 if unknown. Raises GateUnavailableError if Redis fails.
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
