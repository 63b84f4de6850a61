"""Writes what programs change to the history of the administration."""

from collections.abc import Iterable, Sequence

from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.http import HttpRequest


def log_by_api(request: HttpRequest, flag: int, rows: Sequence[Model], fields: Iterable[str] = ()) -> None:
    """Add an entry to the history of each row. `flag`: of LogEntry; `fields`: those that have changed."""
    changed = ", ".join(fields)
    message = f"By the API: {changed}." if changed else "By the API."
    if rows:
        LogEntry.objects.log_actions(request.auth.pk, rows, flag, message)  # type: ignore[attr-defined]
