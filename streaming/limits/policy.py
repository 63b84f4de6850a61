"""The limits in force: the defaults of the environment, and above them the limits that an administrator stored.

Each row of LimitChange holds all limits in LABELS, and the newest row is in force. Rows with `trial` are of dry runs,
which test limits and refuse nobody. Limits of single users and groups are in tables of their own; `load` reads them
as well. `load` and `newest` query the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from streaming import conf
from streaming.models import GroupLimit, LimitChange, UserLimit

LABELS = {
    "max_concurrent": "Total streams",
    "max_mbps": "Total bandwidth (Mbit/s)",
    "max_per_camera": "Streams per camera",
    "max_per_user": "Streams per user",
    "max_per_address": "Streams per address",
    "reserved_slots": "Slots reserved for a group",
    "reserved_group": "Group with reserved slots",
}
SETTINGS = {
    "max_concurrent": conf.MAX_CONCURRENT,
    "max_mbps": conf.MAX_MBPS,
    "max_per_camera": conf.MAX_PER_CAMERA,
    "max_per_user": conf.MAX_PER_USER,
    "max_per_address": conf.MAX_PER_ADDRESS,
}
# No setting of the environment reserves slots.
RESERVED = conf.Number("reserved_slots", 0, "slots", 0, conf.MAX_CONCURRENT.maximum - 1)
NUMBERS = {**SETTINGS, "reserved_slots": RESERVED}
RESERVATION = ("reserved_slots", "reserved_group")


@dataclass(frozen=True)
class Policy:
    """All limits of streams: in total, their bandwidth, per camera, per user, per address, those of single users and
    groups, and the slots that are reserved for a group. 0 means unlimited for bandwidth, per camera and per user.
    `max_concurrent` and `max_per_address` are at least 1.
    """

    max_concurrent: int
    max_mbps: float
    max_per_camera: int
    max_per_user: int
    max_per_address: int
    reserved_slots: int = 0  # always less than `max_concurrent`
    reserved_group: int | None = None  # key of the group
    user_limits: Mapping[str, int] = field(default_factory=dict)  # user's key, as text -> streams
    group_limits: Mapping[int, int] = field(default_factory=dict)  # group's key -> streams of each member
    changed_at: datetime | None = None  # of the newest stored change; None: there is none
    changed_by: str = ""  # name of who stored it
    trial: "Policy | None" = None  # the limits in a dry run; None: none is running
    stored: frozenset[str] = frozenset()  # names of limits from the database; in a trial, of those that it tries
    deleted_group: str = ""  # name of the group that had the reserved slots; "": no group was deleted

    @property
    def budget(self) -> int:
        """kbit/s for all streams together, 0: unlimited. A positive `max_mbps` gives at least 1."""
        return max(1, round(self.max_mbps * 1000)) if self.max_mbps else 0

    @property
    def warnings(self) -> list[str]:
        """Warnings for administrators, as text: that the bandwidth limit is below the estimate for one stream."""
        quality = conf.DEFAULT_QUALITY.value
        estimate = conf.ESTIMATES[quality]
        if not 0 < self.budget < estimate:
            return []
        return [
            f"{self.max_mbps:g} Mbit/s is less than the estimate for one stream ({quality}: {estimate / 1000:g} Mbit/s). "
            "Until the rate of a camera is measured, its viewers are admitted only while nobody else watches."
        ]


def defaults() -> Policy:
    """Returns the default limits, from the environment's settings."""
    return _with(Policy(1, 0, 0, 0, 1), {name: setting.value for name, setting in SETTINGS.items()})


def load() -> Policy:
    """Returns the limits in force, and in `trial` those of a running dry run. Makes four database queries."""
    policy = replace(
        defaults(),
        user_limits={str(user): limit for user, limit in UserLimit.objects.values_list("user_id", "max_streams")},
        group_limits=dict(GroupLimit.objects.values_list("group_id", "max_streams")),
    )
    policy = _changed(policy, newest(trial=False))
    trial = _changed(policy, newest(trial=True))
    return replace(policy, trial=trial) if trial.stored else policy


def newest(*, trial: bool) -> LimitChange | None:
    """Returns the stored change in force, or with `trial` the newest of a dry run, perhaps the one that ended it; None
    without one. Queries the database.
    """
    return LimitChange.objects.filter(trial=trial).order_by("-pk").first()


def _changed(policy: Policy, change: LimitChange | None) -> Policy:
    if change is None:
        return replace(policy, stored=frozenset())
    given = {name: value for name, value in values_of(change).items() if value is not None}
    changed = _with(policy, given)
    deleted = change.reserved_group_name if change.reserved_group_id is None else ""
    return replace(
        changed,
        changed_at=change.time,
        changed_by=change.user_name,
        stored=frozenset(given) - ({"reserved_slots"} if deleted else set()),
        deleted_group=deleted,
    )


def _with(policy: Policy, values: Mapping[str, Any]) -> Policy:
    """Returns `policy` with the limits in `values`, by name.

    At least one slot is not reserved, even if the environment's limit was lowered. Without a group, none is reserved.
    """
    values = {name: typed(name, value) for name, value in values.items()}
    changed = replace(policy, **values)
    reserved = min(changed.reserved_slots, changed.max_concurrent - 1) if changed.reserved_group is not None else 0
    return replace(changed, reserved_slots=reserved)


def typed(name: str, value: Any) -> int | float:
    """Converts a checked number, not None, to the type of the limit `name`: float for max_mbps, otherwise int."""
    return float(value) if name == "max_mbps" else int(value)


def values_of(change: LimitChange | None) -> dict[str, Any]:
    """Returns the value of each limit, by name (all keys of LABELS), in a stored change; of `reserved_group`, the
    group's key. None: not set by it, or there is no change."""
    if change is None:
        return dict.fromkeys(LABELS)
    return {name: change.reserved_group_id if name == "reserved_group" else getattr(change, name) for name in LABELS}


def describe(policy: Policy) -> dict[str, dict[str, Any]]:
    """Returns facts about each limit, by name (all keys of LABELS), for pages and API:

    label, value, default, source ("environment" or "database"; "deleted" for `reserved_slots` and `reserved_group`
    if the group was deleted), minimum and maximum (None for `reserved_group`), and trial (the value that a dry run
    tests, or None).
    """
    default = defaults()
    return {
        name: {
            "label": LABELS[name],
            "value": getattr(policy, name),
            "default": getattr(default, name),
            "source": _source(policy, name),
            "minimum": typed(name, NUMBERS[name].minimum) if name in NUMBERS else None,
            "maximum": typed(name, NUMBERS[name].maximum) if name in NUMBERS else None,
            "trial": getattr(policy.trial, name) if policy.trial and name in policy.trial.stored else None,
        }
        for name in LABELS
    }


def _source(policy: Policy, name: str) -> str:
    if policy.deleted_group and name in RESERVATION:
        return "deleted"
    return "database" if name in policy.stored else "environment"
