"""The JSON API of running streams, blocked users, *Test connection* (opens a camera once), limits and history.

Functions that use this worker's runtime (such as its Redis connection) are asynchronous, because the runtime belongs to
the event loop. Functions that query the database run in a thread.
"""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Query, Router, Status

from cameras.api import find
from cameras.api_auth import requires
from cameras.models import Camera
from cameras.problems import InvalidOut, Problem, answers
from cameras.schemas import Window
from cameras.sources import AddressError, CameraSource
from streaming import runtime
from streaming.errors import NoStreamUrlError
from streaming.gate import blocks, stop_orders
from streaming.gate.readings import read_holders
from streaming.ingest import probe
from streaming.ingest.streams import SUB
from streaming.limits import change_log, changes, policy
from streaming.reports import history
from streaming.web import history_schemas, limit_schemas, probe_schemas, stream_schemas
from streaming.web.audit import log_action
from streaming.web.hidden_cameras import without_hidden_names

router = Router()

SEE = requires("streaming.view_system", staff=True)
STOP = requires("streaming.stop_stream", staff=True)
CHANGE = requires("streaming.change_limits", staff=True)
EPOCH = datetime(1970, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
ViewingId = Annotated[str, Path(max_length=200)]
UserId = Annotated[str, Path(max_length=40)]

# Streams.


@router.get("/streams", auth=SEE, tags=["streams"], response=answers({200: stream_schemas.StreamPage}, 422, 503))
async def list_streams(request: HttpRequest, window: Query[Window]) -> dict[str, Any]:
    """A page of the running streams of all workers, in the order in which their viewers asked for them."""
    viewers = await runtime.current().usage.viewers(window.offset, window.limit)
    rows = await sync_to_async(without_hidden_names)(request.auth, viewers.rows)  # type: ignore[attr-defined]
    return {"items": [{**row, "since": moment(row["since"])} for row in rows], "count": viewers.total}


@router.delete("/streams/{viewing_id}", auth=STOP, tags=["streams"], response=answers({204: None}, 404, 422, 503))
async def end_stream(request: HttpRequest, viewing_id: ViewingId) -> Status[None]:
    """End a viewer's stream with the standard message. `viewing_id`: its `id` in the list of streams."""
    await _stop(request, viewing_id, stream_schemas.StopIn())
    return Status(204, None)


@router.post(
    "/streams/{viewing_id}/stop",
    auth=STOP,
    tags=["streams"],
    response=answers({200: stream_schemas.StoppedOut}, 400, 404, 413, 422, 503),
)
async def stop_stream(request: HttpRequest, viewing_id: ViewingId, body: stream_schemas.StopIn) -> dict[str, int]:
    """End a stream with a message to its viewer. `block_seconds` above 0 blocks the user or display, even you, and
    ends all their streams; `stopped` is 1 all the same. `viewing_id`: the stream's `id` in the list of streams."""
    await _stop(request, viewing_id, body)
    return {"stopped": 1}


@router.post(
    "/cameras/{uuid:camera_id}/stop",
    auth=STOP,
    tags=["streams"],
    response=answers({200: stream_schemas.StoppedOut}, 400, 404, 413, 422, 503),
)
async def stop_camera(request: HttpRequest, camera_id: uuid.UUID, body: stream_schemas.StopIn) -> dict[str, int]:
    """End all streams of a camera, yours included. `block_seconds` above 0 blocks their users, except you, and ends
    all streams of these users. `stopped`: how many streams end, those of other cameras included."""
    camera = await sync_to_async(find)(request, camera_id)
    store, user = runtime.current().store, request.auth  # type: ignore[attr-defined]
    stopped = await stop_orders.stop_camera(
        store, str(camera.pk), body.message, body.block_seconds, by=user.get_username(), spared=str(user.pk)
    )
    if stopped:
        await log(request, f"Stopped all {stopped} streams of {camera}{_conditions(body)}")
    return {"stopped": stopped}


@router.get("/blocks", auth=STOP, tags=["streams"], response=answers({200: stream_schemas.BlockPage}, 422, 503))
async def list_blocks(request: HttpRequest, window: Query[Window]) -> dict[str, Any]:
    """A page of the users who are blocked from streams for a time, longest time left first."""
    found = await blocks.blocks(runtime.current().store)
    return {"items": window.of(found), "count": len(found)}


@router.delete("/blocks/{user_id}", auth=STOP, tags=["streams"], response=answers({204: None}, 404, 422, 503))
async def lift_block(request: HttpRequest, user_id: UserId) -> Status[None]:
    """Unblock a user, so that they may open streams again."""
    lifted = await blocks.lift(runtime.current().store, user_id)
    if lifted is None:
        raise Problem(404, "This user is not blocked, or no longer.", "block_not_found")
    await log(request, f"Unblocked {lifted.user}")
    return Status(204, None)


async def _stop(request: HttpRequest, viewing_id: str, order: stream_schemas.StopIn) -> None:
    store = runtime.current().store
    user = request.auth  # type: ignore[attr-defined]
    holders = (await read_holders(store, [viewing_id])).values()
    known = next(iter(await sync_to_async(without_hidden_names)(user, holders)), None)
    by = user.get_username()
    if not await stop_orders.stop(store, viewing_id, order.message, order.block_seconds, by):
        raise Problem(404, "There is no such stream, or it has ended already.", "stream_not_found")
    whose = f"the stream of {known['user']} at {known['camera']}" if known else f"the stream {viewing_id}"
    await log(request, f"Stopped {whose}{_conditions(order)}")


def _conditions(order: stream_schemas.StopIn) -> str:
    blocked = f", blocked for {order.block_seconds} s" if order.block_seconds else ""
    return f"{blocked}: {order.message}" if order.message else blocked


async def log(request: HttpRequest, text: str) -> None:
    """Log the action that `text` describes, by the user of the request, in Django's administration."""
    await sync_to_async(log_action)(request.auth, text)  # type: ignore[attr-defined]


def moment(milliseconds: float) -> datetime:
    """Returns Unix milliseconds as a datetime in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


# Test connection.


@router.post(
    "/cameras/test",
    auth=requires("cameras.add_camera"),
    tags=["cameras"],
    response=answers({200: probe_schemas.ProbeOut}, 400, 413, 422),
)
async def test_address(request: HttpRequest, body: probe_schemas.AddressIn) -> dict[str, Any]:
    """Open a camera's address as the live view would. Returns a picture, and the size, frame rate and codec of the
    video, or the reason why there is none, after some seconds if nothing answers."""
    source = await sync_to_async(probe.source_of_form)(body.model_dump(), Camera.objects.none())
    if isinstance(source, str):
        raise Problem(422, source, fields={"stream_url": [source]})
    return await probe.try_camera(source)


@router.post(
    "/cameras/{uuid:camera_id}/test",
    auth=requires("cameras.change_camera"),
    tags=["cameras"],
    response=answers({200: probe_schemas.ProbeOut}, 404, 409, 422),
)
async def test_camera(
    request: HttpRequest, camera_id: uuid.UUID, stream: probe_schemas.StreamName = "main"
) -> dict[str, Any]:
    """Open a stored camera with its password. Returns a picture, and the size, frame rate and codec of the video, or
    the reason why there is none. `stream`: `sub` for the smaller second stream. 409: the camera has no address for it."""
    source = await sync_to_async(_source_of)(request, camera_id, stream)
    return {"ok": False, "message": source} if isinstance(source, str) else await probe.try_camera(source)


def _source_of(request: HttpRequest, camera_id: uuid.UUID, stream: str) -> CameraSource | str:
    camera = find(request, camera_id)
    if not (camera.substream_url if stream == SUB else camera.stream_url):
        raise NoStreamUrlError("The camera has no substream." if stream == SUB else "")
    try:
        return (camera.substream if stream == SUB else None) or camera.source
    except AddressError as error:
        return str(error)


# Limits.

CHANGED = {**answers({200: limit_schemas.LimitsOut}, 400, 413, 422), 409: InvalidOut}


@router.get("/limits", auth=SEE, tags=["limits"], response=answers({200: limit_schemas.LimitsOut}))
async def read_limits(request: HttpRequest) -> dict[str, Any]:
    """The limits in force, where they come from, and how much of them is in use."""
    return await _limits()


@router.patch("/limits", auth=CHANGE, tags=["limits"], response=CHANGED)
async def change_limits(request: HttpRequest, body: limit_schemas.LimitChanges) -> dict[str, Any]:
    """Change some limits; null: the environment's default. They are in force on every worker within two seconds, or 30
    if Redis fails. A lowered limit disconnects nobody: streams above it go on, and new viewers are refused.

    409 `conflicting_limits`: limits contradict each other, such as more reserved slots than slots, or there is no such
    group.
    """
    return await _change(request, body.given(), trial=False)


@router.put("/limits", auth=CHANGE, tags=["limits"], response=CHANGED)
async def replace_limits(request: HttpRequest, body: limit_schemas.LimitsIn) -> dict[str, Any]:
    """Set all limits at once; each is required, null: the environment's default. In force on every worker within
    two seconds, or 30 if Redis fails. 409: limits contradict each other, or there is no such group."""
    return await _change(request, body.model_dump(), trial=False)


@router.get("/limits/trial", auth=SEE, tags=["limits"], response=answers({200: limit_schemas.TrialOut}))
def read_trial(request: HttpRequest) -> dict[str, Any]:
    """The limits of the running trial, each null if none runs. A trial counts those it would refuse, and refuses none."""
    return _trial(policy.load()) or {}


@router.patch("/limits/trial", auth=CHANGE, tags=["limits"], response=CHANGED)
async def change_trial(request: HttpRequest, body: limit_schemas.LimitChanges) -> dict[str, Any]:
    """Change some limits of the trial, or start one. A trial only counts whom its limits would refuse. Limits that it
    does not set are those in force; null removes one. 409: contradictory limits, or 0, which would refuse nobody."""
    return await _change(request, body.given(), trial=True)


@router.put("/limits/trial", auth=CHANGE, tags=["limits"], response=CHANGED)
async def replace_trial(request: HttpRequest, body: limit_schemas.LimitsIn) -> dict[str, Any]:
    """Start or replace a trial, which counts those it would refuse. Each limit is required. Null: the limit in force;
    all null ends the trial. 409: a limit of 0, which would refuse nobody, or limits that contradict each other."""
    return await _change(request, body.model_dump(), trial=True)


@router.delete("/limits/trial", auth=CHANGE, tags=["limits"], response=answers({200: limit_schemas.LimitsOut}))
async def end_trial(request: HttpRequest) -> dict[str, Any]:
    """End the trial of limits, which only counts whom they would refuse."""
    return await _change(request, dict.fromkeys(policy.LABELS), trial=True)


@router.get("/limits/preview", auth=SEE, tags=["limits"], response=answers({200: limit_schemas.PreviewOut}, 422))
def preview_limit(request: HttpRequest, query: Query[limit_schemas.PreviewQuery]) -> dict[str, Any]:
    """Estimate how many viewers another limit of streams would have refused in the past days."""
    return history.preview(query.max_concurrent, query.days)


async def _change(request: HttpRequest, values: dict[str, Any], *, trial: bool) -> dict[str, Any]:
    def change() -> None:
        try:
            changed = changes.change(request.auth, values, trial)  # type: ignore[attr-defined]
        except ValidationError as error:
            # Each value is within its bounds, so the values contradict each other.
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
        "usage": await runtime.current().usage.gate(),
        "warnings": in_force.warnings,
    }


def _trial(in_force: policy.Policy) -> dict[str, Any] | None:
    trial = in_force.trial
    if trial is None:
        return None
    tried = {name: getattr(trial, name) for name in trial.stored}
    return {**tried, "changed_at": trial.changed_at, "changed_by": trial.changed_by}


# History.


@router.get("/history", auth=SEE, tags=["history"], response=answers({200: history_schemas.HistoryOut}, 422))
def read_history(request: HttpRequest, query: Query[history_schemas.HistoryQuery]) -> dict[str, Any]:
    """Peaks, bandwidth, refusals and waits in steps of `step_minutes`. History is kept for 30 days."""
    now = timezone.now()
    until = min(max(query.until or now, EPOCH), now + DAY)
    since = max(query.since or until - DAY, EPOCH)
    chart = history.chart(since, until, query.step_minutes)
    return {**chart, "time": [moment(second * 1000) for second in chart["time"]]}


@router.get("/refusals", auth=SEE, tags=["history"], response=answers({200: history_schemas.RefusalPage}, 422))
def list_refusals(request: HttpRequest, query: Query[history_schemas.RefusalQuery]) -> dict[str, Any]:
    """A page of refused viewers, newest first. Those with `dry_run` were admitted; a trial would refuse them."""
    found = history.refusal_rows(query.limit, *((query.before.time, query.before.after) if query.before else ()))
    following = history_schemas.cursor_after(found[-1]) if len(found) == query.limit else None
    shown = without_hidden_names(request.auth, map(vars, found))  # type: ignore[attr-defined]
    return {"items": shown, "next": following}
