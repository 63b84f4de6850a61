"""Lists the line of viewers who wait for a stream, and moves or removes viewers in it, for administrators. Page and API
share it.

`user`: the administrator. Names of cameras that they may not see are replaced. All functions raise
GateUnavailableError if Redis fails.
"""

from typing import Any

from asgiref.sync import sync_to_async

from streaming import runtime
from streaming.gate import line_readings
from streaming.web.hidden_cameras import without_hidden_names

Row = dict[str, Any]


async def read(user: Any) -> list[Row]:
    """Returns the viewers who wait for a stream, the next one first, at most 1,000. `user`: the administrator who asks.

    The rows are those of `line_readings.read_line`, with `position` and `priority`.

    `position`: 1 is next. `priority`: "front" (came back after a lost connection, or moved by an administrator),
    "operator" (may use reserved slots), "ordinary" or "background". `reason`: that of the error for the limit that
    holds them back, such as "limit_reached".
    """
    rows = await line_readings.read_line(runtime.current().store)
    rows = await sync_to_async(without_hidden_names)(user, rows)
    return [{**row, "position": position, "priority": row["class"]} for position, row in enumerate(rows, 1)]


async def move_to_front(user: Any, id: str) -> str:
    """Move a waiting viewer to the front of the line, where limits of their own, such as the camera's, still apply.

    `id`: of the entry in line. `user`: the administrator.

    Returns the action in words for the log, which the caller writes, "" if the viewer does not wait, or is not among
    the first 1,000 who do.
    """
    row = await _find(user, id)
    moved = row is not None and await line_readings.move_to_front(runtime.current().store, id)
    return f"Moved {row['user']} to the front of the line for {row['camera']}" if row and moved else ""


async def remove(user: Any, id: str, message: str = "") -> str:
    """Take a waiting viewer out of the line, and send them `message`. `id`: of the entry. `user`: the administrator.

    `message`: "" for the standard text. Returns the action in words for the log, which the caller writes, "" if the
    viewer does not wait, or is not among the first 1,000 who do.
    """
    row = await _find(user, id)
    removed = row is not None and await line_readings.remove(runtime.current().store, id, message)
    if not row or not removed:
        return ""
    told = f": {message}" if message else ""
    return f"Removed {row['user']} from the line for {row['camera']}{told}"


async def _find(user: Any, id: str) -> Row | None:
    return next((row for row in await read(user) if row["id"] == id), None)
