"""Operators for whom no slot is free take those of the youngest ordinary viewers, who are told ten seconds before.

Every worker finds the same viewings, so they need not agree with each other. The line gives each slot that becomes free to
the operators, who go before others.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable

from streaming import conf
from streaming.errors import GateUnavailableError, LimitReachedError, PreemptedError
from streaming.gate.leases import Kind
from streaming.gate.line_readings import forbid_return, read_line, read_youngest_ordinary
from streaming.store.scripts import Store
from streaming.viewing.viewing import Viewing

logger = logging.getLogger(__name__)

PAUSE = 0.5  # seconds between two looks
NOTICE = 10.0  # seconds from the notice to the end


class Preemption:
    """The viewings of one worker that operators take."""

    def __init__(self, viewings: Callable[[], Iterable[Viewing]], store: Store) -> None:
        self._viewings, self._store = viewings, store
        self._told: dict[str, float] = {}  # viewing -> time.monotonic() of its notice

    async def run(self) -> None:
        """Look for ever whether an operator waits."""
        while True:
            await asyncio.sleep(PAUSE)
            try:
                await self.look()
            except GateUnavailableError:
                pass  # nobody can take a slot now
            except Exception:
                logger.exception("Slots for waiting operators could not be looked for; the worker tries again")

    async def look(self) -> None:
        """Tell the viewings that operators need, or need no longer, and end those whose time is over. Raises
        GateUnavailableError."""
        mine = {viewing.id: viewing for viewing in self._viewings() if viewing.slot is not None}
        self._told = {id: told for id, told in self._told.items() if id in mine}
        if not mine or conf.PREEMPT.value != "on":
            return
        needed, now = set(await self._needed()), time.monotonic()
        for id in self._told.keys() - needed:
            del self._told[id]
            await _tell(mine[id], None)
        for id in needed & mine.keys():
            if id not in self._told:
                self._told[id] = now
                await _tell(mine[id], NOTICE)
            elif now - self._told[id] >= NOTICE:
                await forbid_return(self._store, id)  # its token would lead to the front of the line
                mine[id].stop(PreemptedError())

    async def _needed(self) -> list[str]:
        """Returns the viewings that end for the operators who wait because all slots are in use."""
        operator, full = Kind.OPERATOR.name.lower(), LimitReachedError.reason
        line = await read_line(self._store)
        operators = sum(waiting["class"] == operator and waiting["reason"] == full for waiting in line)
        return await read_youngest_ordinary(self._store, operators) if operators else []


async def _tell(viewing: Viewing, seconds: float | None) -> None:
    with contextlib.suppress(Exception):  # its connection is ending
        async with asyncio.timeout(1):
            await viewing.tell_preemption(seconds)
