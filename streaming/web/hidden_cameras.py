"""Removes the names of cameras that an administrator may not see (hidden cameras) from their pages and API answers.

Viewers of a hidden camera stay in each list: they count against the limits, and can be stopped. The functions query the
database.
"""

from collections.abc import Iterable
from typing import Any

from cameras.permissions import visible_among

Row = dict[str, Any]


def without_hidden_names(user: Any, rows: Iterable[Row]) -> list[Row]:
    """Returns `rows` of viewers with "Hidden camera ..." in place of the names of cameras that `user` may not see.

    Each row has `camera` (the name) and `camera_id`. Deleted cameras are replaced too, unless `user` sees all cameras.
    """
    by_camera = [(str(row.get("camera_id", "")), row) for row in rows]
    visible = visible_among(user, {id for id, _ in by_camera})
    return [row if id in visible else {**row, "camera": describe_hidden(id)} for id, row in by_camera]


def visible_usage(user: Any, usage: Row) -> Row:
    """Returns `usage` (of all workers, with the rows `cameras` and `viewers`) without the cameras that `user` may not
    see.

    Viewers of these cameras stay, without the camera's name.
    """
    visible = visible_among(user, {row["id"] for row in usage["cameras"]})
    return {
        **usage,
        "viewers": without_hidden_names(user, usage["viewers"]),
        "cameras": [row for row in usage["cameras"] if row["id"] in visible],
    }


def describe_hidden(camera_id: str) -> str:
    """Returns the text that replaces a camera's name for a user who may not see the camera.

    The beginning of the id tells such cameras apart.
    """
    return f"Hidden camera {camera_id[:8]}"
