"""Asks viewers who have not touched their page for long whether they are still watching, while others wait for a slot."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable

from streaming import conf
from streaming.errors import GateUnavailableError, IdleError
from streaming.viewing.viewing import Viewing

logger = logging.getLogger(__name__)

ANSWER_WITHIN = 60.0  # seconds
PAUSE = 5.0  # seconds between two looks


class IdleQuestions:
    """The questions of one worker."""

    def __init__(self, viewings: Callable[[], Iterable[Viewing]], waiting: Callable[[], Awaitable[int]]) -> None:
        """`waiting`: returns how many wait in line, at all workers."""
        self._viewings, self._waiting = viewings, waiting

    async def run(self) -> None:
        """Look for idle viewers for ever."""
        while True:
            await asyncio.sleep(min(PAUSE, conf.IDLE.value * 60 or PAUSE))
            try:
                await self.look()
            except GateUnavailableError:
                pass  # nobody can take a slot now
            except Exception:
                logger.exception("Idle viewers could not be asked; the worker tries again")

    async def look(self) -> None:
        """Ask those who are idle, and end the viewings of those who have not answered. Raises GateUnavailableError."""
        now, allowed = time.monotonic(), conf.IDLE.value * 60
        idle = [viewing for viewing in self._viewings() if allowed and viewing.is_idle(now - allowed)]
        if not idle:
            return
        others_wait = await self._waiting() > 0
        for viewing in idle:
            if not others_wait:
                viewing.asked_at = None
            elif viewing.asked_at is None:
                viewing.asked_at = now
                with contextlib.suppress(Exception):  # its connection is ending
                    async with asyncio.timeout(1):
                        await viewing.ask_whether_watched(ANSWER_WITHIN)
            elif now - viewing.asked_at >= ANSWER_WITHIN:
                viewing.stop(IdleError())
