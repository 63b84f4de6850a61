"""The order and the groups of the cards on the page of all cameras, where each camera is a card. All functions block on
the database.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError

from cameras.models import Camera, CameraGroup, CardOrder

MAX_ORDERED = 10_000  # cameras


def in_own_order(user: User | AnonymousUser, cameras: Iterable[Camera]) -> list[Camera]:
    """Returns `cameras` in the order of cards that `user` has saved. Cameras that are not in it follow in the given
    order. Without a saved order, as for an AnonymousUser, all keep the given one.
    """
    order = CardOrder.objects.filter(user=user.pk).values_list("cameras", flat=True).first() or []
    places = {id: place for place, id in enumerate(order)}
    return sorted(cameras, key=lambda camera: places.get(str(camera.pk), len(places)))


def groups_of(cameras: Iterable[Camera]) -> list[dict[str, Any]]:
    """Returns the camera groups that have any of `cameras`, sorted by name. Each is a dict with `id`, `name` and
    `cameras`: the ids (UUID) of those of the given cameras that are in the group.
    """
    members: dict[int, list[UUID]] = {}
    shown = {camera.pk for camera in cameras}
    for group, camera in CameraGroup.cameras.through.objects.values_list("cameragroup_id", "camera_id"):
        if camera in shown:
            members.setdefault(group, []).append(camera)
    names = CameraGroup.objects.filter(pk__in=members).values_list("pk", "name")
    return [{"id": pk, "name": name, "cameras": members[pk]} for pk, name in names]


def save_order(user: User, text: str, cameras: Iterable[Camera]) -> None:
    """Save the order in which `user` wants to see the cards of `cameras`. An empty `text`, or one with no id
    of these, restores the order by name.

    `text`: camera ids with commas between them. Ids that are not of `cameras` are left out: those may have been deleted
    meanwhile. Raises ValidationError if `text` is no list of ids, has an id twice, or has more than MAX_ORDERED.
    """
    words = text.split(",") if text else []
    try:
        ids = [str(UUID(word)) for word in words]
    except ValueError as error:
        raise ValidationError({"cameras": "Send the ids of cameras, with commas between them."}) from error
    if len(set(ids)) < len(ids):
        raise ValidationError({"cameras": "Each camera can be in the order once."})
    if len(ids) > MAX_ORDERED:
        raise ValidationError({"cameras": f"The order can have at most {MAX_ORDERED} cameras."})
    known = {str(camera.pk) for camera in cameras}
    if ordered := [id for id in ids if id in known]:
        CardOrder(user_id=str(user.pk), cameras=ordered).save()
    else:
        CardOrder.objects.filter(user=user.pk).delete()
