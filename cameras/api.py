"""Cameras in the JSON API: list, create, read, change, delete, import and export. Runs in threads: queries the database."""

import uuid
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Status

from cameras import spreadsheets
from cameras.api_auth import requires
from cameras.forms import CameraForm
from cameras.models import Camera
from cameras.problems import InvalidFileOut, Problem, answers, invalid_form
from cameras.schemas import CameraChanges, CameraIn, CameraOut, CameraPage, ImportOut, Window

router = Router(tags=["cameras"])

CSV = "text/csv"
KEPT = ("name", "stream_url", "substream_url", "username", "enabled")  # what a change does not name stays
FILE = {"type": "string", "description": f"Columns: {', '.join(spreadsheets.COLUMNS)}."}


@router.get("", auth=requires("cameras.view_camera"), response=answers({200: CameraPage}, 422))
def list_cameras(request: HttpRequest, window: Query[Window]) -> dict[str, Any]:
    """All cameras, by name."""
    cameras = Camera.objects.all()
    return {"items": window.of(cameras), "count": cameras.count()}


@router.post("", auth=requires("cameras.add_camera"), response=answers({201: CameraOut}, 400, 413, 422))
def create_camera(request: HttpRequest, body: CameraIn, response: HttpResponse) -> Status[Camera]:
    camera = _saved(CameraForm(body.model_dump()))
    _log(request, ADDITION, camera)
    response["Location"] = f"{request.path}/{camera.pk}"
    return Status(201, camera)


@router.get(
    "/export",
    auth=requires("cameras.view_camera"),
    response=answers({200: None}),
    openapi_extra={"responses": {200: {"content": {CSV: {"schema": FILE}}}}},
)
def export_cameras(request: HttpRequest) -> HttpResponse:
    """All cameras as a CSV file in UTF-8. The column for passwords is empty.

    Spreadsheets execute a cell that begins with = + - or @. Such a cell gets an apostrophe in front; import removes it."""
    text = spreadsheets.export(Camera.objects.all())
    headers = {"Content-Disposition": 'attachment; filename="cameras.csv"'}
    return HttpResponse(text, content_type=f"{CSV}; charset=utf-8", headers=headers)


@router.post(
    "/import",
    auth=requires("cameras.add_camera", "cameras.change_camera"),
    response={**answers({200: ImportOut}, 413, 415), 422: InvalidFileOut},
    openapi_extra={"requestBody": {"required": True, "content": {CSV: {"schema": FILE}}}},
)
def import_cameras(request: HttpRequest, dry_run: bool = False) -> dict[str, Any]:
    """Create and change cameras from a CSV file: all of its rows, or none.

    A row changes the camera of its name, or creates it. An empty password keeps the stored one. The file is UTF-8 with
    commas or semicolons. With `dry_run` the file is only checked."""
    try:
        outcome = spreadsheets.import_cameras(_file(request), dry_run=dry_run)
    except spreadsheets.FileError as error:
        raise Problem(422, str(error), fields={}, rows=[vars(row) for row in error.rows]) from error
    if not dry_run:
        _log(request, ADDITION, *outcome.created)
        _log(request, CHANGE, *outcome.changed)
    counts = {name: len(cameras) for name, cameras in vars(outcome).items()}
    return {**counts, "dry_run": dry_run}


@router.get("/{uuid:camera_id}", auth=requires("cameras.view_camera"), response=answers({200: CameraOut}, 404))
def read_camera(request: HttpRequest, camera_id: uuid.UUID) -> Camera:
    return find(camera_id)


@router.patch(
    "/{uuid:camera_id}",
    auth=requires("cameras.change_camera"),
    response=answers({200: CameraOut}, 400, 404, 409, 413, 422),
)
def change_camera(request: HttpRequest, camera_id: uuid.UUID, body: CameraChanges) -> Camera:
    """Change the given fields only. Without `password` the stored one stays; an empty one removes it.

    409 `password_needed`: the new address is on another host, which would receive the stored password. Send the password
    as well."""
    given = body.given()
    with transaction.atomic():
        camera = find(camera_id, Camera.objects.select_for_update())
        kept = {name: getattr(camera, name) for name in KEPT}
        form = CameraForm({**kept, **given, "forget_password": given.get("password") == ""}, instance=camera)
        changed = _saved(form)
    _log(request, CHANGE, changed, *sorted(given))
    return changed


@router.delete("/{uuid:camera_id}", auth=requires("cameras.delete_camera"), response=answers({204: None}, 404))
def delete_camera(request: HttpRequest, camera_id: uuid.UUID) -> Status[None]:
    """Delete a camera. Its viewers are told."""
    camera = find(camera_id)
    _log(request, DELETION, camera)
    camera.delete()
    return Status(204, None)


def find(camera_id: uuid.UUID, cameras: Any = Camera.objects) -> Camera:
    camera: Camera | None = cameras.filter(pk=camera_id).first()
    if camera is None:
        raise Problem(404, "Camera not found.", "camera_not_found")
    return camera


def _saved(form: CameraForm) -> Camera:
    if form.has_error("password", "other_host"):
        raise Problem(409, str(form.errors["password"][0]), "password_needed")
    if not form.is_valid():
        raise invalid_form(form)
    camera: Camera = form.save()
    return camera


def _file(request: HttpRequest) -> bytes:
    too_large = Problem(413, f"A file can have at most {spreadsheets.MAX_BYTES} bytes.")
    if request.content_type != CSV:
        raise Problem(415, f"Send the file as {CSV}.")
    if int(request.META.get("CONTENT_LENGTH") or 0) > spreadsheets.MAX_BYTES:
        raise too_large
    body = request.body
    if len(body) > spreadsheets.MAX_BYTES:
        raise too_large
    return body


def _log(request: HttpRequest, flag: int, *cameras_and_fields: Any) -> None:
    """Add an entry to each camera's history in the administration."""
    cameras = [item for item in cameras_and_fields if isinstance(item, Camera)]
    fields = [item for item in cameras_and_fields if isinstance(item, str)]
    message = "By the API" + (": " + ", ".join(fields) if fields else "") + "."
    if cameras:
        LogEntry.objects.log_actions(request.auth.pk, cameras, flag, message)  # type: ignore[attr-defined]
