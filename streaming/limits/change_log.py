"""The log of limits: who changed which limit, and when. `rows` and `words` query the database for stored changes."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from streaming.limits.policy import LABELS
from streaming.models import LimitChange

MAX_ROWS = 500  # newest rows; older changes are not shown


def rows() -> list[LimitChange]:
    """Returns the newest 500 changes of the limits and of dry runs, the newest first."""
    return list(LimitChange.objects.order_by("-pk")[:MAX_ROWS])


def setters(changes: list[LimitChange]) -> dict[str, LimitChange]:
    """Returns for each limit, by name (a key of LABELS), the change that set its present value. If all of
    `changes` have that value, this is the oldest of them, though the value may be older. Ignores dry runs. `changes`:
    the newest first. Empty without changes.
    """
    effective = [change for change in changes if not change.trial]
    return {name: _setter(effective, name) for name in LABELS} if effective else {}


def _setter(changes: list[LimitChange], name: str) -> LimitChange:
    setter = changes[0]
    for change in changes:
        if _value(change, name) != _value(setter, name):
            break
        setter = change
    return setter


def log(changes: list[LimitChange], count: int) -> list[dict[str, Any]]:
    """Returns rows for the newest `count` of `changes`, which begin with the newest: id, time (Unix ms), user (name),
    trial (whether it is of a dry run, which only tests limits), and text (the change in words).
    """
    return [
        {
            "id": str(change.pk),
            "time": change.time.timestamp() * 1000,
            "user": change.user_name,
            "trial": change.trial,
            "text": _words(change, before),
        }
        for change, before in islice(_with_previous(changes), count)
    ]


def ended_trial(changes: list[LimitChange]) -> tuple[LimitChange, LimitChange] | None:
    """Returns the change with the newest dry run's limits, which were only tested, and the change that ended it. None
    if a dry run is running or there was none. `changes`: the newest first.
    """
    end, start, *_ = [*(change for change in changes if change.trial), None, None]
    return (start, end) if start is not None and end is not None and not tried(end) else None


def words(change: LimitChange) -> str:
    """Returns a change of limits, or of a dry run, in words. Queries the database for the change before it."""
    before = LimitChange.objects.filter(trial=change.trial, pk__lt=change.pk).order_by("-pk").first()
    return _words(change, before)


def _with_previous(changes: list[LimitChange]) -> Iterator[tuple[LimitChange, LimitChange | None]]:
    """Yield each change of limits with the previous one, and each change of a dry run with the previous one of a dry
    run. The previous one is None if it is not in `changes`, which begin with the newest.
    """
    for index, change in enumerate(changes):
        older = (other for other in changes[index + 1 :] if other.trial == change.trial)
        yield change, next(older, None)


def _words(change: LimitChange, before: LimitChange | None) -> str:
    if change.trial:
        return f"Dry run started: {limits}" if (limits := tried(change)) else "Dry run stopped"
    differences = [
        f"{LABELS[name]}: {_shown(before, name)} → {_shown(change, name)}"
        for name in LABELS
        if _value(before, name) != _value(change, name)
    ]
    return ", ".join(differences) or "Nothing changed"


def tried(change: LimitChange) -> str:
    """Returns the limits that a dry run tests as text; empty if `change` ended a dry run."""
    return ", ".join(f"{LABELS[name]} {_shown(change, name)}" for name in LABELS if _value(change, name) is not None)


def _value(change: LimitChange | None, name: str) -> Any:
    if change is None:
        return None
    if name == "reserved_group":  # a deleted group has only its name
        return change.reserved_group_id or change.reserved_group_name or None
    return getattr(change, name)


def _shown(change: LimitChange | None, name: str) -> str:
    value = _value(change, name)
    if change is None or value is None:
        return "default"
    return change.reserved_group_name if name == "reserved_group" else f"{value:.15g}"
