"""Screens that show one wall without a log-in. A display token lets a browser in as a `Display`, which is no user of Django:
nothing but the page of its wall and the streams on it knows it.
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
    """A screen in the place of a user. It has what streams need of a user, and no permission."""

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
        """The user whose cameras the display may show. AnonymousUser: that user was deleted."""
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
    """Returns the token, also one that has ended, or None for an unknown one."""
    rows = DisplayToken.objects.select_related("wall", "issuer")
    return rows.filter(digest=digest(text)).first() if text else None


def has_ended(token: DisplayToken) -> bool:
    """Whether the token is revoked or has expired, or its issuer has no active account."""
    return token.has_expired or token.revoked is not None or token.issuer is None or not token.issuer.is_active


def display_of(text: str) -> Display | None:
    """The display that a token lets in, or None. Notes when it was seen."""
    token = find_token(text)
    if token is None or has_ended(token):
        return None
    note_use(token, "last_seen")
    return Display(token)


def watcher_of(request: HttpRequest) -> AbstractBaseUser | AnonymousUser | Display:
    """The user who is logged in, or else the display, or else AnonymousUser."""
    if request.user.is_authenticated:
        return request.user
    return display_of(request.COOKIES.get(COOKIE, "")) or request.user
