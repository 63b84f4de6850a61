"""The JSON API's operations on saved walls, which are grids of live cameras. The functions query the database, so they
run in threads.
"""

from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Status

from cameras import walls
from cameras.api_auth import requires
from cameras.api_log import log_by_api
from cameras.models import Wall
from cameras.permissions import may_watch, visible_to
from cameras.problems import InvalidOut, Problem, answers
from cameras.schemas import Window
from cameras.wall_schemas import WallIn, WallOut, WallPage, body_schema, invalid_layout, read_layout

router = Router(tags=["walls"])

BODY = {"requestBody": body_schema()}
BAD = {400: InvalidOut}


@router.get("", auth=requires(), response=answers({200: WallPage}, 422))
def list_walls(request: HttpRequest, window: Query[Window]) -> dict[str, Any]:
    """List the user's own walls and the shared ones, by name: `items` are those that `limit` and `offset` select,
    `count` is the number of all. 403: the user may not watch cameras.
    """
    found = walls.open_to(_watcher(request)).select_related("owner")
    return {"items": window.of(found), "count": found.count()}


@router.post("", auth=requires(), response={**answers({201: WallOut}, 413), **BAD}, openapi_extra=BODY)
def create_wall(request: HttpRequest, response: HttpResponse) -> Status[Wall]:
    user = _watcher(request)
    wall = Wall(owner=user)
    _fill(request, wall, read_layout(request.body))
    with transaction.atomic():
        wall.slug = walls.free_slug(wall.name)
        wall.save()
    log_by_api(request, ADDITION, [wall])
    response["Location"] = f"{request.path}/{wall.slug}"
    return Status(201, wall)


@router.get("/{slug:slug}", auth=requires(), response=answers({200: WallOut}, 404))
def read_wall(request: HttpRequest, slug: str) -> Wall:
    return _find(request, slug)


@router.put("/{slug:slug}", auth=requires(), response={**answers({200: WallOut}, 404, 413), **BAD}, openapi_extra=BODY)
def change_wall(request: HttpRequest, slug: str) -> Wall:
    """Replace a wall by the one in the body. Users can change their own walls; staff, also the shared ones. Other
    users get 403 for a shared wall. Users who are not staff also get 403 if they begin to share a wall. 404: there
    is no such wall, or it is somebody else's and not shared. The slug stays.

    400 `invalid_layout`: `fields` of the error tell what is wrong, and the stored wall stays as it is.
    """
    wall = _find_to_change(request, slug)
    _fill(request, wall, read_layout(request.body))
    wall.save()
    log_by_api(request, CHANGE, [wall])
    return wall


@router.delete("/{slug:slug}", auth=requires(), response=answers({204: None}, 404))
def delete_wall(request: HttpRequest, slug: str) -> Status[None]:
    """Delete a wall, and the displays (screens without a log-in) that show it. Users can delete their own walls;
    staff, also the shared ones. Other users get 403 for a shared wall. 404: there is no such wall, or it is
    somebody else's and not shared.
    """
    wall = _find_to_change(request, slug)
    log_by_api(request, DELETION, [wall])
    wall.delete()
    return Status(204, None)


def _watcher(request: HttpRequest) -> Any:
    """Returns the user of the request. Raises a 403 Problem if they may not watch cameras."""
    user = request.auth  # type: ignore[attr-defined]
    if not may_watch(user):
        raise Problem(403, "You don't have access to any cameras.")
    return user


def _find(request: HttpRequest, slug: str) -> Wall:
    """Returns the wall. Raises a 404 Problem if there is none, or it is somebody else's and not shared; a 403 Problem
    if the user may not watch cameras.
    """
    wall = walls.open_to(_watcher(request)).select_related("owner").filter(slug=slug).first()
    if wall is None:
        raise Problem(404, "Wall not found.", "wall_not_found")
    return wall


def _find_to_change(request: HttpRequest, slug: str) -> Wall:
    wall = _find(request, slug)
    if not walls.may_change(request.auth, wall):  # type: ignore[attr-defined]
        raise Problem(403, "Only staff can change a shared wall of somebody else.")
    return wall


def _fill(request: HttpRequest, wall: Wall, layout: WallIn) -> None:
    """Set the fields of `wall` to those of `layout`, without saving. Raises a 400 Problem if a camera is twice on
    the wall, or a new one does not exist or is hidden from the user. Raises a 403 Problem if a user who is not
    staff begins to share it.
    """
    user, ids = request.auth, [str(tile.camera) for tile in layout.tiles]  # type: ignore[attr-defined]
    if layout.shared and not (wall.shared or user.is_staff):
        raise Problem(403, "Sharing a wall needs a staff account.")
    kept = {tile["camera"] for tile in wall.tiles}  # also cameras that were deleted or hidden since
    known = kept | {str(pk) for pk in visible_to(user).filter(pk__in=ids).values_list("pk", flat=True)}
    unknown = {f"tiles.{n}.camera": ["No such camera."] for n, id in enumerate(ids) if id not in known}
    twice = {f"tiles.{n}.camera": ["This camera is on the wall already."] for n, id in enumerate(ids) if id in ids[:n]}
    if unknown or twice:
        raise invalid_layout(unknown | twice)
    wall.name, wall.shared = layout.name, layout.shared
    wall.per_page, wall.cycle_seconds = layout.per_page, layout.cycle_seconds
    wall.tiles = [{"camera": id, "size": tile.size} for id, tile in zip(ids, layout.tiles, strict=True)]
