"""The HTTP paths of a stream: info, snapshot, metrics, *Test connection* (opens a camera once) and Prometheus."""

import functools
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import get_conditional_response
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from cameras.displays import watcher_of
from cameras.forms import PastedCameraForm
from cameras.models import Camera
from cameras.permissions import may_watch, sees_all, visible_among
from cameras.sources import CameraSource
from streaming import conf, errors, runtime
from streaming.gate import blocks
from streaming.gate.readings import read_totals
from streaming.health.overview import read_overview
from streaming.ingest import probe
from streaming.ingest.streams import Streams
from streaming.limits.admission import rate_of
from streaming.limits.user_limits import UserLimits, user_limits_of
from streaming.viewing import protocol
from streaming.viewing.access import check_access
from streaming.web.hidden_cameras import visible_usage
from streaming.web.prometheus import CONTENT_TYPE, exposition

HTTP_STATUS: dict[type[errors.StreamError], int] = {
    errors.NotAuthenticatedError: 401,
    errors.PermissionDeniedError: 403,
    errors.CameraNotFoundError: 404,
    errors.NoStreamUrlError: 409,
    errors.ProtocolError: 400,
    errors.LimitReachedError: 429,
    errors.UnavailableError: 503,
}

SCRAPER_ERRORS = {
    401: "Send METRICS_TOKEN as a bearer token, or log in.",
    403: "Your log-in lacks the permission to view the system.",
}

AsyncView = Callable[..., Coroutine[Any, Any, HttpResponse]]


def _answers_errors(view: AsyncView) -> AsyncView:
    """Decorate `view` to answer a StreamError with its status in HTTP_STATUS and `{"error": {"reason", "message"}}`."""

    @functools.wraps(view)
    async def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return await view(request, *args, **kwargs)
        except errors.StreamError as error:
            status = next(HTTP_STATUS[kind] for kind in type(error).__mro__ if kind in HTTP_STATUS)
            body = {"error": {"reason": error.reason, "message": str(error)}}
            headers = {"Retry-After": str(error.facts["retry_after"])} if "retry_after" in error.facts else {}
            return JsonResponse(body, status=status, headers=headers)

    return wrapped


@require_GET
@never_cache
@_answers_errors
async def info(request: HttpRequest, camera: uuid.UUID) -> HttpResponse:
    """Returns what a page needs before it opens a stream, such as WebSocket path and qualities. `viewers`: of this
    camera. `in_use`, `limit`: of all streams. If Redis fails, `in_use` is null and `viewers` is 0.

    `is_available` is a hint: only the attempt to open the stream decides. For logged-in users who may watch the
    camera. Others get 401, 403 or 404 (`HTTP_STATUS`). 409: the camera has no address. 503: its password cannot be
    decrypted.
    """
    user, found, source = await sync_to_async(check_access)(await request.auser(), camera)
    streams = Streams(str(found.id), source, found.substream)
    usage, quality = runtime.current().usage, conf.DEFAULT_QUALITY.value
    gate = await usage.summary(operator=await _is_operator(user))
    path = f"/api/v1/cameras/{found.id}/stream"
    return JsonResponse(
        {
            "type": "websocket",
            "camera": str(found.id),
            "name": found.name,
            "websocket_path": path,
            "snapshot_path": f"{path}/snapshot",
            "qualities": protocol.qualities_of(has_substream=streams.sub is not None),
            "streams": runtime.current().hub.facts(streams),
            "default_quality": quality,
            "viewers": await usage.viewers_of(str(found.id)),
            "in_use": gate["in_use"],
            "limit": gate["limit"],
            "is_available": bool(gate["available"]) and await usage.has_room(rate_of(str(found.id), quality)),
        }
    )


async def _is_operator(user: Any) -> bool:
    policy = runtime.current().policy
    return bool(policy.reserved_slots) and (await sync_to_async(user_limits_of)(policy, user)).operator


@require_GET
@never_cache
@_answers_errors
async def snapshot(request: HttpRequest, camera: uuid.UUID) -> HttpResponse:
    """Returns a still picture of the camera as JPEG, for users and displays (screens without a log-in) that may watch
    the camera. It needs no slot (right to a stream), but counts against the user's rate limit of stills and the
    bandwidth limit.

    `quality` in the query: one of `protocol.QUALITIES`; STREAM_DEFAULT_QUALITY if missing. Other answers are 304 (the
    client has this picture) and those of HTTP_STATUS: 400 for an unknown quality, 401, 403, 404, 409 without an
    address, 429 over a limit, and 503 if the camera cannot be read now.
    """
    quality = protocol.known_quality(request.GET.get("quality", conf.DEFAULT_QUALITY.value))
    user, found, source = await sync_to_async(lambda: check_access(watcher_of(request), camera))()
    worker = runtime.current()
    worker.still_limits.count_request(str(user.pk))
    still = await worker.stills.take_of(Streams(str(found.id), source, found.substream), quality, str(user.pk))
    tag = f'"{still.read_at:.0f}-{found.id}-{quality}"'
    unchanged = get_conditional_response(request, etag=tag)
    if unchanged is not None:
        return unchanged
    await worker.still_limits.count_sent(len(still.data))
    return HttpResponse(
        still.data, content_type="image/jpeg", headers={"X-Frame-Time": f"{still.read_at:.0f}", "ETag": tag}
    )


@require_GET
@never_cache
@_answers_errors
async def metrics(request: HttpRequest) -> HttpResponse:
    """Returns how many streams are in use, and the states of the cameras in use that the user may see. For the user
    also: how many streams they have, and for how many seconds more they are blocked (0: not).

    401 without a log-in, 403 without the permission to watch cameras. If Redis fails, `gate.state` is
    `unavailable`, there are no cameras, each `in_use` and `waiting` is null, and `available` is 0.
    """
    user = await request.auser()
    if not user.is_authenticated:
        raise errors.NotAuthenticatedError
    worker = runtime.current()

    def read() -> tuple[UserLimits, errors.StreamError | None, bool]:
        if not may_watch(user):
            raise errors.PermissionDeniedError
        return user_limits_of(worker.policy, user), blocks.error_of(str(user.pk)), sees_all(user)

    limits, block, everything = await sync_to_async(read)()
    answer = await worker.usage.metrics(str(user.pk), limits)
    if not everything:
        visible = await sync_to_async(visible_among)(user, answer["cameras"])
        answer["cameras"] = {id: state for id, state in answer["cameras"].items() if id in visible}
    answer["yours"]["blocked_seconds"] = block.facts["retry_after"] if block else 0
    return JsonResponse(answer)


@require_GET
@never_cache
async def prometheus(request: HttpRequest) -> HttpResponse:
    """Returns metrics for Prometheus, to a scraper with METRICS_TOKEN or staff who may see *Settings > System*.

    Others get 401 or 403. Staff do not get the names and states of cameras that are hidden from them. Without
    Redis, the answer has only the metrics that tell so, such as `gate_up 0`.
    """
    user, status = await _scraper(request)
    if status != 200:
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        return HttpResponse(f"{SCRAPER_ERRORS[status]}\n", "text/plain", status, headers=headers)
    worker = runtime.current()
    try:
        totals = await read_totals(worker.store)
    except errors.GateUnavailableError:
        totals = None
    try:
        health = await sync_to_async(read_overview)(user)
    except Error:  # the other metrics need no database
        health = None
    system = await worker.usage.system(limit=0)
    if user is not None:
        system = await sync_to_async(visible_usage)(user, system)
    return HttpResponse(exposition(system, totals, health), CONTENT_TYPE)


async def _scraper(request: HttpRequest) -> tuple[Any, int]:
    """Returns who asks for the metrics, and the status of the answer: 200, 401 or 403.

    A program with METRICS_TOKEN has no user (None), and sees all cameras.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        known: str = settings.METRICS_TOKEN
        return None, 200 if known and constant_time_compare(token.strip(), known) else 401
    user = await request.auser()
    if not user.is_authenticated:
        return None, 401
    return user, 200 if user.is_staff and await sync_to_async(user.has_perm)("streaming.view_system") else 403


@require_POST
@never_cache
async def test_connection(request: HttpRequest) -> HttpResponse:
    """Open the address in the camera form once. Returns a picture and its facts, or the reason why there is none: see
    `probe.try_camera`. The status is 200 in both cases.

    `stream` in the form: "sub" for the address of the substream. Raises PermissionDenied if the user may not edit
    cameras.
    """
    if not await sync_to_async(_may_edit_cameras)(request):
        raise PermissionDenied
    source = await sync_to_async(_source_to_test)(request)
    if isinstance(source, str):
        return JsonResponse({"ok": False, "message": source})
    return JsonResponse(await probe.try_camera(source))


def _source_to_test(request: HttpRequest) -> CameraSource | str:
    stream = request.POST.get("stream", "")
    return probe.source_of_form(request.POST, Camera.objects.visible_to(request.user), stream, PastedCameraForm)


def _may_edit_cameras(request: HttpRequest) -> bool:
    """Returns whether the user may test the camera in the form. The user must be staff.

    For a stored camera, this needs the permission to change cameras, because its password is used; else, to add them.
    """
    user, permission = request.user, "cameras.change_camera" if request.POST.get("id") else "cameras.add_camera"
    return user.is_staff and user.has_perm(permission)
