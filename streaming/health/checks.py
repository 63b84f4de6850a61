"""Checks in the background whether cameras work: opens those whose main stream nobody has read for a while, one
after another.

One worker at a time does so. It subscribes to the main stream as a viewer does, but does not count against the
limit of streams. So that stream has one connection at any time: a viewer who comes during a check uses its
connection, also at another worker (unless each worker reads the camera itself, because workers share no cameras or
the Redis for pictures fails).
"""

import asyncio
import logging
import time
from collections.abc import Callable

from channels.db import database_sync_to_async
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from cameras.models import Camera
from cameras.sources import AddressError, CameraSource
from streaming import conf
from streaming.errors import CameraUnreachableError
from streaming.health.records import Sight, due
from streaming.health.sights import Sights
from streaming.ingest.condition import Problem, State
from streaming.ingest.hub import Hub
from streaming.reports.turns import claim_turn
from streaming.store.keys import CHECKS
from streaming.store.scripts import Store

logger = logging.getLogger(__name__)

LOOK = 5.0  # seconds between two questions whose turn it is
TURN = 120.0  # seconds for which one worker checks; then any worker may
GAP = 0.5  # seconds between two checks
MEASURE = 1.5  # seconds of pictures, for the frame rate
BATCH = 100  # cameras of one turn
SPARE = 2  # places of the hub, of which a check leaves one to viewers
SILENT = "The camera was opened, but sent no picture in time."


class CameraChecks:
    """Opens cameras in the background, for one worker, to learn whether they work.

    `sights`: gets the results. `is_draining`: returns whether this worker shuts down; then it opens no further camera.
    """

    def __init__(self, hub: Hub, store: Store, sights: Sights, is_draining: Callable[[], bool]) -> None:
        self._hub, self._store, self._sights, self._is_draining = hub, store, sights, is_draining

    async def look(self) -> None:
        """Check each camera whose main stream nobody has read for `STREAM_CHECK_MINUTES` (0: none), one after
        another, if it is this worker's turn among all workers.

        Opens no further one after two minutes or 100 cameras, when the worker shuts down, or when its hub has fewer
        than two free places. Returns if the database does not answer. Raises GateUnavailableError if Redis fails.
        """
        minutes, ends_at = conf.CHECK.value, time.monotonic() + TURN
        if not minutes or not await self._is_my_turn():
            return
        try:
            cameras = await database_sync_to_async(due)(minutes, BATCH)
        except (OperationalError, InterfaceError) as error:
            logger.warning("Cameras are not checked: the database does not answer (%s)", str(error).partition("\n")[0])
            return
        for camera in cameras:
            if time.monotonic() >= ends_at or self._is_draining() or self._hub.spare < SPARE:
                return
            await self.check(camera)
            await asyncio.sleep(GAP)

    async def _is_my_turn(self) -> bool:
        """Claim a turn to check cameras. Returns True once for each turn: until its end, all further calls return
        False, also at this worker. Raises GateUnavailableError if Redis fails.

        A turn outlasts its last check, so that two workers do not check at the same time.
        """
        return await claim_turn(self._store, CHECKS, TURN + _longest())

    async def check(self, camera: Camera) -> None:
        """Open `camera` for a moment, and record whether it sends pictures or why not.

        Gives up after four times STREAM_READ_TIMEOUT_SECONDS, and records that no picture came. Records nothing if this
        worker may open no further camera.
        """
        try:
            await self._open(str(camera.pk), camera.source)
        except AddressError as error:
            self._failed(camera, Problem.WRONG_PASSWORD, str(error))
        except TimeoutError:
            self._failed(camera, Problem.NO_PICTURE, SILENT)
        except CameraUnreachableError:
            pass  # this worker has no place any more

    async def _open(self, id: str, source: CameraSource) -> None:
        """Open a camera as a viewer would, try once to get pictures, and measure the frame rate. `id`: of the camera.

        The worker's hub, which opens cameras, reports the result to `Sights`. Raises TimeoutError if all of it takes
        over `_longest()` seconds, and CameraUnreachableError if this worker may open no further camera.
        """
        try:
            async with asyncio.timeout(_longest()), self._hub.feed(id, source, "low") as feed:
                condition = feed.condition
                while condition.state is not State.LIVE and not condition.failures:  # one attempt: some lock users out
                    condition = await feed.changed()
                if condition.state is State.LIVE:
                    await asyncio.sleep(MEASURE)
                    self._sights.look()
        finally:
            await self._hub.release(id)

    def _failed(self, camera: Camera, problem: Problem, reason: str) -> None:
        self._sights.add(str(camera.pk), Sight(timezone.now(), problem, reason))


def _longest() -> float:
    """Returns the seconds after which a check gives up."""
    return 4 * conf.READ_TIMEOUT.value
