"""Checks and stores changed limits, and tells the workers.

The database holds the limits. A version in Redis tells each worker that they have changed, at the latest with the
answer to its next report. Without Redis a change is stored too, and the workers find it when they next read the
limits. Blocks on the database and on Redis.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction

from streaming.limits.policy import LABELS, NUMBERS, RESERVATION, Policy, defaults, load, newest, typed, values_of
from streaming.models import LimitChange
from streaming.store import worker_events
from streaming.store.keys import POLICY, store_url
from streaming.store.scripts import run_now


@dataclass
class StoredChange:
    row: LimitChange
    announced: bool = False  # whether Redis has the new version; known after the commit, which announces it

    def announce(self) -> None:
        """Tell every worker to read the limits again. Notes in `announced` whether Redis has the new version."""
        self.announced = announce()


def change(user: Any, values: Mapping[str, Any], trial: bool = False, *, anew: bool = False) -> StoredChange | None:
    """Set the limits in `values` (by name, a key of LABELS), or with `trial` test them in a dry run, which refuses
    nobody. The other limits stay, but `reserved_slots` is reset if no group remains for them. A number may be given
    as text, and the group as a Group or its key.

    None or "" resets a limit to the environment's default, or ends its test. `user`: who changes them, not None;
    the caller checks their permission. Returns the stored change, or None if nothing changes; `anew` stores even
    that, so that the dry run begins again. Tells the workers after the commit. Raises ValidationError, with
    messages by limit, for an unknown name or group, a number out of range, conflicting limits, and 0 in a dry run.
    """
    with transaction.atomic():
        # Concurrent changes wait here for each other, so each reads the result of the one before.
        LimitChange.objects.select_for_update().order_by("pk").first()
        before, given = values_of(newest(trial=trial)), _clean(values, trial)
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
        stored = StoredChange(row)
        transaction.on_commit(stored.announce)
    return stored


def end_trial(user: Any) -> StoredChange | None:
    """End the dry run of limits: what it tried is dropped, and the limits in force stay. `user`: who ends it. Returns
    the stored change, or None if no dry run is running.

    Tells the workers after the commit.
    """
    return change(user, dict.fromkeys(LABELS), trial=True)


def announce() -> bool:
    """Tell every worker to read the limits again. Returns whether Redis has the new version number of the limits.

    An event reaches most workers at once; the others see the version at their next report to Redis. Without Redis they
    read the limits by themselves, every 30 s.
    """
    failed = run_now(store_url(), "limits/bump_version", [POLICY], [])
    worker_events.send_from_sync({"type": worker_events.Kind.POLICY})
    return failed is None


def _clean(values: Mapping[str, Any], trial: bool) -> dict[str, Any]:
    errors: dict[str, list[str]] = {}
    clean: dict[str, Any] = {}
    for name, value in values.items():
        try:
            clean[name] = None if value in (None, "") else _cleaner(name)(value)
            if trial and clean[name] == 0:
                raise ValidationError("0 means unlimited, so a dry run would refuse nobody.")
        except ValidationError as error:
            errors[name] = error.messages
    if errors:
        raise ValidationError(errors)
    return clean


def _cleaner(name: str) -> Callable[[Any], Any]:
    if name == "reserved_group":
        return _clean_group
    if name not in NUMBERS:
        raise ValidationError("This limit does not exist.")
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
    return typed(name, value)


def _clean_group(given: Any) -> int:
    key = given.pk if isinstance(given, Group) else given
    try:
        return int(Group.objects.only("pk").get(pk=key).pk)
    except (Group.DoesNotExist, ValueError, TypeError):
        raise ValidationError("This group does not exist.") from None


def _merged(before: Mapping[str, Any], given: Mapping[str, Any], base: Policy) -> dict[str, Any]:
    """Returns all limits, by name, with the values in `given` instead of those in `before`. `reserved_slots` is
    None if there is no group. A None in the result stands for the value of `base`. Raises ValidationError if a
    limit in `given` conflicts with another.
    """
    merged = {**before, **given}

    def resulting(name: str) -> Any:
        return getattr(base, name) if merged[name] is None else merged[name]

    if resulting("reserved_group") is None:
        if given.get("reserved_slots"):
            raise ValidationError({"reserved_group": "Choose the group for which the slots are reserved."})
        merged["reserved_slots"] = None  # the group was deleted, or this change removes it
    reserved, limit = resulting("reserved_slots"), resulting("max_concurrent")
    if reserved >= limit and not given.keys().isdisjoint(("max_concurrent", *RESERVATION)):
        if "reserved_slots" in given:
            raise ValidationError({"reserved_slots": f"Must be less than the limit of {limit} total streams."})
        raise ValidationError({"max_concurrent": f"Must be more than the {reserved} slots reserved for a group."})
    return merged
