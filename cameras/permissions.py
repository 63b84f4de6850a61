"""`may_watch` decides who may watch a camera. `Camera.objects.visible_to` has the rule of grants, for many cameras at once.

`streaming/viewing/access.py` checks the log-in, this rule, and that the camera exists, is enabled and has an address.
`streaming/web/handshake.py` (database) and `streaming/gate/lua/acquire.lua` (Redis) refuse a blocked user;
`streaming/viewing/rechecks.py` ends their running streams.
"""

from collections.abc import Iterable

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission

from cameras.models import GRANT, SEE_ALL, Camera, CameraGrant

WATCH = "cameras.watch_camera"
UNATTENDED = "cameras.watch_unattended"
VIEWERS = "Viewers"


def may_watch(user: AbstractBaseUser | AnonymousUser, camera: Camera | None = None) -> bool:
    """Whether `user` may watch `camera`, or with None, cameras at all."""
    has_perm = getattr(user, "has_perm", None)
    if not has_perm or not has_perm(WATCH):
        return False
    return camera is None or Camera.objects.visible_to(user).filter(pk=camera.pk).exists()


def may_grant(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether `user` may change who sees which camera. They see all cameras: they could grant them to themselves."""
    has_perm = getattr(user, "has_perm", None)
    return bool(has_perm and has_perm(GRANT))


def sees_all(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether no camera is hidden from `user`."""
    has_perm = getattr(user, "has_perm", None)
    exempt = has_perm and (has_perm(SEE_ALL) or has_perm(GRANT))
    return bool(exempt) or not CameraGrant.objects.exists()


def visible_among(user: AbstractBaseUser | AnonymousUser, ids: Iterable[str]) -> set[str]:
    """Which of these cameras are not hidden from `user`. A deleted camera counts as hidden, unless `user` sees all."""
    known = set(ids)
    if not known or sees_all(user):
        return known
    visible = Camera.objects.visible_to(user).filter(pk__in=known - {""})
    return {str(pk) for pk in visible.values_list("pk", flat=True)}


def may_watch_unattended(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether `user` may watch without being asked whether somebody is there, such as a wall display."""
    has_perm = getattr(user, "has_perm", None)
    return bool(has_perm and has_perm(UNATTENDED))


def ensure_viewers_group(**_: object) -> None:
    """Create the *Viewers* group with its permission, unless it exists. Runs after migrations."""
    group, created = Group.objects.get_or_create(name=VIEWERS)
    if created:
        group.permissions.add(Permission.objects.get(content_type__app_label="cameras", codename="watch_camera"))
