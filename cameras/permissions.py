"""Decides who may watch which camera."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission

from cameras.models import Camera

WATCH = "cameras.watch_camera"
VIEWERS = "Viewers"


def may_watch(user: AbstractBaseUser | AnonymousUser, camera: Camera | None = None) -> bool:
    """Whether `user` may watch `camera`, or any camera if None. Today one permission covers all cameras."""
    has_perm = getattr(user, "has_perm", None)
    return bool(has_perm and has_perm(WATCH))


def ensure_viewers_group(**_: object) -> None:
    """Create the *Viewers* group with its permission, unless it exists. Runs after migrations."""
    group, created = Group.objects.get_or_create(name=VIEWERS)
    if created:
        group.permissions.add(Permission.objects.get(content_type__app_label="cameras", codename="watch_camera"))
