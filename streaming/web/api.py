"""Running streams, their limits and the past in the JSON API, and *Test connection*.

What asks this worker's runtime is asynchronous: the runtime belongs to the loop that serves. What asks the database runs
in a thread.
"""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Query, Router, Status

from cameras.access import allowed
from cameras.api import find
from cameras.problems import InvalidOut, Problem, answers
from cameras.schemas import Window
from cameras.sources import AddressError, CameraSource
from streaming import runtime
from streaming.errors import GateUnavailableError, NoStreamUrlError
from streaming.gate import blocks, stop_orders
from streaming.ingest import probe
from streaming.limits import change_log, changes, policy
from streaming.reports import history
from streaming.web import schemas
from streaming.web.audit import log_action

router = Router()

SEE = allowed("streaming.view_system", staff=True)
STOP = allowed("streaming.stop_stream", staff=True)
CHANGE = allowed("streaming.change_limits", staff=True)
EPOCH = datetime(1970, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
Viewing = Annotated[str, Path(max_length=200)]
UserKey = Annotated[str, Path(max_length=40)]

# Streams.


@router.get("/streams", auth=SEE, tags=["streams"], response=answers({200: schemas.StreamPage}, 422, 503))
async def list_streams(request: HttpRequest, window: Query[Window]) -> dict[str, Any]:
    """Who watches what at this moment, over all workers; the oldest first."""
    viewers = await _viewers()
    rows = [{**row, "since": _time(row["since"])} for row in window.of(viewers)]
    return {"items": rows, "count": len(viewers)}


@router.delete("/streams/{viewing_id}", auth=STOP, tags=["streams"], response=answers({204: None}, 404, 422, 503))
async def end_stream(request: HttpRequest, viewing_id: Viewing) -> Status[None]:
    """End a stream without a word of one's own."""
    await _stop(request, viewing_id, schemas.StopIn())
    return Status(204, None)


@router.post(
    "/streams/{viewing_id}/stop",
    auth=STOP,
    tags=["streams"],
    response=answers({200: schemas.StoppedOut}, 400, 404, 413, 422, 503),
)
async def stop_stream(request: HttpRequest, viewing_id: Viewing, body: schemas.StopIn) -> dict[str, int]:
    """End a stream with a message to its viewer, who may be blocked for some time."""
    await _stop(request, viewing_id, body)
    return {"stopped": 1}


@router.post(
    "/cameras/{uuid:camera_id}/stop",
    auth=STOP,
    tags=["streams"],
    response=answers({200: schemas.StoppedOut}, 400, 404, 413, 422, 503),
)
async def stop_camera(request: HttpRequest, camera_id: uuid.UUID, body: schemas.StopIn) -> dict[str, int]:
    """End all streams of a camera. The user who asks for it is not blocked."""
    camera = await sync_to_async(find)(camera_id)
    store, user = runtime.current().store, request.auth  # type: ignore[attr-defined]
    stopped = await stop_orders.stop_camera(
        store, str(camera.pk), body.message, body.block_seconds, by=user.get_username(), spared=str(user.pk)
    )
    if stopped:
        await _log(request, f"Stopped all {stopped} streams of {camera}{_conditions(body)}")
    return {"stopped": stopped}


@router.get("/blocks", auth=STOP, tags=["streams"], response=answers({200: schemas.BlockPage}, 422, 503))
async def list_blocks(request: HttpRequest, window: Query[Window]) -> dict[str, Any]:
    """Users who are kept out for a while after they were stopped; those for longest first."""
    found = await blocks.blocks(runtime.current().store)
    return {"items": window.of(found), "count": len(found)}


@router.delete("/blocks/{user_id}", auth=STOP, tags=["streams"], response=answers({204: None}, 404, 422, 503))
async def lift_block(request: HttpRequest, user_id: UserKey) -> Status[None]:
    """Let a user in again."""
    lifted = await blocks.lift(runtime.current().store, user_id)
    if lifted is None:
        raise Problem(404, "This user is not blocked, or no longer.", "block_not_found")
    await _log(request, f"Unblocked {lifted.user}")
    return Status(204, None)


async def _viewers() -> list[dict[str, Any]]:
    usage: dict[str, Any] = await runtime.current().usage.system()
    if usage["gate"]["state"] == "unavailable":
        raise GateUnavailableError
    viewers: list[dict[str, Any]] = usage["viewers"]
    return viewers


async def _stop(request: HttpRequest, viewing_id: str, order: schemas.StopIn) -> None:
    known = next((row for row in await _viewers() if row["id"] == viewing_id), None)
    by = request.auth.get_username()  # type: ignore[attr-defined]
    if not await stop_orders.stop(runtime.current().store, viewing_id, order.message, order.block_seconds, by):
        raise Problem(404, "There is no such stream, or it has ended already.", "stream_not_found")
    whose = f"the stream of {known['user']} at {known['camera']}" if known else f"the stream {viewing_id}"
    await _log(request, f"Stopped {whose}{_conditions(order)}")


def _conditions(order: schemas.StopIn) -> str:
    blocked = f", blocked for {order.block_seconds} s" if order.block_seconds else ""
    return f"{blocked}: {order.message}" if order.message else blocked


async def _log(request: HttpRequest, text: str) -> None:
    await sync_to_async(log_action)(request.auth, text)  # type: ignore[attr-defined]


def _time(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


# Test connection.


@router.post(
    "/cameras/test",
    auth=allowed("cameras.add_camera"),
    tags=["cameras"],
    response=answers({200: schemas.ProbeOut}, 400, 413, 422),
)
async def test_address(request: HttpRequest, body: schemas.AddressIn) -> dict[str, Any]:
    """Open an address as the live view would, and say what comes from it. Takes some seconds when nothing does."""
    source = await sync_to_async(probe.source_of_form)(body.model_dump())
    if isinstance(source, str):
        raise Problem(422, source, fields={"stream_url": [source]})
    return await probe.try_camera(source)


@router.post(
    "/cameras/{uuid:camera_id}/test",
    auth=allowed("cameras.change_camera"),
    tags=["cameras"],
    response=answers({200: schemas.ProbeOut}, 404, 409),
)
async def test_camera(request: HttpRequest, camera_id: uuid.UUID) -> dict[str, Any]:
    """The same for a camera as it is stored, with its password."""
    source = await sync_to_async(_source_of)(camera_id)
    return {"ok": False, "message": source} if isinstance(source, str) else await probe.try_camera(source)


def _source_of(camera_id: uuid.UUID) -> CameraSource | str:
    camera = find(camera_id)
    if not camera.stream_url:
        raise NoStreamUrlError
    try:
        return camera.source
    except AddressError as error:
        return str(error)


# Limits.

CHANGED = {**answers({200: schemas.LimitsOut}, 400, 413, 422), 409: InvalidOut}


@router.get("/limits", auth=SEE, tags=["limits"], response=answers({200: schemas.LimitsOut}))
async def read_limits(request: HttpRequest) -> dict[str, Any]:
    """What is in force, where it comes from, and how much of it is in use."""
    return await _limits()


@router.patch("/limits", auth=CHANGE, tags=["limits"], response=CHANGED)
async def change_limits(request: HttpRequest, body: schemas.LimitChanges) -> dict[str, Any]:
    """Change some limits, in force on every worker within two seconds. Nobody is cut off: above a lowered limit the
    streams go on, and newcomers are refused.

    409 `conflicting_limits`: the limits do not go together, as with more reserved slots than slots."""
    return await _change(request, body.given(), trial=False)


@router.put("/limits", auth=CHANGE, tags=["limits"], response=CHANGED)
async def replace_limits(request: HttpRequest, body: schemas.LimitsIn) -> dict[str, Any]:
    """Set all limits at once; as `PATCH` otherwise."""
    return await _change(request, body.model_dump(), trial=False)


@router.get("/limits/trial", auth=SEE, tags=["limits"], response=answers({200: schemas.TrialOut}))
def read_trial(request: HttpRequest) -> dict[str, Any]:
    """Limits that are only tried, counting whom they would refuse."""
    return _trial(policy.load()) or {}


@router.patch("/limits/trial", auth=CHANGE, tags=["limits"], response=CHANGED)
async def change_trial(request: HttpRequest, body: schemas.LimitChanges) -> dict[str, Any]:
    """Try some other limits."""
    return await _change(request, body.given(), trial=True)


@router.put("/limits/trial", auth=CHANGE, tags=["limits"], response=CHANGED)
async def replace_trial(request: HttpRequest, body: schemas.LimitsIn) -> dict[str, Any]:
    """Try exactly these limits."""
    return await _change(request, body.model_dump(), trial=True)


@router.delete("/limits/trial", auth=CHANGE, tags=["limits"], response=answers({200: schemas.LimitsOut}))
async def end_trial(request: HttpRequest) -> dict[str, Any]:
    return await _change(request, dict.fromkeys(policy.LABELS), trial=True)


@router.get("/limits/preview", auth=SEE, tags=["limits"], response=answers({200: schemas.PreviewOut}, 422))
def preview_limit(request: HttpRequest, asked: Query[schemas.Asked]) -> dict[str, Any]:
    """Whom another `max_concurrent` would have refused in the past days."""
    return history.preview(asked.max_concurrent, asked.days)


async def _change(request: HttpRequest, values: dict[str, Any], *, trial: bool) -> dict[str, Any]:
    def change() -> None:
        try:
            changed = changes.change(request.auth, values, trial)  # type: ignore[attr-defined]
        except ValidationError as error:
            # Each value is within its bounds: what is wrong is wrong beside another.
            raise Problem(409, " ".join(error.messages), "conflicting_limits", fields=error.message_dict) from error
        if changed is not None:
            log_action(request.auth, f"By the API: {change_log.words(changed.row)}")  # type: ignore[attr-defined]

    await sync_to_async(change)()
    return await _limits()


async def _limits() -> dict[str, Any]:
    in_force, default = await sync_to_async(lambda: (policy.load(), policy.defaults()))()
    return {
        "in_force": in_force,
        "environment": default,
        "changed": sorted(in_force.stored),
        "changed_at": in_force.changed_at,
        "changed_by": in_force.changed_by,
        "user_limits": dict(in_force.user_limits),
        "group_limits": {str(group): limit for group, limit in in_force.group_limits.items()},
        "trial": _trial(in_force),
        "usage": (await runtime.current().usage.system())["gate"],
        "warnings": in_force.warnings,
    }


def _trial(in_force: policy.Policy) -> dict[str, Any] | None:
    trial = in_force.trial
    if trial is None:
        return None
    tried = {name: getattr(trial, name) for name in trial.stored}
    return {**tried, "changed_at": trial.changed_at, "changed_by": trial.changed_by}


# The past.


@router.get("/history", auth=SEE, tags=["history"], response=answers({200: schemas.HistoryOut}, 422))
def read_history(request: HttpRequest, span: Query[schemas.Span]) -> dict[str, Any]:
    """The peaks, Mbit/s and refusals of each step of the past 30 days."""
    now = timezone.now()
    until = min(max(span.until or now, EPOCH), now + DAY)
    since = max(span.since or until - DAY, EPOCH)
    chart = history.chart(since, until, span.step_minutes)
    return {**chart, "time": [_time(second * 1000) for second in chart["time"]]}


@router.get("/refusals", auth=SEE, tags=["history"], response=answers({200: schemas.RefusalPage}, 422))
def list_refusals(request: HttpRequest, part: Query[schemas.Before]) -> dict[str, Any]:
    """Viewers who were refused, and why; the newest first."""
    found = history.refused(part.limit, *((part.before.time, part.before.after) if part.before else ()))
    return {"items": found, "next": schemas.place_of(found[-1]) if len(found) == part.limit else None}
