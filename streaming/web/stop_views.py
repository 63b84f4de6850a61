"""The endpoints of *Settings > System* that act on viewers: stop streams, change the waiting line, unblock users."""

import dataclasses
import time
from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest

from cameras.models import Camera
from cameras.permissions import visible_among
from cameras.texts import check_text
from streaming import runtime
from streaming.gate import blocks, stop_orders
from streaming.gate.readings import read_holders
from streaming.web import line_orders
from streaming.web.audit import log_action
from streaming.web.endpoints import cleaned
from streaming.web.hidden_cameras import without_hidden_names

SHOWN = 100  # viewers of the line

# Viewers.


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
    order = cleaned(StopViewerForm(request.POST))
    known = async_to_sync(_holder)(order["viewing"])
    known = without_hidden_names(request.user, [known])[0] if known else None
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
    order = cleaned(StopCameraForm(request.POST))
    id = str(order["camera"])
    stopped = async_to_sync(_stop_camera)(order) if visible_among(request.user, [id]) else 0
    if stopped:
        name = Camera.objects.filter(pk=id).values_list("name", flat=True).first() or id
        log_action(request.user, f"Stopped all {stopped} streams of {name}{_with_message(order)}")  # type: ignore[arg-type]
    return {"stopped": stopped}


async def _stop_camera(order: dict[str, Any]) -> int:
    return await stop_orders.stop_camera(runtime.current().store, str(order["camera"]), order["message"])


def _with_message(order: dict[str, Any]) -> str:
    return f": {order['message']}" if order["message"] else ""


# The waiting line.


def line(request: HttpRequest) -> dict[str, Any]:
    """Returns the viewers who wait in line for a stream, the next one first.

    `line`: the first 100 (`SHOWN`), with the fields of `line_orders.read`. `count`: of all, 1,000 at most. `time`: Unix
    milliseconds. Raises GateUnavailableError if Redis fails.
    """
    rows = async_to_sync(line_orders.read)(request.user)
    return {"time": time.time() * 1000, "line": rows[:SHOWN], "count": len(rows)}


class WaitingForm(StopForm):
    waiting = forms.CharField(max_length=200)


def move_to_front(request: HttpRequest) -> dict[str, Any]:
    order = cleaned(WaitingForm(request.POST))
    return _in_line(request, async_to_sync(line_orders.move_to_front)(request.user, order["waiting"]))


def remove_from_line(request: HttpRequest) -> dict[str, Any]:
    order = cleaned(WaitingForm(request.POST))
    return _in_line(request, async_to_sync(line_orders.remove)(request.user, order["waiting"], order["message"]))


def _in_line(request: HttpRequest, action: str) -> dict[str, Any]:
    if not action:
        raise Http404("This viewer is not waiting any more.")
    log_action(request.user, action)  # type: ignore[arg-type] # not anonymous
    return line(request)


# Blocks.


class LiftForm(forms.Form):
    user = forms.CharField(max_length=40)


def blocked(request: HttpRequest) -> dict[str, Any]:
    """Returns as `blocks` the users whom an administrator has blocked from streams for a time, longest time left first.

    Each is a dict with the fields of `Block`, and `id`, the user's id.
    """
    found = async_to_sync(_blocks)()
    return {"blocks": [{"id": block.user_id, **dataclasses.asdict(block)} for block in found]}


async def _blocks() -> list[blocks.Block]:
    return await blocks.blocks(runtime.current().store)


def lift_block(request: HttpRequest) -> dict[str, Any]:
    asked = cleaned(LiftForm(request.POST))
    lifted = async_to_sync(_lift)(asked["user"])
    if lifted is not None:  # None: the block has ended meanwhile, with the same effect
        log_action(request.user, f"Unblocked {lifted.user}")  # type: ignore[arg-type] # not anonymous
    return blocked(request)


async def _lift(user_id: str) -> blocks.Block | None:
    return await blocks.lift(runtime.current().store, user_id)
