"""Collects for each camera that this worker reads, or tries to, whether it sends pictures or why not (a `Sight`).

Every five seconds, writes the newest `Sight` of each camera to the database. A `Sight` that tells the same as the
last written one is written only once a minute.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable

from channels.db import database_sync_to_async
from django.db import Error
from django.utils import timezone

from streaming.health.records import Sight, store
from streaming.ingest.active_camera import ActiveCamera
from streaming.ingest.condition import Condition, State, VideoFacts
from streaming.ingest.streams import is_substream

logger = logging.getLogger(__name__)

WRITE = 5.0  # seconds between two writes
MEASURABLE = 1.0  # seconds of pictures, after which their rate is known
UNCHANGED = 60.0  # seconds after which a sight without news is written again, for the time of the last picture


class Sights:
    """Collects for each camera that one worker reads, or tries to, whether it sends pictures or why not.

    All methods run on the event loop.
    """

    def __init__(self, cameras: Callable[[], Iterable[ActiveCamera]]) -> None:
        """`cameras`: returns those that this worker has open."""
        self._cameras = cameras
        self._new: dict[str, Sight] = {}  # camera -> newest sight that is not written yet
        self._reconnections: Counter[tuple[str, int]] = Counter()  # camera and Unix hour, not written yet
        self._written: dict[str, tuple[float, object]] = {}  # camera -> time.monotonic() and what was told

    def on_condition(self, camera: str, condition: Condition, facts: VideoFacts | None) -> None:
        """Keep for the next write that a camera was opened, could not be opened, or was lost. Losses are also counted.

        `camera`: id of its stream. `facts`: codec, size and frame rate of its video; None if this worker is not
        connected to the camera. Ignores cameras that another worker reads, and substreams (smaller second streams).
        """
        if is_substream(camera):
            return
        if condition.problem is not None:
            self.add(camera, Sight(timezone.now(), condition.problem, condition.reason))
            if condition.state is State.RECONNECTING and condition.failures == 1:  # there were pictures until now
                self._reconnections[camera, int(time.time() // 3600)] += 1
        elif condition.state is State.LIVE and facts is not None:
            self.add(camera, Sight(timezone.now(), facts=facts))

    def look(self) -> None:
        """Keep for the next write the frame rate of each camera that has sent pictures to this worker for over a second,
        and so works. Ignores substreams, the cameras' smaller second streams.
        """
        now, before = timezone.now(), time.monotonic() - MEASURABLE
        for active in self._cameras():
            is_live = active.condition.state is State.LIVE and active.condition.since <= before
            if is_live and not is_substream(active.id) and (facts := active.facts) is not None:
                self.add(active.id, Sight(now, facts=facts, measured=True))

    def add(self, camera: str, sight: Sight) -> None:
        self._new[camera] = sight

    def forget(self, cameras: Iterable[str]) -> None:
        """Discard the unwritten results of these cameras (ids), because their settings have changed.

        The next result of each is written even if it equals the last one.
        """
        for camera in cameras:
            self._new.pop(camera, None)
            self._written.pop(camera, None)

    async def run(self) -> None:
        """Write new results to the database every five seconds, until cancelled.

        Results that cannot be written wait for the next time. A failure is logged, but not again while its kind lasts.
        """
        failure: type[Exception] | None = None
        while True:
            await asyncio.sleep(WRITE)
            try:
                self.look()
                await self.write()
                failure = None
            except Error as error:
                if failure is not type(error):
                    logger.warning("The health of cameras cannot be written (%s)", str(error).partition("\n")[0])
                failure = type(error)
            except Exception as error:
                if failure is not type(error):
                    logger.exception("Writing the health of cameras failed; it is tried again")
                failure = type(error)

    async def write(self) -> None:
        """Write new results, and how often cameras were lost, to the database.

        Discards a result without news (`Sight.news`) if the last one was written less than a minute ago. Raises
        django.db.Error if the database fails; the results with news and the counts then wait for the next call.
        """
        oldest = time.monotonic() - UNCHANGED
        self._written = {camera: told for camera, told in self._written.items() if told[0] > oldest}
        found = {camera: sight for camera, sight in self._new.items() if self._tells_news(camera, sight)}
        counts, self._reconnections = self._reconnections, Counter()
        self._new = {}
        if not found and not counts:
            return
        try:
            await database_sync_to_async(store)(found, counts)
        except BaseException:
            self._new = {**found, **self._new}
            self._reconnections += counts
            raise
        for camera, sight in found.items():
            self._written[camera] = time.monotonic(), sight.news

    def _tells_news(self, camera: str, sight: Sight) -> bool:
        return camera not in self._written or self._written[camera][1] != sight.news
