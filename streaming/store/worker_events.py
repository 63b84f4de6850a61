"""Small events between workers, over the channel layer: look again at a permission, stop a viewing.

One channel for the whole worker: a consumer that listens to the layer itself dies with it when Redis does. The layer may
lose an event; each of them only hastens what polling finds anyway, or is sent again by the person who asked for it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

logger = logging.getLogger(__name__)

GROUP = "nvr.workers"
PATIENCE = 1.0  # seconds for sending an event
REJOIN = 3.0  # seconds between two entries in the group
RETRY = 2.0  # seconds before listening again after the layer failed

Event = dict[str, Any]


async def send(event: Event) -> None:
    """Tell every worker; best effort."""
    try:
        layer = get_channel_layer()
        if layer is not None:
            async with asyncio.timeout(PATIENCE):  # a silent Redis must not hold up a log-in
                await layer.group_send(GROUP, {**event, "type": "control", "event": event["type"]})
    except Exception as error:
        logger.debug("A control event could not be sent (%s); running streams find out by themselves", error)


def send_from_sync(event: Event) -> None:
    async_to_sync(send)(event)


async def listen(handle: Callable[[Event], None]) -> None:
    """Hand each event to `handle`, for ever; outlives failures of the layer."""
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
    """Membership expires, and is lost with Redis's data. A failure is the receiver's to notice."""
    while True:
        await asyncio.sleep(REJOIN)
        with contextlib.suppress(Exception):
            await layer.group_add(GROUP, channel)
