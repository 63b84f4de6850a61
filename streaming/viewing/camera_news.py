"""Tells a viewer each state of the camera's connection, and ends their stream if there is no picture in time."""

import asyncio
import time

from streaming.errors import CameraLostError, CameraUnreachableError, StreamError
from streaming.gate.leases import Slot
from streaming.ingest.active_camera import Feed
from streaming.ingest.condition import FAILED_OPENINGS, Condition, State
from streaming.viewing import protocol
from streaming.viewing.delivery import LEASE_MARGIN
from streaming.viewing.stream_switch import StreamSwitch
from streaming.viewing.viewer import Viewer, ViewerTimeouts


async def follow_camera(
    viewer: Viewer, slot: Slot, feed: Feed, switch: StreamSwitch, timeouts: ViewerTimeouts, *, sees_reasons: bool
) -> None:
    """Send the viewer each state of the camera's connection, until cancelled. `slot`: their right to stream. While
    the camera is not live, lets the worker renew the slot's lease until shortly after the timeout.

    Raises if the camera is not live within `timeouts.first_frame` of the call, or `timeouts.reconnect` of a loss.
    Raises earlier if it was never live since the call, has failed `FAILED_OPENINGS` (2) times in a row (a loss
    counts too), and `switch` has no other stream of it to try. The error is CameraLostError if the camera is being
    reconnected, else CameraUnreachableError. `sees_reasons`: whether messages and error give the full reason, which
    only administrators may read.
    """
    told: dict[str, object] = {}
    condition, was_live = feed.condition, False
    deadline: float | None = time.monotonic() + timeouts.first_frame
    while True:
        reason = condition.reason if sees_reasons else ""
        if (message := protocol.camera_message(condition.state, reason)) != told:
            told = message
            await viewer.send_message(message)
        if condition.state is State.LIVE:
            was_live, deadline = True, None
        elif not was_live and condition.failures >= FAILED_OPENINGS and not switch.has_alternative:
            raise _camera_error(condition, reason)
        elif deadline is None:
            deadline = time.monotonic() + timeouts.reconnect
        if deadline is not None:
            slot.progressed(deadline - time.monotonic() + LEASE_MARGIN)
        try:
            async with asyncio.timeout_at(deadline):
                condition = await feed.changed()
        except TimeoutError as error:
            raise _camera_error(condition, reason) from error


def _camera_error(condition: Condition, reason: str) -> StreamError:
    kind = CameraLostError if condition.state is State.RECONNECTING else CameraUnreachableError
    return kind(reason or condition.cause)
