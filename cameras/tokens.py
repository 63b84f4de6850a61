"""Access tokens: secrets of programs (API tokens) and of displays (screens that show a wall without a log-in). An API
token acts as its user while the user is active and the token has not expired. cameras/displays.py checks those of
displays.

A token is `nvr_`, which helps scanners to find leaked tokens, and 256 random bits. Only its first 8 characters (the
prefix) and a SHA-256 digest are stored: random bits need no slow hash.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q
from django.utils import timezone

from cameras.models import ApiToken, Token

WORD = "nvr_"
PREFIX = 8  # characters stored in clear, so that people can tell tokens apart
SEEN_EVERY = timedelta(minutes=1)  # precision of the time of the last use, which saves a database write per request


def issue(user: AbstractBaseUser, name: str, expires: datetime | None = None) -> str:
    """Create and store an API token of `user`. Returns the token itself, which cannot be read again. `expires` None:
    never.
    """
    row = ApiToken(user_id=user.pk, name=name, expires=expires)
    token = fill(row)
    row.save()
    return token


def fill(row: Token) -> str:
    """Create the secret of an unsaved row, and set the row's digest and prefix. Returns the secret. The caller saves
    the row.
    """
    token = WORD + secrets.token_urlsafe(32)
    row.prefix, row.digest = token[:PREFIX], digest(token)
    return token


def user_of(token: str) -> AbstractBaseUser | None:
    """Returns the user of an API token, and stores that it is used now. None, and nothing stored: the token is unknown
    or has expired, or the user is inactive.
    """
    row = ApiToken.objects.select_related("user").filter(digest=digest(token)).first()
    if row is None or row.has_expired or not row.user.is_active:
        return None
    note_use(row, "last_used")
    return row.user


def note_use(row: Token, column: str) -> None:
    """Store in `column`, a field of `row`, that the token is used now; at most once a minute (`SEEN_EVERY`)."""
    now, before = timezone.now(), getattr(row, column)
    if before is None or now - before >= SEEN_EVERY:
        unseen = Q(**{column: None}) | Q(**{f"{column}__lte": now - SEEN_EVERY})
        type(row)._default_manager.filter(unseen, pk=row.pk).update(**{column: now})


class EndWithPassword:
    """A password validator that expires a user's API tokens when the password changes: Django reports a change
    only to validators. It is in use only with `API_TOKENS_END_WITH_PASSWORD=true`, and refuses no password. A new
    hash of the same password, which Django may create at log-in, is no change.
    """

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Accept every password."""

    def get_help_text(self) -> str:
        return "Your API tokens end when your password changes."

    def password_changed(self, password: str, user: AbstractBaseUser | None = None) -> None:
        if user is not None:
            now = timezone.now()
            ApiToken.objects.filter(Q(expires=None) | Q(expires__gt=now), user_id=user.pk).update(expires=now)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
