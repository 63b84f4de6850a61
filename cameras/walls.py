"""Walls, which show cameras live in a grid: who may open and change a saved one, and what each of its tiles shows."""

import functools
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.staticfiles import finders
from django.db.models import Q, QuerySet
from django.utils.text import slugify

from cameras.models import Camera, CameraGroup, Wall
from cameras.permissions import User, may_watch, visible_to

Person = AbstractBaseUser | AnonymousUser

HIDDEN = "This camera was removed, or you don't have access to it."
DISABLED = "This camera is disabled."
NO_ADDRESS = "This camera has no stream address."


@dataclass(frozen=True)
class Place:
    """A tile of a wall, a grid of cameras. `id`: of the camera, also of a deleted one. `name`: its name, or "" if it is
    deleted or the user may not watch it. `size`: grid cells in each direction. `gap`: tells the user why the tile is
    empty (DISABLED, NO_ADDRESS or, also if the camera is deleted, HIDDEN), or "" if it is not. `has_substream`: whether
    the camera has a smaller stream; False if HIDDEN.
    """

    id: str
    name: str
    size: int
    gap: str
    has_substream: bool


def open_to(user: Person) -> QuerySet[Wall]:
    """Returns the saved walls that `user` may open: their own and the shared ones, if they may watch cameras; else
    none.
    """
    return Wall.objects.filter(Q(owner=user.pk) | Q(shared=True)) if may_watch(user) else Wall.objects.none()


def may_change(user: Person, wall: Wall) -> bool:
    """Returns whether `user`, who may open this saved wall, may also change and delete it: the owner may, and staff
    may.
    """
    return wall.owner_id == user.pk or getattr(user, "is_staff", False)


def groups_of(cameras: QuerySet[Camera]) -> QuerySet[CameraGroup]:
    """Returns the camera groups that have any of `cameras`."""
    return CameraGroup.objects.filter(cameras__in=cameras).distinct()


def all_places(user: User, group: CameraGroup | None = None) -> list[Place]:
    """Returns a tile for each camera that `user` can watch now (enabled, with an address), by name. `group`: only for
    its cameras.
    """
    cameras = visible_to(user).filter(enabled=True).exclude(stream_url="")
    if group is not None:
        cameras = cameras.filter(camera_groups=group)
    return [_place(str(camera.pk), 1, camera) for camera in cameras]


def places_of(wall: Wall, user: User, group: CameraGroup | None = None) -> list[Place]:
    """Returns the tiles of a saved wall as `user` sees them, in their order. A tile is empty if its camera was deleted,
    is disabled, has no address or may not be watched. `group`: only tiles of its cameras that `user` may watch.
    """
    cameras = visible_to(user).filter(pk__in=[tile["camera"] for tile in wall.tiles])
    if group is not None:
        cameras = cameras.filter(camera_groups=group)
    known = {str(camera.pk): camera for camera in cameras}
    tiles = [tile for tile in wall.tiles if group is None or tile["camera"] in known]
    return [_place(tile["camera"], tile["size"], known.get(tile["camera"])) for tile in tiles]


def _place(id: str, size: int, camera: Camera | None) -> Place:
    if camera is None:
        return Place(id, "", size, HIDDEN, has_substream=False)
    gap = DISABLED if not camera.enabled else NO_ADDRESS if not camera.stream_url else ""
    return Place(id, camera.name, size, gap, bool(camera.substream_url))


def version_of(wall: Wall, places: Iterable[Place]) -> str:
    """Returns a hash that changes with everything that the page of the wall shows, and with its scripts and styles. A
    page without controls (`?kiosk=1`) reloads then.
    """
    shown = [_scripts(), wall.name, wall.per_page, wall.cycle_seconds, [vars(place) for place in places]]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]


@functools.cache
def _scripts() -> str:
    """Returns a hash of all scripts and style sheets, which changes with an upgrade."""
    files = sorted(path for path in Path(str(finders.find("streaming"))).rglob("*") if path.suffix in {".js", ".css"})
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def free_slug(name: str) -> str:
    """Returns a slug, the last part of a wall's address, that no wall has now: `name` as a slug, or "wall" if nothing
    is left of it, with a number if it is taken.
    """
    stem = slugify(name)[:50] or "wall"
    taken = set(Wall.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    return next(
        slug for slug in (stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3))) if slug not in taken
    )
