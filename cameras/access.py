"""Who may use the JSON API: a program with a token, or a person with a session, who has the operation's permissions.

Asked before anything else of a request is looked at, so that a stranger learns nothing of what would be valid.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer

from cameras import tokens
from cameras.problems import Problem

Auth = list["Bearer | Session"]


class Bearer(HttpBearer):
    """`Authorization: Bearer <token>`. One that is not valid is refused, whatever session comes with it."""

    openapi_description = "A token, made in the administration under Cameras > API tokens. Acts as its user."

    def __init__(self, *permissions: str, staff: bool = False) -> None:
        super().__init__()
        self.permissions, self.staff = permissions, staff

    def authenticate(self, request: HttpRequest, token: str) -> AbstractBaseUser:
        user = tokens.user_of(token)
        if user is None:
            raise Problem(401, "The token is not valid, or no longer.")
        return _allowed(user, self.permissions, self.staff)


class Session(APIKeyCookie):
    """The session of a person who has logged in, with Django's CSRF token for what changes something."""

    param_name = settings.SESSION_COOKIE_NAME
    openapi_description = "A log-in's session. Requests other than GET need the header X-CSRFToken as well."

    def __init__(self, *permissions: str, staff: bool = False) -> None:
        super().__init__(csrf=True)
        self.permissions, self.staff = permissions, staff

    def __call__(self, request: HttpRequest) -> Any:
        # Before the check of the CSRF token: who has no session is not logged in, and not forging anything.
        return super().__call__(request) if request.user.is_authenticated else None

    def authenticate(self, request: HttpRequest, key: str | None) -> AbstractBaseUser:
        return _allowed(request.user, self.permissions, self.staff)


def allowed(*permissions: str, staff: bool = False) -> Auth:
    """The `auth` of an operation for those with all these permissions, and with `staff` for the staff among them."""
    return [Bearer(*permissions, staff=staff), Session(*permissions, staff=staff)]


def _allowed(user: Any, permissions: tuple[str, ...], staff: bool) -> AbstractBaseUser:
    if staff and not user.is_staff:
        raise Problem(403, "This is for the staff.")
    missing = [name for name in permissions if not user.has_perm(name)]
    if missing:
        raise Problem(403, f"This needs the permission {missing[0]}.")
    return user  # type: ignore[no-any-return]
