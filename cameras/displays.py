"""Displays: screens that show one wall (a saved grid of live cameras) without a log-in.

A browser that sends a display's token in a cookie is a `Display`, which is not a Django user. Only the page of its
wall, and the streams and stills of the cameras on it, accept a display.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group
from django.db.models import QuerySet
from django.http import HttpRequest

from cameras.models import DisplayToken
from cameras.tokens import digest, note_use

COOKIE = "nvr_display"  # holds the token
COOKIE_AGE = timedelta(days=400)  # the longest that browsers keep; each page of the wall sets it anew
USER_ID = "display-"  # and the id of the token: in the place of a user's id


@dataclass(frozen=True)
class Display:
    """A screen that shows one wall without a log-in. `watcher_of` returns it in the place of a Django user: it has
    the attributes that streams need of a user, but no `has_perm`. It may watch those cameras of its wall that its
    issuer may watch. `cameras/permissions.py` has this rule, and what else a display may do.
    """

    token: DisplayToken

    is_authenticated = True

    @property
    def pk(self) -> str:
        return f"{USER_ID}{self.token.pk}"

    @property
    def groups(self) -> QuerySet[Group]:
        return Group.objects.none()

    @property
    def issuer(self) -> AbstractBaseUser | AnonymousUser:
        """The user who made this display, or who took it over last in the Django admin: it shows only cameras that they
        may watch. AnonymousUser: they were deleted.
        """
        return self.token.issuer or AnonymousUser()

    @property
    def keeps_slots(self) -> bool:
        return self.token.keeps_slots

    @property
    def camera_ids(self) -> list[str]:
        return [tile["camera"] for tile in self.token.wall.tiles]

    def get_username(self) -> str:
        return f"Display {self.token.name}"


def find_token(text: str) -> DisplayToken | None:
    """Returns the display token whose secret is `text`, even if it has expired or is revoked. None: there is no such
    token.
    """
    rows = DisplayToken.objects.select_related("wall", "issuer")
    return rows.filter(digest=digest(text)).first() if text else None


def has_ended(token: DisplayToken) -> bool:
    """Returns whether the token is revoked or expired, or its issuer is deleted or inactive."""
    return token.has_expired or token.revoked is not None or token.issuer is None or not token.issuer.is_active


def display_of(text: str) -> Display | None:
    """Returns the display (a screen without a log-in) whose secret token is `text`, and stores when it was last seen.
    None: the token is unknown or has ended.
    """
    token = find_token(text)
    if token is None or has_ended(token):
        return None
    note_use(token, "last_seen")
    return Display(token)


def watcher_of(request: HttpRequest) -> AbstractBaseUser | AnonymousUser | Display:
    """Returns who sends the request: the logged-in user, or else the display (a screen without a log-in) whose
    token is in its cookie and has not ended, or else AnonymousUser.
    """
    if request.user.is_authenticated:
        return request.user
    return display_of(request.COOKIES.get(COOKIE, "")) or request.user
