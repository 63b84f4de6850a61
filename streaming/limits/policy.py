"""The limits in force: the environment's defaults, and over them what the database says.

The database holds them and Redis says that they have changed: whoever stores new ones bumps a version there, which each
worker sees within a second. Redis away, the change is stored all the same, and found by the workers' own looking.

Blocks: asks the database, and `change` and `announce` Redis, too.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction

from streaming import conf
from streaming.models import GroupLimit, LimitChange, UserLimit
from streaming.store import worker_events
from streaming.store.keys import POLICY, store_url
from streaming.store.scripts import run_now

LABELS = {
    "max_concurrent": "Streams at once",
    "max_mbps": "Mbit/s of all streams",
    "max_per_camera": "Streams of one camera",
    "max_per_user": "Streams of one user",
    "max_per_address": "Streams of one address",
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
# The environment reserves nothing.
RESERVED = conf.Number("reserved_slots", 0, "slots", 0, conf.MAX_CONCURRENT.maximum - 1)
NUMBERS = {**SETTINGS, "reserved_slots": RESERVED}
RESERVATION = ("reserved_slots", "reserved_group")


@dataclass(frozen=True)
class Policy:
    """Zero Mbit/s, per camera, per user: no such limit. `trial`: what is only tried, counting whom it would refuse."""

    max_concurrent: int
    max_mbps: float
    max_per_camera: int
    max_per_user: int
    max_per_address: int
    reserved_slots: int = 0  # always fewer than `max_concurrent`
    reserved_group: int | None = None
    user_limits: Mapping[str, int] = field(default_factory=dict)  # user's key, as text
    group_limits: Mapping[int, int] = field(default_factory=dict)
    changed_at: datetime | None = None
    changed_by: str = ""
    trial: "Policy | None" = None
    stored: frozenset[str] = frozenset()  # which limits the database sets; of a trial, which it tries
    deleted_group: str = ""  # of whom slots were reserved

    @property
    def budget(self) -> int:
        """kbit/s that all streams together may take, 0: any. The smallest budget is one all the same."""
        return max(1, round(self.max_mbps * 1000)) if self.max_mbps else 0


# Reading.


def defaults() -> Policy:
    """The environment's."""
    return _with(Policy(1, 0, 0, 0, 1), {name: setting.value for name, setting in SETTINGS.items()})


def load() -> Policy:
    """What is in force, in four queries."""
    policy = replace(
        defaults(),
        user_limits={str(user): limit for user, limit in UserLimit.objects.values_list("user_id", "max_streams")},
        group_limits=dict(GroupLimit.objects.values_list("group_id", "max_streams")),
    )
    policy = _changed(policy, newest(trial=False))
    trial = _changed(policy, newest(trial=True))
    return replace(policy, trial=trial) if trial.stored else policy


def newest(*, trial: bool) -> LimitChange | None:
    return LimitChange.objects.filter(trial=trial).order_by("-pk").first()


def _changed(policy: Policy, change: LimitChange | None) -> Policy:
    if change is None:
        return replace(policy, stored=frozenset())
    given = {name: value for name, value in _values_of(change).items() if value is not None}
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
    """A reservation never shuts everybody else out, even where the environment's limit has been lowered since; and
    none is made for nobody, as when its group has been deleted."""
    typed: dict[str, Any] = {name: _typed(name, value) for name, value in values.items()}
    changed = replace(policy, **typed)
    reserved = min(changed.reserved_slots, changed.max_concurrent - 1) if changed.reserved_group is not None else 0
    return replace(changed, reserved_slots=reserved)


def _typed(name: str, value: Any) -> Any:
    return float(value) if name == "max_mbps" else int(value)


def _values_of(change: LimitChange | None) -> dict[str, Any]:
    if change is None:
        return dict.fromkeys(LABELS)
    return {name: change.reserved_group_id if name == "reserved_group" else getattr(change, name) for name in LABELS}


def describe(policy: Policy) -> dict[str, dict[str, Any]]:
    """For pages and API, of each limit: label, the value in force, the environment's default, where the value comes
    from ("environment", "database", or "deleted" with the group), its bounds, and what is tried instead (None: nothing)."""
    default = defaults()
    return {
        name: {
            "label": LABELS[name],
            "value": getattr(policy, name),
            "default": getattr(default, name),
            "source": _source(policy, name),
            "minimum": _typed(name, NUMBERS[name].minimum) if name in NUMBERS else None,
            "maximum": _typed(name, NUMBERS[name].maximum) if name in NUMBERS else None,
            "trial": getattr(policy.trial, name) if policy.trial and name in policy.trial.stored else None,
        }
        for name in LABELS
    }


def _source(policy: Policy, name: str) -> str:
    if policy.deleted_group and name in RESERVATION:
        return "deleted"
    return "database" if name in policy.stored else "environment"


# Changing.


def change(user: Any, values: Mapping[str, Any], trial: bool = False, *, anew: bool = False) -> LimitChange | None:
    """Set the limits that `values` names, the others staying as they are; None or "" gives a limit back to the
    environment, or ends its trial. Where all of them are set so already nothing is done, and None returned; `anew`
    begins all the same, as a trial that is to count from now on. Raises ValidationError with the names of the fields."""
    with transaction.atomic():
        # Whoever changes limits at the same moment waits here, then reads what has become of them.
        LimitChange.objects.select_for_update().order_by("pk").first()
        before, given = _values_of(newest(trial=trial)), _clean(values, trial)
        merged = _merged(before, given, load() if trial else defaults())
        if not anew and all(before[name] == value for name, value in given.items()):
            return None
        group = merged.pop("reserved_group")
        row = LimitChange.objects.create(
            user=user,
            user_name=user.get_username(),
            trial=trial,
            reserved_group_id=group,
            reserved_group_name="" if group is None else Group.objects.get(pk=group).name,
            **merged,
        )
        transaction.on_commit(lambda: setattr(row, "announced", announce()))
    return row


def end_trial(user: Any) -> LimitChange | None:
    return change(user, dict.fromkeys(LABELS), trial=True)


def announce() -> bool:
    """Have every worker read the limits again: all that hear of it now, and those that see the version later. Returns
    whether Redis answered; else they find the change when they next look by themselves."""
    answered = run_now(store_url(), "limits/bump_version", [POLICY], [])
    worker_events.send_from_sync({"type": "policy"})
    return answered


def _clean(values: Mapping[str, Any], trial: bool) -> dict[str, Any]:
    errors: dict[str, list[str]] = {}
    clean: dict[str, Any] = {}
    for name, value in values.items():
        try:
            clean[name] = None if value in (None, "") else _cleaner(name)(value)
            if trial and clean[name] == 0:
                raise ValidationError("0 is no limit: nobody would be refused by it.")
        except ValidationError as error:
            errors[name] = error.messages
    if errors:
        raise ValidationError(errors)
    return clean


def _cleaner(name: str) -> Callable[[Any], Any]:
    if name == "reserved_group":
        return _clean_group
    if name not in NUMBERS:
        raise ValidationError("There is no such limit.")
    return lambda value: _clean_number(name, value)


def _clean_number(name: str, given: Any) -> Any:
    number = NUMBERS[name]
    try:
        value = math.nan if isinstance(given, bool) else float(str(given))
    except ValueError:
        value = math.nan
    fits = number.minimum <= value <= number.maximum and (number.fraction or value.is_integer())
    if not fits:
        kind = "number" if number.fraction else "whole number"
        raise ValidationError(f"Must be a {kind} from {number.minimum:g} to {number.maximum:.0f}.")
    return _typed(name, value)


def _clean_group(given: Any) -> int:
    key = given.pk if isinstance(given, Group) else given
    try:
        return int(Group.objects.only("pk").get(pk=key).pk)
    except (Group.DoesNotExist, ValueError, TypeError):
        raise ValidationError("There is no such group.") from None


def _merged(before: Mapping[str, Any], given: Mapping[str, Any], base: Policy) -> dict[str, Any]:
    """The limits as they are to be, null where `base` counts; raises what stands against them."""
    merged = {**before, **given}

    def resulting(name: str) -> Any:
        return getattr(base, name) if merged[name] is None else merged[name]

    if resulting("reserved_group") is None:
        if given.get("reserved_slots"):
            raise ValidationError({"reserved_group": "Choose the group for which the slots are reserved."})
        merged["reserved_slots"] = None  # the group has been deleted, or is given up
    reserved, limit = resulting("reserved_slots"), resulting("max_concurrent")
    if reserved >= limit and not given.keys().isdisjoint(("max_concurrent", "reserved_slots", "reserved_group")):
        if "reserved_slots" in given:
            raise ValidationError({"reserved_slots": f"Must be fewer than the {limit} streams at once."})
        raise ValidationError({"max_concurrent": f"Must be more than the {reserved} slots reserved for a group."})
    return merged
