"""Finds or creates the Django users of people who signed in at a reverse proxy or an OpenID Connect provider. Puts them
into the Django groups that the service's groups are mapped to.

`nvr/proxy_users.py` and `nvr/accounts.py` decide which sign-ins are trusted.
"""

import functools
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError

logger = logging.getLogger(__name__)

SCOPE_KEY = "proxy_user"  # of an ASGI scope: a ProxyUser, if a trusted proxy names one
ANYBODY = "*"  # in a mapping: each user of the service

GroupMapping = tuple[tuple[str, str], ...]  # (group of the service, group of Django)


@dataclass(frozen=True)
class ProxyUser:
    """The user that a trusted reverse proxy names in its headers. `groups`: names of their groups at the proxy, empty
    if it sends none, or None if the settings name no header for groups.
    """

    name: str
    groups: tuple[str, ...] | None = None


def find_user(proxy_user: ProxyUser) -> User | None:
    """Returns the active Django user whose name the proxy sent, or None. Changes nothing."""
    return User.objects.filter(username=proxy_user.name, is_active=True).first()


def user_of(proxy_user: ProxyUser, *, create: bool, groups: GroupMapping) -> User | None:
    """Returns the active Django user with the name that a reverse proxy gives. `create`: create a missing user. Returns
    None, and logs a warning, if the user is inactive, or missing without `create`, or if the name is not valid.

    If `proxy_user.groups` is not None, changes the user's Django groups as `groups` maps them: see `set_groups`.
    """
    user = find_user(proxy_user)
    if user is None and create:
        user = create_user(proxy_user.name)
    if user is None:
        _warn(f"The proxy names {proxy_user.name!r}, but there is no active user of this name.")
    elif proxy_user.groups is not None:
        set_groups(user, proxy_user.groups, groups)
    return user


def create_user(name: str) -> User | None:
    """Create a user without a password, unless the user exists. Returns the user. None: the name is not valid, or its
    user is inactive.
    """
    try:
        User._meta.get_field("username").clean(name, None)
    except ValidationError:
        return None
    user, created = User.objects.get_or_create(username=name, defaults={"password": make_password(None)})
    if created:
        logger.info("Created the user %s, who was signed in by another service", name)
    return user if user.is_active else None


def set_groups(user: User, named: Iterable[str], mapping: GroupMapping) -> None:
    """Put `user` into the Django groups that `mapping` gives for `named`, their groups at the proxy or provider.
    Remove the user from the other Django groups of `mapping`. Groups outside `mapping` stay as they are.
    `mapping`: pairs (group of the service, Django group). The service's group "*" stands for every user.
    Logs a warning if a Django group that the user should be in does not exist.
    """
    named = {ANYBODY, *named}
    mapped, wanted = {ours for _, ours in mapping}, {ours for theirs, ours in mapping if theirs in named}
    present = {group.name: group for group in user.groups.filter(name__in=mapped)}
    if present.keys() == wanted:
        return
    user.groups.remove(*(group for name, group in present.items() if name not in wanted))
    missing = {group.name: group for group in Group.objects.filter(name__in=wanted - present.keys())}
    user.groups.add(*missing.values())
    for name in sorted(wanted - present.keys() - missing.keys()):
        _warn(f"Users should be in the group {name!r}, but there is no such group.")


@functools.lru_cache(maxsize=100)
def _warn(text: str) -> None:
    """Log a warning, unless it is one of the last 100 different ones of this process."""
    logger.warning("%s", text)
