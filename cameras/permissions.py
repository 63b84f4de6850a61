"""`may_watch` decides who may watch a camera.

`streaming/viewing/access.py` checks the log-in, this rule, and that the camera exists, is enabled and has an address.
`streaming/web/handshake.py` (database) and `streaming/gate/lua/acquire.lua` (Redis) refuse a blocked user;
`streaming/viewing/rechecks.py` ends their running streams.
"""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission

from cameras.models import Camera

WATCH = "cameras.watch_camera"
UNATTENDED = "cameras.watch_unattended"
MANAGE = "cameras.change_camera"
VIEWERS = "Viewers"


def may_watch(user: AbstractBaseUser | AnonymousUser, camera: Camera | None = None) -> bool:
    """Whether `user` may watch `camera`, or with None, cameras at all. Today one permission covers all cameras."""
    has_perm = getattr(user, "has_perm", None)
    return bool(has_perm and has_perm(WATCH))


def may_watch_unattended(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether `user` may watch without being asked whether somebody is there, such as a wall display."""
    has_perm = getattr(user, "has_perm", None)
    return bool(has_perm and has_perm(UNATTENDED))


def may_manage(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether `user` may change cameras in the administration, so that they are told why a camera cannot be read."""
    has_perm = getattr(user, "has_perm", None)
    return bool(has_perm and getattr(user, "is_staff", False) and has_perm(MANAGE))


def ensure_viewers_group(**_: object) -> None:
    """Create the *Viewers* group with its permission, unless it exists. Runs after migrations."""
    group, created = Group.objects.get_or_create(name=VIEWERS)
    if created:
        group.permissions.add(Permission.objects.get(content_type__app_label="cameras", codename="watch_camera"))
