"""The limits that apply to one user."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from streaming.limits.policy import Policy

Groups = Callable[[], set[int]]  # keys of the user's groups


@dataclass(frozen=True)
class UserLimits:
    """The limits of one user. `streams`: how many at once, 0: unlimited. `operator`: whether the user may take the
    slots that are reserved for a group. `trial`: the limits of the user in a dry run, which only tests limits.
    """

    streams: int
    operator: bool
    trial: "UserLimits | None" = None  # None: no dry run is running


def user_limits_of(policy: Policy, user: Any) -> UserLimits:
    """Returns the limits of a user under `policy`. `streams` is the user's own limit, else the highest of their
    groups, else the limit for everybody. `operator`: whether the user is in `reserved_group`. Queries the user's
    groups in the database, once, if a limit depends on them.
    """
    groups: Groups = functools.cache(lambda: set(user.groups.values_list("pk", flat=True)))
    limits = _limits_under(policy, user, groups)
    return replace(limits, trial=_limits_under(policy.trial, user, groups)) if policy.trial else limits


def _limits_under(policy: Policy, user: Any, groups: Groups) -> UserLimits:
    operator = policy.reserved_group is not None and policy.reserved_group in groups()
    return UserLimits(_streams(policy, user, groups), operator)


def _streams(policy: Policy, user: Any, groups: Groups) -> int:
    """Returns how many streams the user may have at once, 0: unlimited. The user's own limit comes first, then the
    highest limit of the user's groups (`groups` returns their keys), then the limit for everybody. Only the last can
    be 0.
    """
    own = policy.user_limits.get(str(user.pk))
    if own is not None:
        return own
    if not policy.group_limits:
        return policy.max_per_user
    return max((policy.group_limits[key] for key in groups() & policy.group_limits.keys()), default=policy.max_per_user)
