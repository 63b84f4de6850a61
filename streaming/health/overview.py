"""Counts cameras by the result of the last attempt to read them, and lists those with a problem, for metrics. Blocks
on the database."""

from typing import Any, NamedTuple

from django.db.models import Count

from cameras.models import Camera
from streaming.health.records import CAN_BE_READ, HAS_PROBLEM
from streaming.models import CameraHealth

NEVER_TRIED = "never_tried"
MAX_LISTED = 1_000  # cameras with a problem


class Problem(NamedTuple):
    camera: str  # id
    name: str
    state: str  # of CameraHealth.State


class Overview(NamedTuple):
    counts: dict[str, int]  # state (of CameraHealth.State, or NEVER_TRIED) -> enabled cameras with an address
    problems: list[Problem]


def read_overview(user: Any = None) -> Overview:
    """Returns how many cameras are in each state of health, and up to 1,000 of those with a problem.

    Counts enabled cameras with an address. `user`: leaves out cameras that this user may not see; None: counts all.
    """
    visible = Camera.objects.all() if user is None else Camera.objects.visible_to(user)
    found = dict(visible.filter(CAN_BE_READ).order_by().values_list("health__state").annotate(Count("pk")))
    counts = {NEVER_TRIED: found.get(None, 0), **{state: found.get(state, 0) for state in CameraHealth.State.values}}
    rows = visible.filter(CAN_BE_READ & HAS_PROBLEM).values_list("pk", "name", "health__state")[:MAX_LISTED]
    return Overview(counts, [Problem(str(id), name, state) for id, name, state in rows])
