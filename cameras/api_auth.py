"""Checks access to the JSON API: a request needs an API token or a log-in session, and its user needs the operation's
permissions.

Access is checked before the rest of a request, so that a stranger does not learn which requests would be valid.
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
    """Authenticates a request by its header `Authorization: Bearer <API token>`. The token's user needs all
    `permissions` (such as "cameras.view_camera"), and with `staff` a staff account: otherwise 403. An invalid token is
    refused with 401, even if the request has a valid session.
    """

    openapi_description = "A token, created in the administration under Cameras > API tokens. It acts as its user."

    def __init__(self, *permissions: str, staff: bool = False) -> None:
        super().__init__()
        self.permissions, self.staff = permissions, staff

    def authenticate(self, request: HttpRequest, token: str) -> AbstractBaseUser:
        user = tokens.user_of(token)
        if user is None:
            raise Problem(401, "The token is invalid or has expired.")
        return _allowed(user, self.permissions, self.staff)


class Session(APIKeyCookie):
    """Authenticates a request by the session cookie of a logged-in user, who needs all `permissions` (such as
    "cameras.view_camera"), and with `staff` a staff account: otherwise 403. Requests that change something also need
    Django's CSRF token.
    """

    param_name = settings.SESSION_COOKIE_NAME
    openapi_description = "The session of a log-in. Requests other than GET also need the header X-CSRFToken."

    def __init__(self, *permissions: str, staff: bool = False) -> None:
        super().__init__(csrf=True)
        self.permissions, self.staff = permissions, staff

    def __call__(self, request: HttpRequest) -> Any:
        # Without a session the answer is 401, not a CSRF error: so this comes before the check of the CSRF token.
        return super().__call__(request) if request.user.is_authenticated else None

    def authenticate(self, request: HttpRequest, key: str | None) -> AbstractBaseUser:
        return _allowed(request.user, self.permissions, self.staff)


def requires(*permissions: str, staff: bool = False) -> Auth:
    """Returns the `auth` argument of a django-ninja operation: an API token or a log-in session, of a user who has all
    `permissions` (such as "cameras.view_camera"), and with `staff` a staff account. 401 answers requests without a
    valid token or log-in, 403 those whose user lacks one of these.
    """
    return [Bearer(*permissions, staff=staff), Session(*permissions, staff=staff)]


def _allowed(user: Any, permissions: tuple[str, ...], staff: bool) -> AbstractBaseUser:
    if staff and not user.is_staff:
        raise Problem(403, "This needs a staff account.")
    missing = [name for name in permissions if not user.has_perm(name)]
    if missing:
        raise Problem(403, f"This needs the permission {missing[0]}.")
    return user  # type: ignore[no-any-return]
