"""Tokens for programs: each acts as its user, for as long as the user is active and the token has not expired.

A token is 256 random bits behind a word that tells a leaked one apart. Being random, it needs no slow hash.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q
from django.utils import timezone

from cameras.models import ApiToken

WORD = "nvr_"
PREFIX = 8  # characters that are kept in clear, for people to tell one token from another
SEEN_EVERY = timedelta(minutes=1)  # how exact `last_used` is: not one write to the database for each request


def issue(user: AbstractBaseUser, name: str, expires: datetime | None = None) -> str:
    """Make and store a token; returns what nobody can read again."""
    row = ApiToken(user_id=user.pk, name=name, expires=expires)
    token = fill(row)
    row.save()
    return token


def fill(row: ApiToken) -> str:
    """Give a row that is not stored yet its token, and return it."""
    token = WORD + secrets.token_urlsafe(32)
    row.prefix, row.digest = token[:PREFIX], _digest(token)
    return token


def user_of(token: str) -> AbstractBaseUser | None:
    """For whom the token speaks; None for one that is unknown or expired, or whose user is not active."""
    row = ApiToken.objects.select_related("user").filter(digest=_digest(token)).first()
    now = timezone.now()
    if row is None or (row.expires is not None and row.expires <= now) or not row.user.is_active:
        return None
    if row.last_used is None or now - row.last_used >= SEEN_EVERY:
        unseen = Q(last_used=None) | Q(last_used__lte=now - SEEN_EVERY)
        ApiToken.objects.filter(unseen, pk=row.pk).update(last_used=now)
    return row.user


class EndWithPassword:
    """Refuses no password. Django tells its validators, and them alone, of one that has changed: then all tokens of the
    user end. A stronger hash of the same password, which Django makes at a log-in, is no change."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Every password will do."""

    def get_help_text(self) -> str:
        return "Your API tokens end when your password changes."

    def password_changed(self, password: str, user: AbstractBaseUser | None = None) -> None:
        if user is not None:
            now = timezone.now()
            ApiToken.objects.filter(Q(expires=None) | Q(expires__gt=now), user_id=user.pk).update(expires=now)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
