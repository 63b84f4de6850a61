"""`may_watch` decides who may watch a camera.

`streaming/viewing/access.py` checks the log-in, this rule, and that the camera exists, is enabled and has an address.
`streaming/web/handshake.py` (database) and `streaming/gate/lua/acquire.lua` (Redis) refuse a blocked user;
`streaming/viewing/rechecks.py` ends their running streams.
"""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission
from django.db.models import QuerySet

from cameras.displays import Display
from cameras.models import Camera

WATCH = "cameras.watch_camera"
UNATTENDED = "cameras.watch_unattended"
KEEP_SLOTS = "cameras.keep_wall_slots"
MANAGE = "cameras.change_camera"
VIEWERS = "Viewers"


User = AbstractBaseUser | AnonymousUser | Display


def may_watch(user: User, camera: Camera | None = None) -> bool:
    """Whether `user` may watch `camera`, or with None, cameras at all. Today one permission covers all cameras.

    A display may watch those cameras of its wall that its issuer may watch.
    """
    if isinstance(user, Display):
        return (camera is None or user.shows(camera)) and may_watch(user.issuer, camera)
    return _has_permission(user, WATCH)


def visible_to(user: User) -> QuerySet[Camera]:
    """The cameras that `user` may watch, also disabled ones."""
    if isinstance(user, Display):
        return visible_to(user.issuer).filter(pk__in=user.camera_ids)
    return Camera.objects.all() if may_watch(user) else Camera.objects.none()


def may_watch_unattended(user: User) -> bool:
    """Whether `user` may watch without being asked whether somebody is there, such as a wall display."""
    return isinstance(user, Display) or _has_permission(user, UNATTENDED)


def may_keep_slots(user: User) -> bool:
    """Whether the walls of `user` keep their slots while others wait."""
    return user.keeps_slots if isinstance(user, Display) else _has_permission(user, KEEP_SLOTS)


def _has_permission(user: AbstractBaseUser | AnonymousUser, name: str) -> bool:
    has_perm = getattr(user, "has_perm", None)
    return bool(has_perm and has_perm(name))


def may_manage(user: User) -> bool:
    """Whether `user` may change cameras in the administration, so that they are told why a camera cannot be read."""
    return not isinstance(user, Display) and getattr(user, "is_staff", False) and _has_permission(user, MANAGE)


def ensure_viewers_group(**_: object) -> None:
    """Create the *Viewers* group with its permission, unless it exists. Runs after migrations."""
    group, created = Group.objects.get_or_create(name=VIEWERS)
    if created:
        group.permissions.add(Permission.objects.get(content_type__app_label="cameras", codename="watch_camera"))
