"""Checks in the background: cameras that nobody has read for a while are opened, one after another, by one of all workers.

A check joins the camera's feed as a viewer does, without a slot. So a camera has one connection at any time: a viewer who
comes during a check takes its connection over, also at another worker (unless workers share no cameras).
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
    """The checks of one worker."""

    def __init__(self, hub: Hub, store: Store, sights: Sights, is_draining: Callable[[], bool]) -> None:
        self._hub, self._store, self._sights, self._is_draining = hub, store, sights, is_draining

    async def look(self) -> None:
        """Check the cameras that are due, if it is this worker's turn. Raises GateUnavailableError."""
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
        """A turn outlasts its last check, so two workers never check at the same time."""
        return await claim_turn(self._store, CHECKS, TURN + _longest())

    async def check(self, camera: Camera) -> None:
        """Open the camera, and add what was seen to the sights."""
        try:
            await self._open(str(camera.pk), camera.source)
        except AddressError as error:
            self._failed(camera, Problem.WRONG_PASSWORD, str(error))
        except TimeoutError:
            self._failed(camera, Problem.NO_PICTURE, SILENT)
        except CameraUnreachableError:
            pass  # this worker has no place any more

    async def _open(self, id: str, source: CameraSource) -> None:
        """Join the camera's feed, which tells the sights how the opening ended. Raises TimeoutError."""
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
    """Seconds that a check takes at most."""
    return 4 * conf.READ_TIMEOUT.value
