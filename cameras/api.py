"""The JSON API's operations on cameras: list, create, read, change, delete, import and export. The functions query the
database, so they run in threads.

Access grants may hide a camera from the user. Then all operations behave as if it did not exist.
"""

import uuid
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Status

from cameras import grants, spreadsheets
from cameras.api_auth import requires
from cameras.api_log import log_by_api
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
    """List the cameras that the user may see, by name: `items` are those that `limit` and `offset` select, `count` is
    the number of all.
    """
    cameras = visible(request)
    return {"items": window.of(cameras), "count": cameras.count()}


@router.post("", auth=requires("cameras.add_camera"), response=answers({201: CameraOut}, 400, 413, 422))
def create_camera(request: HttpRequest, body: CameraIn, response: HttpResponse) -> Status[Camera]:
    with transaction.atomic():
        camera = _saved(CameraForm(body.model_dump()))
        grants.keep_visible(request.auth, [camera])  # type: ignore[attr-defined]
    log_by_api(request, ADDITION, [camera])
    response["Location"] = f"{request.path}/{camera.pk}"
    return Status(201, camera)


@router.get(
    "/export",
    auth=requires("cameras.view_camera"),
    response=answers({200: None}),
    openapi_extra={"responses": {200: {"content": {CSV: {"schema": FILE}}}}},
)
def export_cameras(request: HttpRequest) -> HttpResponse:
    """Returns the cameras that the user may see as a CSV file in UTF-8. The column for passwords is empty.

    Spreadsheets execute a cell that begins with = + - or @. Such a cell gets an apostrophe in front; import removes it.
    """
    text = spreadsheets.export(visible(request))
    headers = {"Content-Disposition": 'attachment; filename="cameras.csv"'}
    return HttpResponse(text, content_type=f"{CSV}; charset=utf-8", headers=headers)


@router.post(
    "/import",
    auth=requires("cameras.add_camera", "cameras.change_camera"),
    response={**answers({200: ImportOut}, 413, 415), 422: InvalidFileOut},
    openapi_extra={"requestBody": {"required": True, "content": {CSV: {"schema": FILE}}}},
)
def import_cameras(request: HttpRequest, dry_run: bool = False) -> dict[str, Any]:
    """Create and change cameras from the CSV file in the body: all of its rows, or none. Returns how many were
    created, changed and left unchanged.

    A row changes the camera that has its name, or creates a camera. It is wrong if several cameras, or an earlier
    row, have its name. A missing column and an empty password keep what is stored. An empty `enabled` means true.
    The file is UTF-8 with commas or semicolons. With `dry_run` the file is only checked. 422: `rows` of the error
    tell what is wrong in which row.

    A camera that is hidden from the user is not changed: a row with its name creates another one.
    """
    try:
        outcome = spreadsheets.import_cameras(
            _file(request),
            visible(request),
            dry_run=dry_run,
            user=request.auth,  # type: ignore[attr-defined]
        )
    except spreadsheets.FileError as error:
        raise Problem(422, str(error), fields={}, rows=[vars(row) for row in error.rows]) from error
    if not dry_run:
        log_by_api(request, ADDITION, outcome.created)
        log_by_api(request, CHANGE, outcome.changed)
    counts = {name: len(cameras) for name, cameras in vars(outcome).items()}
    return {**counts, "dry_run": dry_run}


@router.get("/{uuid:camera_id}", auth=requires("cameras.view_camera"), response=answers({200: CameraOut}, 404))
def read_camera(request: HttpRequest, camera_id: uuid.UUID) -> Camera:
    return find(request, camera_id)


@router.patch(
    "/{uuid:camera_id}",
    auth=requires("cameras.change_camera"),
    response=answers({200: CameraOut}, 400, 404, 409, 413, 422),
)
def change_camera(request: HttpRequest, camera_id: uuid.UUID, body: CameraChanges) -> Camera:
    """Change only the camera's fields that are in the body. Without `password` the stored one stays; an empty one
    removes it.

    409 `password_needed`: the new address has another scheme, host or port, which would receive the stored password.
    Send the password as well.
    """
    given = body.given()
    with transaction.atomic():
        camera = find(request, camera_id, lock=True)
        kept = {name: getattr(camera, name) for name in KEPT}
        form = CameraForm({**kept, **given, "forget_password": given.get("password") == ""}, instance=camera)
        changed = _saved(form)
    log_by_api(request, CHANGE, [changed], sorted(given))
    return changed


@router.delete("/{uuid:camera_id}", auth=requires("cameras.delete_camera"), response=answers({204: None}, 404))
def delete_camera(request: HttpRequest, camera_id: uuid.UUID) -> Status[None]:
    """Delete a camera. Its running streams end, and their viewers are told why."""
    camera = find(request, camera_id)
    log_by_api(request, DELETION, [camera])
    camera.delete()
    return Status(204, None)


def visible(request: HttpRequest) -> "QuerySet[Camera]":
    """Returns the cameras that access grants do not hide from the request's user."""
    return Camera.objects.visible_to(request.auth)  # type: ignore[attr-defined]


def find(request: HttpRequest, camera_id: uuid.UUID, *, lock: bool = False) -> Camera:
    """Returns the camera with this id. Raises a 404 Problem if there is none, or if access grants hide it from the
    request's user. `lock`: lock its database row until the end of the transaction, in which the caller changes it.
    """
    cameras = visible(request)
    camera = (cameras.select_for_update() if lock else cameras).filter(pk=camera_id).first()
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
