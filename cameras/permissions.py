"""`may_watch` decides who may watch a camera. `Camera.objects.visible_to` has the rule of grants, for many cameras at once.

`streaming/viewing/access.py` checks the log-in, this rule, and that the camera exists, is enabled and has an address.
`streaming/web/handshake.py` (database) and `streaming/gate/lua/acquire.lua` (Redis) refuse a blocked user;
`streaming/viewing/rechecks.py` ends their running streams.
"""

from collections.abc import Iterable

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission
from django.db.models import QuerySet

from cameras.displays import Display
from cameras.models import GRANT, SEE_ALL, Camera, CameraGrant

WATCH = "cameras.watch_camera"
UNATTENDED = "cameras.watch_unattended"
KEEP_SLOTS = "cameras.keep_wall_slots"
MANAGE = "cameras.change_camera"
VIEWERS = "Viewers"


User = AbstractBaseUser | AnonymousUser | Display


def may_watch(user: User, camera: Camera | None = None) -> bool:
    """Whether `user` may watch `camera`, or with None, cameras at all. A display may watch those of its
    cameras that its issuer may watch."""
    if not _has_permission(user.issuer if isinstance(user, Display) else user, WATCH):
        return False
    return camera is None or _not_hidden_from(user).filter(pk=camera.pk).exists()


def visible_to(user: User) -> QuerySet[Camera]:
    """The cameras that `user` may watch, also disabled ones."""
    return _not_hidden_from(user) if may_watch(user) else Camera.objects.none()


def _not_hidden_from(user: User) -> QuerySet[Camera]:
    if isinstance(user, Display):
        return Camera.objects.visible_to(user.issuer).filter(pk__in=user.camera_ids)
    return Camera.objects.visible_to(user)


def may_grant(user: User) -> bool:
    """Whether `user` may change who sees which camera. They see all cameras: they could grant them to themselves."""
    return _has_permission(user, GRANT)


def sees_all(user: User) -> bool:
    """Whether no camera is hidden from `user`."""
    if isinstance(user, Display):
        return False
    return _has_permission(user, SEE_ALL) or _has_permission(user, GRANT) or not CameraGrant.objects.exists()


def visible_among(user: User, ids: Iterable[str]) -> set[str]:
    """Which of these cameras are not hidden from `user`. A deleted camera counts as hidden, unless `user` sees all."""
    known = set(ids)
    if not known or sees_all(user):
        return known
    return {str(pk) for pk in _not_hidden_from(user).filter(pk__in=known - {""}).values_list("pk", flat=True)}


def may_watch_unattended(user: User) -> bool:
    """Whether `user` may watch without being asked whether somebody is there, such as a wall display."""
    return isinstance(user, Display) or _has_permission(user, UNATTENDED)


def may_keep_slots(user: User) -> bool:
    """Whether the walls of `user` keep their slots while others wait."""
    return user.keeps_slots if isinstance(user, Display) else _has_permission(user, KEEP_SLOTS)


def _has_permission(user: User, name: str) -> bool:
    has_perm = getattr(user, "has_perm", None)
    return bool(has_perm and has_perm(name))


def may_manage(user: User) -> bool:
    """Whether `user` may change cameras in the administration, so that they are told why a camera cannot be read."""
    return bool(getattr(user, "is_staff", False)) and _has_permission(user, MANAGE)


def ensure_viewers_group(**_: object) -> None:
    """Create the *Viewers* group with its permission, unless it exists. Runs after migrations."""
    group, created = Group.objects.get_or_create(name=VIEWERS)
    if created:
        group.permissions.add(Permission.objects.get(content_type__app_label="cameras", codename="watch_camera"))
