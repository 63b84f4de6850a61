"""The rules before the gate: who asks, for which camera, and what stands against it."""

import uuid
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from cameras.models import Camera
from cameras.permissions import may_watch
from cameras.sources import AddressError, CameraSource
from streaming import errors

User = AbstractBaseUser | AnonymousUser


def admissible(user: User, camera_id: str | uuid.UUID) -> tuple[Any, Camera, CameraSource]:
    """The rules before the gate, in the order in which they are told. Off the loop: asks the database."""
    if not user.is_authenticated:
        raise errors.NotAuthenticatedError
    if not may_watch(user):
        raise errors.PermissionDeniedError
    camera = Camera.objects.filter(pk=camera_id, enabled=True).first()
    if camera is None:
        raise errors.CameraNotFoundError
    if not may_watch(user, camera):
        raise errors.PermissionDeniedError
    if not camera.stream_url:
        raise errors.NoStreamUrlError
    try:
        return user, camera, camera.source
    except AddressError as error:
        raise errors.CameraUnreachableError(str(error)) from error
