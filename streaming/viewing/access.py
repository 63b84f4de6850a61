"""Checks a viewer's access to a camera: who is logged in, whether they may watch it (`may_watch` in
`cameras/permissions.py`), and whether the camera exists, is enabled and has an address.

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
    """A copy of the data of a Django session. Nothing that Django does with it changes the stored session.

    Django's `get_user` would give a session that was made with an older SECRET_KEY a new session key. A WebSocket cannot
    send that to the browser.
    """

    def cycle_key(self) -> None:
        """Do nothing: the stored session keeps its key."""

    def flush(self) -> None:
        """Do nothing: the stored session is not deleted."""


@dataclass(frozen=True)
class Login:
    """The credentials in the request that opens a viewer's WebSocket. `session`: key of the Django session; None:
    none. `display`: token of a display, a screen that shows a page of cameras without a log-in; "": none.
    `proxy_user`: the user that a trusted proxy names; None: it names none. With a `proxy_user`, the session is
    ignored.
    """

    session: str | None = None  # key
    display: str = ""  # token
    proxy_user: ProxyUser | None = None  # from a trusted proxy: then the session does not count


def user_of(login: Login) -> User:
    """Returns the user of a log-in as the database has it now. If there is none (the session expired, or the
    proxy's user is missing or inactive), returns the `Display` of the log-in's display token (a screen that shows
    cameras without a log-in), and stores when it was last seen. Without such a display, returns AnonymousUser.
    """
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
    """Check that `user` may watch a camera now, but not whether they are blocked. Returns `user`, the camera, and the
    source (address and credentials) of its main stream. `camera_id` must be a valid UUID, else Django raises its
    ValidationError.

    Raises the first that applies: NotAuthenticatedError, PermissionDeniedError (the user may watch no camera),
    CameraNotFoundError (also for a camera that is disabled, or hidden from the user), NoStreamUrlError, or
    CameraUnreachableError if the stored password cannot be decrypted.
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
