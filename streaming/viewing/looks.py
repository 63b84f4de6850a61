"""What a worker does again and again for viewers who wait: look, and tell those whom it concerns."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from streaming.errors import GateUnavailableError

logger = logging.getLogger(__name__)


async def look_for_ever(look: Callable[[], Awaitable[None]], pause: Callable[[], float]) -> None:
    """Call `look` until cancelled, after `pause` seconds each time. A failure is logged, and does not end it."""
    while True:
        await asyncio.sleep(pause())
        try:
            await look()
        except GateUnavailableError:
            pass  # nobody can take a slot now
        except Exception:
            logger.exception("%s failed; the worker tries again", look.__qualname__)


async def tell(sending: Awaitable[None]) -> None:
    """Send a message to a viewer, within a second."""
    with contextlib.suppress(Exception):  # the connection is ending
        async with asyncio.timeout(1):
            await sending
