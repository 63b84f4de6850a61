"""Saved walls: who may open and change them, and what is at each place."""

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
    """A place on a wall. `gap` tells why it is empty; "": it is not. A hidden camera has no name here."""

    id: str
    name: str
    size: int
    gap: str
    has_substream: bool


def open_to(user: Person) -> QuerySet[Wall]:
    """The walls that `user` may open: their own, and the shared ones."""
    return Wall.objects.filter(Q(owner=user.pk) | Q(shared=True)) if may_watch(user) else Wall.objects.none()


def may_change(user: Person, wall: Wall) -> bool:
    """Whether `user` may change and delete a wall that they may open: their own, and staff also the shared ones."""
    return wall.owner_id == user.pk or getattr(user, "is_staff", False)


def groups_of(cameras: QuerySet[Camera]) -> QuerySet[CameraGroup]:
    """The groups that have any of `cameras`."""
    return CameraGroup.objects.filter(cameras__in=cameras).distinct()


def all_places(user: User, group: CameraGroup | None = None) -> list[Place]:
    """All cameras that `user` can watch now, by name."""
    cameras = visible_to(user).filter(enabled=True).exclude(stream_url="")
    if group is not None:
        cameras = cameras.filter(camera_groups=group)
    return [_place(str(camera.pk), 1, camera) for camera in cameras]


def places_of(wall: Wall, user: User, group: CameraGroup | None = None) -> list[Place]:
    """The places of a wall, in their order; with `group`, only those of its cameras."""
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
    """Changes with everything that the page of the wall shows, and with its scripts. A display reloads the page then."""
    shown = [_scripts(), wall.name, wall.per_page, wall.cycle_seconds, [vars(place) for place in places]]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]


@functools.cache
def _scripts() -> str:
    """Changes with an upgrade."""
    files = sorted(path for path in Path(str(finders.find("streaming"))).rglob("*") if path.suffix in {".js", ".css"})
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def free_slug(name: str) -> str:
    """Returns a slug of `name` that no wall has."""
    stem = slugify(name)[:50] or "wall"
    taken = set(Wall.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    return next(
        slug for slug in (stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3))) if slug not in taken
    )
