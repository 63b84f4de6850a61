"""Ends background streams, those of walls (pages with many cameras), one by one, while a viewer waits for a stream
of another kind because all slots (rights to stream) are in use. Each time, a worker ends the youngest of its own.
"""

from collections.abc import Callable, Iterable

from streaming import conf
from streaming.errors import YieldedError
from streaming.gate.leases import Kind
from streaming.gate.line_readings import count_held_up, forbid_return
from streaming.reports.turns import claim_turn
from streaming.store.keys import YIELDED
from streaming.store.scripts import Store
from streaming.viewing.viewing import Viewing

PAUSE = 0.5  # seconds between two looks
APART = 1.0  # seconds between two yields of all workers: until then the slot has reached who waits for it


class WallYields:
    """Ends background streams (of pages with many cameras) of one worker for other viewers who wait. `viewings`:
    returns the viewers' streams of this worker.
    """

    def __init__(self, viewings: Callable[[], Iterable[Viewing]], store: Store) -> None:
        self._viewings, self._store = viewings, store

    async def look(self) -> None:
        """End the youngest of this worker's background streams that may be ended, if a viewer waits for a stream of
        another kind because all slots (rights to stream) are in use. Does nothing if any worker has ended one within
        `APART` seconds, or unless STREAM_WALL_YIELDS is on.

        Call it periodically. Raises GateUnavailableError if Redis does not answer.
        """
        streams = [viewing for viewing in self._viewings() if viewing.yields]
        if (
            streams
            and conf.WALL_YIELDS.value == "on"
            and await self._is_needed()
            and await claim_turn(self._store, YIELDED, APART)
        ):
            youngest = max(streams, key=lambda viewing: viewing.holder.since)
            await forbid_return(self._store, youngest.id)  # its token would lead to the front of the line
            youngest.stop(YieldedError())

    async def _is_needed(self) -> bool:
        return await count_held_up(self._store, lambda kind: kind is not Kind.BACKGROUND) > 0
