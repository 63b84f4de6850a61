"""Logs changes by the JSON API in the Django admin's history of the changed objects."""

from collections.abc import Iterable, Sequence

from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.http import HttpRequest


def log_by_api(request: HttpRequest, flag: int, rows: Sequence[Model], fields: Iterable[str] = ()) -> None:
    """Add an entry by the request's user to the Django admin's history of each of `rows`. `flag`: ADDITION, CHANGE or
    DELETION of `django.contrib.admin.models`. `fields`: names of the changed fields, for the entry's text.
    Call it before the rows are deleted.
    """
    changed = ", ".join(fields)
    message = f"By the API: {changed}." if changed else "By the API."
    if rows:
        LogEntry.objects.log_actions(request.auth.pk, rows, flag, message)  # type: ignore[attr-defined]
