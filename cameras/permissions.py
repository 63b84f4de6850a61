"""Tells what a user may do with cameras. `may_watch` decides who may watch a camera. `Camera.objects.visible_to`
has the rule of grants: once any exists, a camera is hidden from users without a grant for it. Users who may see all
cameras or change grants are exempt.

`streaming/viewing/access.py` checks the log-in, `may_watch`, and that the camera exists, is enabled and has an
address. An administrator can block a user from watching for a time. `streaming/web/handshake.py` (database) and
`streaming/gate/lua/acquire.lua` (Redis) refuse blocked users. `streaming/viewing/rechecks.py` ends the running
streams of users who are blocked or may no longer watch.
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
    """Returns whether `user` may watch `camera`, even a disabled one, or with None, cameras at all. A display (a screen
    without a log-in) may watch what its issuer may, but only on its wall. The issuer made it or took it over.
    """
    if not _has_permission(user.issuer if isinstance(user, Display) else user, WATCH):
        return False
    # Without grants, `sees_all` asks a simple query. Django takes long to make the other: a tenth of a handshake.
    return camera is None or sees_all(user) or _not_hidden_from(user).filter(pk=camera.pk).exists()


def visible_to(user: User) -> QuerySet[Camera]:
    """Returns the cameras that `user` may watch, also disabled ones. Without the permission to watch: none."""
    return _not_hidden_from(user) if may_watch(user) else Camera.objects.none()


def _not_hidden_from(user: User) -> QuerySet[Camera]:
    if isinstance(user, Display):
        return Camera.objects.visible_to(user.issuer).filter(pk__in=user.camera_ids)
    return Camera.objects.visible_to(user)


def may_grant(user: User) -> bool:
    """Returns whether `user` may change who sees which camera. Such users see all cameras, because they could grant
    these to themselves.
    """
    return _has_permission(user, GRANT)


def sees_all(user: User) -> bool:
    """Returns whether no camera is hidden from `user`, because their permissions let them see all, or there are no
    grants. False for a display (a screen without a log-in), which sees only the cameras of its wall. Does not check
    whether `user` is logged in or may watch.
    """
    if isinstance(user, Display):
        return False
    return _has_permission(user, SEE_ALL) or _has_permission(user, GRANT) or not CameraGrant.objects.exists()


def visible_among(user: User, ids: Iterable[str]) -> set[str]:
    """Returns those of the camera `ids` that camera grants do not hide from `user`. For a display, the grants of
    its issuer count, and cameras outside its wall are hidden too. A deleted camera, or the id "", counts as hidden,
    unless `user` sees all. Does not check whether `user` may watch.
    """
    known = set(ids)
    if not known or sees_all(user):
        return known
    return {str(pk) for pk in _not_hidden_from(user).filter(pk__in=known - {""}).values_list("pk", flat=True)}


def may_watch_unattended(user: User) -> bool:
    """Returns whether `user` is never asked whether they are still watching. While viewers wait for a slot, others
    are asked if they gave no sign for STREAM_IDLE_MINUTES. True for a display, a screen without a log-in.
    """
    return isinstance(user, Display) or _has_permission(user, UNATTENDED)


def may_keep_slots(user: User) -> bool:
    """Returns whether a wall (grid of cameras) of `user` is exempt from STREAM_WALL_YIELDS, by which walls end some
    streams while other viewers wait because all slots are in use. STREAM_PREEMPT can still end its streams. For a
    display (a screen without a log-in), its token's `keeps_slots` decides.
    """
    return user.keeps_slots if isinstance(user, Display) else _has_permission(user, KEEP_SLOTS)


def _has_permission(user: User, name: str) -> bool:
    has_perm = getattr(user, "has_perm", None)
    return bool(has_perm and has_perm(name))


def may_manage(user: User) -> bool:
    """Returns whether `user` may change cameras in the Django admin. Streams tell such users why a camera cannot be
    read.
    """
    return bool(getattr(user, "is_staff", False)) and _has_permission(user, MANAGE)


def ensure_viewers_group(**_: object) -> None:
    """Create the user group *Viewers* with the permission to watch cameras, unless the group exists. Runs after
    migrations.
    """
    group, created = Group.objects.get_or_create(name=VIEWERS)
    if created:
        group.permissions.add(Permission.objects.get(content_type__app_label="cameras", codename="watch_camera"))
