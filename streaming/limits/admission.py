"""Builds the terms under which the gate admits one stream: the limits for everybody, those of its user, and its bandwidth.

They are built again after each wait for a slot. A running stream keeps its terms, but for `without_ordinary_set`.
"""

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
    """Returns the expected bandwidth of a stream: the field of its measured rate in Redis, and an estimate until it has
    one. `kind`: the stream's quality, or "h264" for the camera's own video in any codec ("sub_h264": that of its
    substream), a key of `conf.ESTIMATES`. `camera_id`: always that of the camera, not of its substream.
    """
    return Rate(f"{camera_id}:{kind}", conf.ESTIMATES[kind])


def terms_of(policy: Policy, user_limits: UserLimits, holder: Holder, rate: Rate) -> Terms:
    """Returns the terms for the admission of a new stream: the Redis sets that it enters, each with its limit, and
    the bandwidth budget in kbit/s. The set of all streams is the first. Each limit, and the budget, has beside it
    the value that a dry run tests without refusing anybody; 0: no dry run, or unlimited. `holder`: the stream's
    user, camera and address. `rate`: its expected bandwidth.
    """
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
    """Returns `terms` without the limit for users who may not use the reserved slots, for a running stream whose user
    may use them now.

    The stream's lease is no longer renewed in that limit's set, so the stream leaves the set within one lease's length.
    """
    return replace(terms, limits=tuple(limit for limit in terms.limits if limit.key != ORDINARY_SET))


def _maxima(policy: Policy, user_limits: UserLimits) -> tuple[int, int, int, int, int]:
    """Returns how many streams are allowed: in all, of users who may not use the reserved slots, of this user, of one
    camera, and of one address. 0: unlimited. The second is 0 for a user who may use the reserved slots.
    """
    ordinary = 0 if user_limits.operator else policy.max_concurrent - policy.reserved_slots
    return (
        policy.max_concurrent,
        ordinary if policy.reserved_slots else 0,
        user_limits.streams,
        policy.max_per_camera,
        policy.max_per_address,
    )
