"""The rules before the gate: who asks, for which camera, and what stands against it. Off the loop: asks the database."""

import uuid
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from cameras.models import Camera
from cameras.permissions import may_watch
from cameras.sources import AddressError, CameraSource
from streaming import errors
from streaming.gate import blocks

User = AbstractBaseUser | AnonymousUser


class AsStored(dict[str, Any]):
    """A copy of a session, to be read. Django renames one that was made under an older SECRET_KEY, and the browser has to
    hear the new name: the next HTTP request does that."""

    def cycle_key(self) -> None:
        """Changes nothing."""

    def flush(self) -> None:
        """Changes nothing."""


def admissible_session(session_key: str | None, camera_id: str | uuid.UUID) -> tuple[Any, Camera, CameraSource]:
    """`admissible` for whoever the session belongs to as it is stored now: expired, ended and outdated ones to nobody.
    Also raises StoppedByAdministratorError if the user is blocked."""
    session = AsStored(import_module(settings.SESSION_ENGINE).SessionStore(session_key).items())
    # All that Django asks of a request here is its session.
    found = admissible(get_user(SimpleNamespace(session=session)), camera_id)  # type: ignore[arg-type]
    blocks.check(str(found[0].pk))
    return found


def admissible(user: User, camera_id: str | uuid.UUID) -> tuple[Any, Camera, CameraSource]:
    """The rules, in the order in which they are told."""
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
