"""Finds or creates users who were signed in by another service, and puts them into the groups that its groups stand for.

`nvr/proxy_users.py` decides which requests are believed. This module finds their user.
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
    """What a trusted proxy says of the user. `groups` is None if it sends no groups."""

    name: str
    groups: tuple[str, ...] | None = None


def find_user(proxy_user: ProxyUser) -> User | None:
    """Returns the active user of this name, or None. Changes nothing."""
    return User.objects.filter(username=proxy_user.name, is_active=True).first()


def user_of(proxy_user: ProxyUser, *, create: bool, groups: GroupMapping) -> User | None:
    """Returns the active user, in the groups that the proxy names. None if there is none, and with `create` if no user may
    have this name."""
    user = find_user(proxy_user)
    if user is None and create:
        user = create_user(proxy_user.name)
    if user is None:
        _warn(f"The proxy names {proxy_user.name!r}, but there is no active user of this name.")
    elif proxy_user.groups is not None:
        set_groups(user, proxy_user.groups, groups)
    return user


def create_user(name: str) -> User | None:
    """Returns the new user, who has no password. None if the name is not valid, or its user is inactive."""
    try:
        User._meta.get_field("username").clean(name, None)
    except ValidationError:
        return None
    user, created = User.objects.get_or_create(username=name, defaults={"password": make_password(None)})
    if created:
        logger.info("Created the user %s, who was signed in by another service", name)
    return user if user.is_active else None


def set_groups(user: User, named: Iterable[str], mapping: GroupMapping) -> None:
    """Put `user` into exactly those groups of the mapping that `named` stands for. Other groups stay as they are."""
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
    """Log each text once."""
    logger.warning("%s", text)
