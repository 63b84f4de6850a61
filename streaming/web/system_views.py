"""The JSON endpoints of the page *Settings > System*.

All of them are for staff who may see the page; changes need another permission as well. Errors are
`{"errors": {field: [text]}}`, where the field `__all__` stands for the whole request.
"""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from cameras.models import Camera
from cameras.texts import check_text
from streaming import conf, runtime
from streaming.errors import GateUnavailableError
from streaming.gate import blocks, stop_orders
from streaming.gate.readings import read_holders
from streaming.limits import change_log, changes, policy
from streaming.models import LimitChange, Refusal
from streaming.reports import history
from streaming.web.audit import log_action

VIEW, STOP, CHANGE = "streaming.view_system", "streaming.stop_stream", "streaming.change_limits"
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

Answer = Callable[[HttpRequest], dict[str, Any]]
View = Callable[[HttpRequest], HttpResponse]


def endpoint(
    *, get: Answer | None = None, post: Answer | None = None, permission: str = "", closed: bool = False
) -> View:
    """A view for staff who may see the page. POST needs `permission` as well, and so does GET if `closed`."""
    answers = {method: answer for method, answer in (("GET", get), ("POST", post)) if answer is not None}

    @never_cache
    @require_http_methods(list(answers))
    def view(request: HttpRequest) -> HttpResponse:
        needed = [VIEW] if request.method == "GET" and not closed else [VIEW, permission]
        if not request.user.has_perms(needed):
            raise PermissionDenied
        try:
            return JsonResponse(answers[str(request.method)](request))
        except ValidationError as error:
            return JsonResponse({"errors": error.message_dict}, status=400)
        except Http404 as error:
            return JsonResponse({"errors": {NON_FIELD_ERRORS: [str(error)]}}, status=404)
        except GateUnavailableError as error:
            return JsonResponse({"errors": {NON_FIELD_ERRORS: [str(error)]}}, status=503)

    return view


def _cleaned(form: forms.Form) -> dict[str, Any]:
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
    return form.cleaned_data


# Usage.


class UsageForm(forms.Form):
    viewers_from = forms.IntegerField(min_value=0, max_value=10_000_000, required=False)


def system_usage(request: HttpRequest) -> dict[str, Any]:
    """The usage, with `VIEWERS` of the viewers: those after the first `viewers_from`, the oldest first."""
    asked = _cleaned(UsageForm(request.GET))
    return async_to_sync(_system_usage)(asked["viewers_from"] or 0)


async def _system_usage(viewers_from: int) -> dict[str, Any]:
    return await runtime.current().usage.system(viewers_from)


# Stop orders.


class StopForm(forms.Form):
    message = forms.CharField(max_length=stop_orders.MESSAGE, required=False)

    def clean_message(self) -> str:
        try:
            return check_text(self.cleaned_data["message"])
        except ValueError as error:
            raise ValidationError(str(error)) from error


class StopViewerForm(StopForm):
    viewing = forms.CharField(max_length=200)
    block_seconds = forms.IntegerField(min_value=0, max_value=stop_orders.BLOCK, required=False)


class StopCameraForm(StopForm):
    camera = forms.UUIDField()


def stop_viewer(request: HttpRequest) -> dict[str, Any]:
    order = _cleaned(StopViewerForm(request.POST))
    known = async_to_sync(_holder)(order["viewing"])
    if not async_to_sync(_stop_viewer)(order, request.user.get_username()):
        raise Http404("This stream has ended already.")
    whose = f"the stream of {known['user']} at {known['camera']}" if known else "a stream"
    blocked = f", blocked for {order['block_seconds']} s" if order["block_seconds"] else ""
    log_action(request.user, f"Stopped {whose}{blocked}{_with_message(order)}")  # type: ignore[arg-type] # not anonymous
    return {"stopped": 1}


async def _holder(viewing: str) -> dict[str, Any] | None:
    return (await read_holders(runtime.current().store, [viewing])).get(viewing)


async def _stop_viewer(order: dict[str, Any], by: str) -> bool:
    store, block = runtime.current().store, order["block_seconds"] or 0
    return await stop_orders.stop(store, order["viewing"], order["message"], block, by)


def stop_camera(request: HttpRequest) -> dict[str, Any]:
    order = _cleaned(StopCameraForm(request.POST))
    stopped = async_to_sync(_stop_camera)(order)
    if stopped:
        name = Camera.objects.filter(pk=order["camera"]).values_list("name", flat=True).first() or order["camera"]
        log_action(request.user, f"Stopped all {stopped} streams of {name}{_with_message(order)}")  # type: ignore[arg-type]
    return {"stopped": stopped}


async def _stop_camera(order: dict[str, Any]) -> int:
    return await stop_orders.stop_camera(runtime.current().store, str(order["camera"]), order["message"])


def _with_message(order: dict[str, Any]) -> str:
    return f": {order['message']}" if order["message"] else ""


# Blocks.


class LiftForm(forms.Form):
    user = forms.CharField(max_length=40)


def blocked(request: HttpRequest) -> dict[str, Any]:
    """Blocked users, longest time left first."""
    found = async_to_sync(_blocks)()
    return {"blocks": [{"id": block.user_id, **dataclasses.asdict(block)} for block in found]}


async def _blocks() -> list[blocks.Block]:
    return await blocks.blocks(runtime.current().store)


def lift_block(request: HttpRequest) -> dict[str, Any]:
    asked = _cleaned(LiftForm(request.POST))
    lifted = async_to_sync(_lift)(asked["user"])
    if lifted is not None:  # None: the block has ended meanwhile, with the same effect
        log_action(request.user, f"Unblocked {lifted.user}")  # type: ignore[arg-type] # not anonymous
    return blocked(request)


async def _lift(user_id: str) -> blocks.Block | None:
    return await blocks.lift(runtime.current().store, user_id)


# Limits.


def limits(request: HttpRequest) -> dict[str, Any]:
    """Each limit with its value, its source and who set it; the trial, the groups, the latest changes and warnings."""
    rows = change_log.rows()
    setters = change_log.setters(rows)
    in_force = policy.load()
    described = policy.describe(in_force)
    return {
        "limits": [{"name": name, **limit, **_set_by(limit, setters.get(name))} for name, limit in described.items()],
        "groups": [{"id": pk, "name": name} for pk, name in Group.objects.order_by("name").values_list("pk", "name")],
        "trial": _trial(in_force.trial),
        "log": change_log.log(rows, LOG),
        "warnings": in_force.warnings,
    }


def _set_by(limit: dict[str, Any], setter: LimitChange | None) -> dict[str, Any]:
    if setter is None or limit["source"] != "database":
        return {"set_by": "", "set_at": None}
    return {"set_by": setter.user_name, "set_at": setter.time.timestamp() * 1000}


def _trial(trial: policy.Policy | None) -> dict[str, Any] | None:
    """The trial and how many viewers it would have refused. The latest seconds are not in the database yet."""
    if trial is None or trial.changed_at is None:
        return None
    refused = Refusal.objects.filter(dry_run=True, time__gte=trial.changed_at).count()
    return {"since": trial.changed_at.timestamp() * 1000, "by": trial.changed_by, "would_refuse": refused}


def change_limits(request: HttpRequest) -> dict[str, Any]:
    """Change limits. `announced`: whether the workers could be notified."""
    return _change(request, trial=False)


def change_trial(request: HttpRequest) -> dict[str, Any]:
    """End the trial if `stop` is sent. If not, start a trial of the limits that are not empty."""
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
    """Estimate whom this limit would have refused in the past days."""
    asked = _cleaned(PreviewForm(request.GET))
    return {"days": PREVIEW_DAYS, **history.preview(asked["max_concurrent"], PREVIEW_DAYS)}


# History.


class HistoryForm(forms.Form):
    range = forms.ChoiceField(choices=[(name, name) for name in RANGES])


def past(request: HttpRequest) -> dict[str, Any]:
    """The columns of the chart from `since` to `until` (Unix seconds), and the hours of the day (UTC)."""
    asked = _cleaned(HistoryForm(request.GET))
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
    """Refused viewers, newest first, and whether there are more."""
    asked = _cleaned(RefusalsForm(request.GET))
    before = None if asked["before"] is None else datetime.fromtimestamp(asked["before"] / 1000, UTC)
    found = history.refusals(PAGE + 1, before)
    return {"refusals": found[:PAGE], "more": len(found) > PAGE}


# Path below the page -> view. GET returns only what the page shows.
ENDPOINTS: dict[str, View] = {
    "usage": endpoint(get=system_usage),
    "stop": endpoint(post=stop_viewer, permission=STOP),
    "stop-camera": endpoint(post=stop_camera, permission=STOP),
    "blocks": endpoint(get=blocked, post=lift_block, permission=STOP, closed=True),
    "limits": endpoint(get=limits, post=change_limits, permission=CHANGE),
    "trial": endpoint(post=change_trial, permission=CHANGE),
    "preview": endpoint(get=preview),
    "history": endpoint(get=past),
    "refusals": endpoint(get=refusals),
}
