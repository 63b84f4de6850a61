"""Asks viewers who have not touched their page for long whether they are still watching, while others wait for one of
the limited streams. Ends the streams of those who do not answer.
"""

import time
from collections.abc import Awaitable, Callable, Iterable

from streaming import conf
from streaming.errors import IdleError
from streaming.viewing.looks import tell
from streaming.viewing.viewing import Viewing

ANSWER_WITHIN = 60.0  # seconds
PAUSE = 5.0  # seconds between two looks, at most


def pause() -> float:
    """Returns the seconds until idle viewers are looked for again: `PAUSE` (5), or the idle time itself if that is
    shorter and not 0 (off).
    """
    return min(PAUSE, conf.IDLE.value * 60 or PAUSE)


class IdleQuestions:
    """Asks the idle viewers of one worker process, who gave no sign for `STREAM_IDLE_MINUTES`, whether they are still
    watching. Ends the streams of those who do not answer.
    """

    def __init__(self, viewings: Callable[[], Iterable[Viewing]], waiting: Callable[[], Awaitable[int]]) -> None:
        """`viewings`: returns the viewers' streams of this worker. `waiting`: returns how many viewers wait in line for
        a free stream, at all workers.
        """
        self._viewings, self._waiting = viewings, waiting

    async def look(self) -> None:
        """Ask the idle viewers whether they are still watching, if others wait for a free stream. Ends the streams of
        those who were asked `ANSWER_WITHIN` seconds ago and have not answered. Once nobody waits, those
        asked need not answer. Does nothing if STREAM_IDLE_MINUTES is 0. Call it periodically.

        Raises GateUnavailableError if Redis does not answer.
        """
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
                await tell(viewing.ask_whether_watched(ANSWER_WITHIN))
            elif now - viewing.asked_at >= ANSWER_WITHIN:
                viewing.stop(IdleError())
