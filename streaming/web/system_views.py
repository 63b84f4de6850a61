"""The JSON endpoints of the page *Settings > System*: usage, limits and history. `ENDPOINTS` lists all of the page."""

from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest
from django.utils import timezone

from streaming import conf, runtime
from streaming.limits import change_log, changes, policy
from streaming.models import LimitChange, Refusal
from streaming.reports import history
from streaming.reports.retention import KEEP
from streaming.web import stop_views
from streaming.web.audit import log_action
from streaming.web.endpoints import CHANGE, STOP, View, cleaned, endpoint
from streaming.web.hidden_cameras import visible_usage, without_hidden_names

LOG = 10  # changes of limits shown
PREVIEW_DAYS = 7
PAGE = 25  # refusals
LATEST = 253_402_300_000_000  # Unix ms, the end of the year 9999: Python has no later times

RANGES = {  # span of the chart, minutes per point, days whose hours are compared
    "1h": (timedelta(hours=1), 1, 7),
    "24h": (timedelta(hours=24), 5, 7),
    "7d": (timedelta(days=7), 30, 7),
    "30d": (timedelta(days=30), 120, 30),
}

# Usage.


class UsageForm(forms.Form):
    viewers_from = forms.IntegerField(min_value=0, max_value=10_000_000, required=False)


def system_usage(request: HttpRequest) -> dict[str, Any]:
    """Returns the usage of all workers (`UsageReport.system`) without the cameras that the user may not see
    (`visible_usage`), and a page of 100 viewers who stream, in the order in which they asked.

    `viewers_from` in the query: how many viewers to skip. Raises ValidationError if it is invalid.
    """
    asked = cleaned(UsageForm(request.GET))
    return visible_usage(request.user, async_to_sync(_system_usage)(asked["viewers_from"] or 0))


async def _system_usage(viewers_from: int) -> dict[str, Any]:
    return await runtime.current().usage.system(viewers_from)


# Limits.


def limits(request: HttpRequest) -> dict[str, Any]:
    """Returns the limits, the user groups, the latest changes of limits, and warnings, for the page.

    limits: a dict for each, with name, the facts of `policy.describe`, set_by (user name or "") and set_at (Unix ms
    or None). groups: id and name of each. log: the 10 latest changes, from `change_log.log`. warnings: texts.
    trial: what `_trial` returns. ended_trial: what `_ended_trial` returns; None while a trial runs.
    """
    rows = change_log.rows()
    setters = change_log.setters(rows)
    in_force = policy.load()
    described = policy.describe(in_force)
    return {
        "limits": [{"name": name, **limit, **_set_by(limit, setters.get(name))} for name, limit in described.items()],
        "groups": [{"id": pk, "name": name} for pk, name in Group.objects.order_by("name").values_list("pk", "name")],
        "trial": _trial(in_force.trial),
        "ended_trial": None if in_force.trial else _ended_trial(rows),
        "log": change_log.log(rows, LOG),
        "warnings": in_force.warnings,
    }


def _set_by(limit: dict[str, Any], setter: LimitChange | None) -> dict[str, Any]:
    if setter is None or limit["source"] != "database":
        return {"set_by": "", "set_at": None}
    return {"set_by": setter.user_name, "set_at": setter.time.timestamp() * 1000}


def _trial(trial: policy.Policy | None) -> dict[str, Any] | None:
    """Returns facts about the running trial, a dry run of limits that refuses nobody. None if no trial runs.

    since: when its present limits were set, Unix ms. by: name of the user who set them. would_refuse: how many
    refusals they would have caused since then, at most one per viewer and second. Those of the last two seconds or
    so may be missing, and those older than 30 days are deleted.
    """
    if trial is None or trial.changed_at is None:
        return None
    since = trial.changed_at
    return {"since": since.timestamp() * 1000, "by": trial.changed_by, "would_refuse": _would_refuse(since)}


def _ended_trial(rows: list[LimitChange]) -> dict[str, Any] | None:
    """Returns facts about the newest trial (a dry run of limits) if it has ended.

    limits: the last limits that it tested, as text. since, until: when they were set and when it ended, Unix ms.
    would_refuse: as in `_trial`, between these times. None if there was no trial, if the newest one is running, or
    if its last limits were set more than 30 days ago. `rows`: the changes of limits, newest first.
    """
    start, end = change_log.ended_trial(rows) or (None, None)
    if start is None or end is None or start.time < timezone.now() - KEEP:
        return None
    return {
        "since": start.time.timestamp() * 1000,
        "until": end.time.timestamp() * 1000,
        "limits": change_log.tried(start),
        "would_refuse": _would_refuse(start.time, end.time),
    }


def _would_refuse(since: datetime, until: datetime | None = None) -> int:
    found = Refusal.objects.filter(dry_run=True, time__gte=since)
    return (found if until is None else found.filter(time__lt=until)).count()


def change_limits(request: HttpRequest) -> dict[str, Any]:
    """Change the limits in the form. An empty one goes back to the environment's default; those not in the form stay.

    Returns what `limits` returns, and `announced`: False if Redis fails; the workers then learn of it within 30 s.
    Raises ValidationError, with messages by limit.
    """
    return _change(request, trial=False)


def change_trial(request: HttpRequest) -> dict[str, Any]:
    """End the trial (a dry run of limits, which refuses nobody) if the form has `stop`. If not, start one anew.

    It tries the limits of the form that are not empty, and those of a running trial that are not in the form. Raises
    ValidationError if all in the form are empty, or one is invalid. Returns what `change_limits` returns.
    """
    return _change(request, trial=True)


def _change(request: HttpRequest, *, trial: bool) -> dict[str, Any]:
    if trial and "stop" in request.POST:
        change = changes.end_trial(request.user)
    else:
        values = {name: request.POST[name].strip() for name in policy.LABELS if name in request.POST}
        if trial and not any(values.values()):
            raise ValidationError({NON_FIELD_ERRORS: "Enter at least one limit to try."})
        change = changes.change(request.user, values, trial, anew=trial)
    if change is not None:
        log_action(request.user, change_log.words(change.row))  # type: ignore[arg-type]
    return {**limits(request), "announced": change is None or change.announced}


class PreviewForm(forms.Form):
    max_concurrent = forms.IntegerField(
        min_value=int(conf.MAX_CONCURRENT.minimum), max_value=int(conf.MAX_CONCURRENT.maximum)
    )


def preview(request: HttpRequest) -> dict[str, Any]:
    """Estimate how many viewers the limit `max_concurrent` of the query would have refused in the past 7 days. Returns
    what `history.preview` returns, and the number of `days`. Raises ValidationError if the limit is missing or out of
    bounds.
    """
    asked = cleaned(PreviewForm(request.GET))
    return {"days": PREVIEW_DAYS, **history.preview(asked["max_concurrent"], PREVIEW_DAYS)}


# History.


class HistoryForm(forms.Form):
    range = forms.ChoiceField(choices=[(name, name) for name in RANGES])


def past(request: HttpRequest) -> dict[str, Any]:
    """Returns the history of streams and refusals for the `range` of the query, a key of `RANGES`, such as "24h".

    since, until: Unix seconds. columns: what `history.chart` returns. hours: average and peak of the streams and number
    of refusals for each hour of the day (UTC). days: how many past days `hours` covers. Raises
    ValidationError for another range.
    """
    asked = cleaned(HistoryForm(request.GET))
    span, step, days = RANGES[asked["range"]]
    until = timezone.now()
    return {
        "since": (until - span).timestamp(),
        "until": until.timestamp(),
        "columns": history.chart(until - span, until, step),
        "days": days,
        "hours": history.hour_of_day(days),
    }


class RefusalsForm(forms.Form):
    before = forms.IntegerField(min_value=0, max_value=LATEST, required=False)  # Unix ms


def refusals(request: HttpRequest) -> dict[str, Any]:
    """Returns as `refusals` up to 25 refused viewers, newest first, and as `more` whether there are older ones.

    The rows are those of `history.describe_refusals`, also of a dry run, without the names of hidden cameras.
    `before` in the query (Unix ms): only those refused earlier. Raises ValidationError if it is invalid.
    """
    asked = cleaned(RefusalsForm(request.GET))
    before = None if asked["before"] is None else datetime.fromtimestamp(asked["before"] / 1000, UTC)
    found = history.describe_refusals(PAGE + 1, before)
    return {"refusals": without_hidden_names(request.user, found[:PAGE]), "more": len(found) > PAGE}


# Path below the page -> view. GET returns only what the page shows.
ENDPOINTS: dict[str, View] = {
    "usage": endpoint(get=system_usage),
    "stop": endpoint(post=stop_views.stop_viewer, permission=STOP),
    "stop-camera": endpoint(post=stop_views.stop_camera, permission=STOP),
    "line": endpoint(get=stop_views.line),
    "line-front": endpoint(post=stop_views.move_to_front, permission=STOP),
    "line-remove": endpoint(post=stop_views.remove_from_line, permission=STOP),
    "blocks": endpoint(get=stop_views.blocked, post=stop_views.lift_block, permission=STOP, closed=True),
    "limits": endpoint(get=limits, post=change_limits, permission=CHANGE),
    "trial": endpoint(post=change_trial, permission=CHANGE),
    "preview": endpoint(get=preview),
    "history": endpoint(get=past),
    "refusals": endpoint(get=refusals),
}
