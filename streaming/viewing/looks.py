"""Helpers for the jobs that a worker process does periodically: call a job again and again, and send a viewer a message
without a long wait.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from streaming.errors import GateUnavailableError

logger = logging.getLogger(__name__)


async def look_for_ever(look: Callable[[], Awaitable[None]], pause: Callable[[], float]) -> None:
    """Call the job `look` until cancelled. `pause` returns the seconds to wait before each call. A failure does not end
    this; it is logged, except GateUnavailableError (Redis does not answer).
    """
    while True:
        await asyncio.sleep(pause())
        try:
            await look()
        except GateUnavailableError:
            pass  # nobody can take a slot now
        except Exception:
            logger.exception("%s failed; the worker tries again", look.__qualname__)


async def tell(sending: Awaitable[None]) -> None:
    """Await `sending`, which sends a message to a viewer, for a second at most. Ignores any failure."""
    with contextlib.suppress(Exception):  # the connection is ending
        async with asyncio.timeout(1):
            await sending
