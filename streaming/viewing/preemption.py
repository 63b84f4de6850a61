"""Operators for whom no slot is free take those of the youngest ordinary viewers, who are told ten seconds before.

Every worker finds the same viewings, so they need not agree with each other. The line gives each slot that becomes free to
the operators, who go before others.
"""

import time
from collections.abc import Callable, Iterable

from streaming import conf
from streaming.errors import PreemptedError
from streaming.gate.leases import Kind
from streaming.gate.line_readings import count_held_up, forbid_return, read_youngest_ordinary
from streaming.store.scripts import Store
from streaming.viewing.looks import tell
from streaming.viewing.viewing import Viewing

PAUSE = 0.5  # seconds between two looks
NOTICE = 10.0  # seconds from the notice to the end


class Preemption:
    """The viewings of one worker that operators take."""

    def __init__(self, viewings: Callable[[], Iterable[Viewing]], store: Store) -> None:
        self._viewings, self._store = viewings, store
        self._told: dict[str, float] = {}  # viewing -> time.monotonic() of its notice

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
            await tell(mine[id].tell_preemption(None))
        for id in needed & mine.keys():
            if id not in self._told:
                self._told[id] = now
                await tell(mine[id].tell_preemption(NOTICE))
            elif now - self._told[id] >= NOTICE:
                await forbid_return(self._store, id)  # its token would lead to the front of the line
                mine[id].stop(PreemptedError())

    async def _needed(self) -> list[str]:
        """Returns the viewings that end for the operators who wait because all slots are in use."""
        operators = await count_held_up(self._store, lambda kind: kind is Kind.OPERATOR)
        return await read_youngest_ordinary(self._store, operators) if operators else []
