"""Makes room for operators, the users of a group that has reserved slots (rights to stream), if STREAM_PREEMPT is on.
While one of them waits because all slots are in use, the stream of an ordinary viewer ends, the youngest first, ten
seconds after that viewer was told.

Each worker process finds the same streams to end, so the workers need not agree with each other. The waiting line gives
each slot that becomes free to operators before ordinary viewers.
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
    """Ends streams of one worker process for operators, users of a privileged group, who wait because all slots (rights
    to stream) are in use. `viewings`: returns the viewers' streams of this worker.
    """

    def __init__(self, viewings: Callable[[], Iterable[Viewing]], store: Store) -> None:
        self._viewings, self._store = viewings, store
        self._told: dict[str, float] = {}  # viewing -> time.monotonic() of its notice

    async def look(self) -> None:
        """Tell viewers that their stream will end because an operator (a privileged user) needs its slot, or that this
        no longer holds. End the streams whose viewers were told `NOTICE` seconds ago. Does nothing unless
        STREAM_PREEMPT is on.

        Call it periodically. Raises GateUnavailableError if Redis does not answer.
        """
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
        """Returns the ids of the streams, of all workers, that have to end: the youngest of ordinary viewers, as many
        as operators (privileged users) wait because all slots are in use.
        """
        operators = await count_held_up(self._store, lambda kind: kind is Kind.OPERATOR)
        return await read_youngest_ordinary(self._store, operators) if operators else []
