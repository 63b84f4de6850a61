"""Checks a viewer's access to a camera: the log-in, the rule `may_watch` (`cameras/permissions.py`), and the camera itself.

The functions block: they query the database.
"""

import uuid
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser

from cameras.displays import display_of
from cameras.models import Camera
from cameras.permissions import User, may_watch
from cameras.sign_in import ProxyUser, find_user
from cameras.sources import AddressError, CameraSource
from streaming import errors


class ReadOnlySession(dict[str, Any]):
    """A copy of a session, in which Django cannot change the stored session.

    `get_user` gives a session from an older SECRET_KEY a new key. A WebSocket cannot send that key to the browser.
    """

    def cycle_key(self) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Login:
    """What a viewer's handshake has to show who they are."""

    session: str | None = None  # key
    display: str = ""  # token
    proxy_user: ProxyUser | None = None  # from a trusted proxy: then the session does not count


def user_of(login: Login) -> User:
    """Returns the user of a log-in as the database has it now. An expired or ended session has no user: then the display of
    the token watches, if there is one."""
    user: User
    if login.proxy_user is not None:
        user = find_user(login.proxy_user) or AnonymousUser()
    else:
        session = ReadOnlySession(import_module(settings.SESSION_ENGINE).SessionStore(login.session).items())
        # `get_user` uses nothing of a request but its session.
        user = get_user(SimpleNamespace(session=session))  # type: ignore[arg-type]
    if not user.is_authenticated and login.display:
        user = display_of(login.display) or user
    return user


def check_access(user: User, camera_id: str | uuid.UUID) -> tuple[Any, Camera, CameraSource]:
    """Returns the user, the camera and its source.

    Raises the first that applies: NotAuthenticatedError, PermissionDeniedError, CameraNotFoundError (also for a camera that
    is disabled, or hidden from the user), NoStreamUrlError, or CameraUnreachableError if the stored password cannot be
    decrypted.
    """
    if not user.is_authenticated:
        raise errors.NotAuthenticatedError
    if not may_watch(user):
        raise errors.PermissionDeniedError
    camera = Camera.objects.filter(pk=camera_id, enabled=True).first()
    if camera is None or not may_watch(user, camera):
        raise errors.CameraNotFoundError
    if not camera.stream_url:
        raise errors.NoStreamUrlError
    try:
        return user, camera, camera.source
    except AddressError as error:
        raise errors.CameraUnreachableError(str(error)) from error
