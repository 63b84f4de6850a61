"""From the limits in force and who asks to what a newcomer is admitted by."""

from dataclasses import dataclass
from typing import Any

from streaming import conf
from streaming.errors import (
    AddressLimitReachedError,
    CameraLimitReachedError,
    LimitReachedError,
    UserLimitReachedError,
)
from streaming.gate.leases import Holder, Limit, Rate, Terms
from streaming.limits import policy as limits
from streaming.limits.policy import Policy
from streaming.store.keys import ADDRESS_SET, CAMERA_SET, ORDINARY_SET, SERVER_SET, USER_SET


@dataclass(frozen=True)
class Standing:
    """What a user may under one policy: streams at once (0: any), and whether the reserved slots are available to them."""

    streams: int
    operator: bool


Standings = tuple[Standing, Standing | None]  # under the limits in force, and under those that are only tried


def standings_of(policy: Policy, user: Any) -> Standings:
    """Blocks: asks the database."""
    return _standing(policy, user), _standing(policy.trial, user) if policy.trial else None


def _standing(policy: Policy, user: Any) -> Standing:
    return Standing(limits.user_limit(policy, user), limits.is_operator(policy, user))


def rate_of(camera_id: str, kind: str) -> Rate:
    """What a stream of a camera is expected to take; `kind` is its quality, or h264 for the camera's own video."""
    return Rate(f"{camera_id}:{kind}", conf.ESTIMATES[kind])


def terms_of(policy: Policy, standings: Standings, holder: Holder, rate: Rate) -> Terms:
    """The limited sets that a new stream enters, the server's first, and the budget."""
    standing, trial = standings
    now = _maxima(policy, standing)
    tried = _maxima(policy.trial, trial) if policy.trial and trial else (0,) * len(now)
    kinds: tuple[tuple[str, type[LimitReachedError]], ...] = (
        (SERVER_SET, LimitReachedError),
        (ORDINARY_SET, LimitReachedError),
        (USER_SET + holder.user_id, UserLimitReachedError),
        (CAMERA_SET + holder.camera_id, CameraLimitReachedError),
        (ADDRESS_SET + holder.address, AddressLimitReachedError),
    )
    sets = [
        Limit(key, maximum, refusal, would_be)
        for (key, refusal), maximum, would_be in zip(kinds, now, tried, strict=True)
        if not (key == ORDINARY_SET and standing.operator)
    ]
    return Terms(tuple(sets), rate, policy.budget, policy.trial.budget if policy.trial else 0)


def _maxima(policy: Policy, standing: Standing) -> tuple[int, int, int, int, int]:
    """In the order of the sets; 0: any number."""
    ordinary = 0 if standing.operator else policy.max_concurrent - policy.reserved_slots
    return (
        policy.max_concurrent,
        ordinary if policy.reserved_slots else 0,
        standing.streams,
        policy.max_per_camera,
        policy.max_per_address,
    )
