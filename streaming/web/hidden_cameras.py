"""Leaves the names of cameras out of what administrators see, if the cameras are hidden from them.

Viewers of a hidden camera stay in each list: they hold slots, and can be stopped. The functions query the database.
"""

from collections.abc import Iterable
from typing import Any

from cameras.permissions import visible_among

Row = dict[str, Any]


def without_hidden_names(user: Any, rows: Iterable[Row]) -> list[Row]:
    """Returns rows of viewers (`camera`: a name, `camera_id`) with `describe_hidden` instead of each hidden name."""
    by_camera = [(str(row.get("camera_id", "")), row) for row in rows]
    visible = visible_among(user, {id for id, _ in by_camera})
    return [row if id in visible else {**row, "camera": describe_hidden(id)} for id, row in by_camera]


def visible_usage(user: Any, usage: Row) -> Row:
    """Returns the usage of the system (`UsageReport.system`) without the hidden cameras, and without their names."""
    visible = visible_among(user, {row["id"] for row in usage["cameras"]})
    return {
        **usage,
        "viewers": without_hidden_names(user, usage["viewers"]),
        "cameras": [row for row in usage["cameras"] if row["id"] in visible],
    }


def describe_hidden(camera_id: str) -> str:
    """What stands for the name. The beginning of the id tells hidden cameras apart."""
    return f"Hidden camera {camera_id[:8]}"
