"""The JSON API of the waiting line: the viewers who wait because a limit of streams is reached."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Query, Router, Status

from cameras.problems import Problem, answers
from cameras.schemas import Window
from streaming.web import line_orders, stream_schemas
from streaming.web.api import SEE, STOP, log, moment

router = Router(tags=["line"])

WaitingId = Annotated[str, Path(max_length=200)]


@router.get("/line", auth=SEE, response=answers({200: stream_schemas.LinePage}, 422, 503))
async def list_line(request: HttpRequest, window: Query[Window]) -> dict[str, Any]:
    """A page of the viewers who wait in line for a stream, at all workers, the next one first. All pages together
    have the first 1,000 of the line at most, and `count` is at most 1,000."""
    rows = await line_orders.read(request.auth)  # type: ignore[attr-defined]
    return {"items": [{**row, "since": moment(row["since"])} for row in window.of(rows)], "count": len(rows)}


@router.post("/line/{waiting_id}/front", auth=STOP, response=answers({204: None}, 404, 422, 503))
async def move_to_front(request: HttpRequest, waiting_id: WaitingId) -> Status[None]:
    """Let a waiting viewer be the next to get a stream. `waiting_id`: their `id` in the list.

    Limits that hold back this viewer alone, such as that of the camera, still apply.
    """
    await _done(request, await line_orders.move_to_front(request.auth, waiting_id))  # type: ignore[attr-defined]
    return Status(204, None)


@router.post("/line/{waiting_id}/remove", auth=STOP, response=answers({204: None}, 400, 404, 413, 422, 503))
async def remove_from_line(request: HttpRequest, waiting_id: WaitingId, body: stream_schemas.RemoveIn) -> Status[None]:
    """Remove a viewer who waits for a stream from the line, with a message. `waiting_id`: their `id` in the list."""
    await _done(request, await line_orders.remove(request.auth, waiting_id, body.message))  # type: ignore[attr-defined]
    return Status(204, None)


async def _done(request: HttpRequest, action: str) -> None:
    if not action:
        raise Problem(404, "No such viewer waits, or no longer.", "waiting_not_found")
    await log(request, action)
