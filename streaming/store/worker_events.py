"""Small events between workers, over Channels' channel layer: new orders to stop streams, changed limits, streams whose
access must be checked again.

Each worker listens on one channel. Consumers do not listen, because Channels ends them when Redis is gone. The layer
may lose an event: the worker finds the same change by its next report to Redis or its next periodic recheck.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

logger = logging.getLogger(__name__)

GROUP = "nvr.workers"
SEND_TIMEOUT = 1.0  # seconds
REJOIN = 3.0  # seconds between two calls of group_add
RETRY = 2.0  # seconds until listening again after the layer failed


class Kind(StrEnum):
    """The types of the events that workers send each other."""

    ORDERS = "orders"  # Redis has new stop orders
    POLICY = "policy"  # the limits have changed
    # Check again the streams of what a field lists: `cameras` or `users` (ids), or `sessions` (keys), all as texts.
    # With a field `grants`: all streams.
    RECHECK = "recheck"


Event = dict[str, Any]  # `type`: a Kind


async def send(event: Event) -> None:
    """Send an event, whose `type` is a Kind, to every worker, this one included. The event may be lost; nothing is
    raised."""
    try:
        layer = get_channel_layer()
        if layer is not None:
            async with asyncio.timeout(SEND_TIMEOUT):  # a silent Redis must not delay a login
                # Channels reserves `type` for the name of a handler. `_listen_once` puts the event's own type back.
                await layer.group_send(GROUP, {**event, "type": "control", "event": event["type"]})
    except Exception as error:
        logger.debug("A control event could not be sent (%s); running streams find the change by polling", error)


def send_from_sync(event: Event) -> None:
    async_to_sync(send)(event)


async def listen(handle: Callable[[Event], None]) -> None:
    """Call `handle` with each event from a worker, until cancelled. Goes on after failures of the layer and of
    `handle`.
    """
    while True:
        try:
            await _listen_once(handle)
        except Exception as error:
            logger.debug("The channel layer failed (%s); listening again", error)
            await asyncio.sleep(RETRY)


async def _listen_once(handle: Callable[[Event], None]) -> None:
    layer = get_channel_layer()
    if layer is None:
        await asyncio.Event().wait()
        return
    channel = await layer.new_channel()
    await layer.group_add(GROUP, channel)
    staying = asyncio.create_task(_stay_in_group(layer, channel), name="control group")
    try:
        while True:
            message = await layer.receive(channel)
            handle({**message, "type": message.get("event")})
    finally:
        staying.cancel()


async def _stay_in_group(layer: Any, channel: str) -> None:
    """Join the group of the workers' channels again every 3 s: the membership expires, and is lost with Redis's data.
    Ignores failures, which the receiver of events notices.
    """
    while True:
        await asyncio.sleep(REJOIN)
        with contextlib.suppress(Exception):
            await layer.group_add(GROUP, channel)
