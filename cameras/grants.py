"""Changes who may see which camera. A grant lets a user or a group see a camera. While there are no grants, all users
see all cameras. `CameraQuerySet.visible_to` (`cameras/models.py`) has the rule.

The functions block: they query the database. Each change ends the running streams that it forbids
(`streaming/signals.py`).
"""

from collections.abc import Iterable

from django.contrib.auth.models import AbstractBaseUser, Group
from django.db import transaction
from django.db.models import QuerySet

from cameras.models import Camera, CameraGrant, grants_added
from cameras.permissions import sees_all

OFF = (
    "There are no grants, so all users with the permission to watch see all cameras. As soon as one camera is granted to "
    "one user or group, users see only cameras that are granted to them or to a group of theirs."
)
IN_FORCE = (
    "Grants are in force: users see only cameras that are granted to them or to a group of theirs. When no grant is left, "
    "all users with the permission to watch see all cameras."
)
EXEMPT = "Superusers, and users who may see all cameras or change grants, always see all of them."


def are_in_force() -> bool:
    """Returns whether any grant exists. Only then are cameras hidden from users who have no grant for them."""
    return CameraGrant.objects.exists()


def explanation() -> str:
    """Returns a text for administrators: whether there are any grants, and which cameras users see therefore."""
    return f"{IN_FORCE if are_in_force() else OFF} {EXEMPT}"


def cameras_of(holder: AbstractBaseUser | Group) -> "QuerySet[Camera]":
    """Returns the cameras that are granted to a user or group. For a user, leaves out those that only their groups
    have.
    """
    return Camera.objects.filter(grants__in=_grants_of(holder))


def set_cameras(holder: AbstractBaseUser | Group, cameras: Iterable[Camera]) -> None:
    """Grant these cameras to a user or group, and take back the grants that `holder` has for other cameras."""
    _replace(_grants_of(holder), [_grant(camera, holder) for camera in cameras])


def set_holders(camera: Camera, holders: Iterable[AbstractBaseUser | Group]) -> None:
    """Grant `camera` to these users and groups, and to nobody else."""
    _replace(camera.grants.all(), [_grant(camera, holder) for holder in holders])


def keep_visible(user: AbstractBaseUser, cameras: Iterable[Camera]) -> None:
    """Grant `cameras`, which `user` has just added, to this user if the cameras would be hidden from them otherwise."""
    if not sees_all(user):
        _add([_grant(camera, user) for camera in cameras])


def _grants_of(holder: AbstractBaseUser | Group) -> "QuerySet[CameraGrant]":
    return CameraGrant.objects.filter(**_as_holder(holder))


def _grant(camera: Camera, holder: AbstractBaseUser | Group) -> CameraGrant:
    return CameraGrant(camera=camera, **_as_holder(holder))


def _as_holder(holder: AbstractBaseUser | Group) -> dict[str, int]:
    return {"group_id" if isinstance(holder, Group) else "user_id": holder.pk}


def _replace(present: "QuerySet[CameraGrant]", wanted: list[CameraGrant]) -> None:
    with transaction.atomic():
        known = {_key(grant): grant for grant in present}
        lost = known.keys() - {_key(grant) for grant in wanted}
        present.filter(pk__in=[known[key].pk for key in lost]).delete()
        _add([grant for grant in wanted if _key(grant) not in known])


def _key(grant: CameraGrant) -> tuple[object, ...]:
    return grant.camera_id, grant.user_id, grant.group_id


def _add(grants: list[CameraGrant]) -> None:
    if grants:
        CameraGrant.objects.bulk_create(grants, ignore_conflicts=True)  # somebody may grant the same at this moment
        grants_added.send(CameraGrant, grants=grants)
