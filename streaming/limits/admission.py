"""Builds the terms of one admission from the policy and the user's limits."""

from dataclasses import replace

from streaming import conf
from streaming.errors import (
    AddressLimitReachedError,
    CameraLimitReachedError,
    LimitReachedError,
    UserLimitReachedError,
)
from streaming.gate.leases import Holder, Limit, Rate, Terms
from streaming.limits.policy import Policy
from streaming.limits.user_limits import UserLimits
from streaming.store.keys import ADDRESS_SET, CAMERA_SET, ORDINARY_SET, SERVER_SET, USER_SET


def rate_of(camera_id: str, kind: str) -> Rate:
    """Returns the estimated rate of a stream. `kind`: its quality, or "h264" for the camera's own video in any codec."""
    return Rate(f"{camera_id}:{kind}", conf.ESTIMATES[kind])


def terms_of(policy: Policy, user_limits: UserLimits, holder: Holder, rate: Rate) -> Terms:
    """Returns the sets that a new stream enters, the server's first, each with its limit, and the bandwidth budget."""
    maxima = _maxima(policy, user_limits)
    trial = policy.trial and user_limits.trial and _maxima(policy.trial, user_limits.trial)
    kinds: tuple[tuple[str, type[LimitReachedError]], ...] = (
        (SERVER_SET, LimitReachedError),
        (ORDINARY_SET, LimitReachedError),
        (USER_SET + holder.user_id, UserLimitReachedError),
        (CAMERA_SET + holder.camera_id, CameraLimitReachedError),
        (ADDRESS_SET + holder.address, AddressLimitReachedError),
    )
    sets = [
        Limit(key, maximum, error, tried)
        for (key, error), maximum, tried in zip(kinds, maxima, trial or (0,) * len(maxima), strict=True)
        if not (key == ORDINARY_SET and user_limits.operator)
    ]
    return Terms(tuple(sets), rate, policy.budget, policy.trial.budget if policy.trial else 0)


def without_ordinary_set(terms: Terms) -> Terms:
    """Returns `terms` without the set of ordinary streams, for a running stream whose user may use the reserved slots now.

    The stream's lease is not renewed in that set, so it leaves the set when the lease would end.
    """
    return replace(terms, limits=tuple(limit for limit in terms.limits if limit.key != ORDINARY_SET))


def _maxima(policy: Policy, user_limits: UserLimits) -> tuple[int, int, int, int, int]:
    """Returns the limit of each set, in the order of `terms_of`; 0: unlimited."""
    ordinary = 0 if user_limits.operator else policy.max_concurrent - policy.reserved_slots
    return (
        policy.max_concurrent,
        ordinary if policy.reserved_slots else 0,
        user_limits.streams,
        policy.max_per_camera,
        policy.max_per_address,
    )
