"""This worker's cameras: one capture per camera, started for the first viewer and stopped after the last one."""

import asyncio
import functools
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cameras.sources import CameraSource
from streaming.errors import CameraUnreachableError
from streaming.ingest.active_camera import ActiveCamera, CameraEvents, Feed
from streaming.ingest.condition import Condition, State
from streaming.ingest.frames import JPEG_ONLY, VIDEO, Format, Frame
from streaming.ingest.reader import Allowance
from streaming.ingest.relay import no_sharing
from streaming.ingest.sharing import Sharing
from streaming.ingest.threads import FullError, ThreadPerJobExecutor

logger = logging.getLogger(__name__)

FOLLOWERS_CHECK = 1.0  # seconds between two checks whether other workers follow a camera without viewers here


class Hub:
    """Opens at most `most` cameras. A camera without viewers stays open for `linger` seconds."""

    def __init__(
        self,
        allowance: Allowance,
        most: int,
        linger: float,
        sharing: Sharing | None = None,
        events: CameraEvents | None = None,
    ) -> None:
        self._allowance, self._most, self._linger, self._sharing = allowance, most, linger, sharing
        self._events = events or CameraEvents()
        self._executor = ThreadPerJobExecutor(most, name="capture")
        self._cameras: dict[str, ActiveCamera] = {}
        self._ending: dict[str, asyncio.Future[None]] = {}

    @asynccontextmanager
    async def feed(
        self, camera: str, source: CameraSource, quality: str, formats: frozenset[Format] = JPEG_ONLY
    ) -> AsyncIterator[Feed]:
        """A feed of `camera` while the block lasts. Uses the running capture if there is one, even without viewers.

        Raises CameraUnreachableError if this worker cannot open another camera.
        """
        active = await self._activate(camera, source)
        feed = Feed(active, quality, formats)
        try:
            active.join(feed)
            yield feed
        finally:
            active.leave(feed)
            if not active.feeds:
                self._let_linger(active)

    def change_source(self, camera: str, source: CameraSource) -> None:
        """The camera's address or credentials may have changed: if so, its viewers see the new source."""
        if camera in self._cameras:
            self._cameras[camera].change_source(source)

    async def _activate(self, camera: str, source: CameraSource) -> ActiveCamera:
        while camera in self._ending:  # its thread has to release the camera first: many allow one connection only
            await asyncio.wait([self._ending[camera]])
        active = self._cameras.get(camera)
        if active is None:
            await self._make_room()
            active = self._cameras.get(camera) or self._start(camera, source)
        active.cancel_linger()
        active.change_source(source)
        return active

    async def _make_room(self) -> None:
        """If all places are taken, stop a camera without viewers, and wait until any capture has ended."""
        if len(self._cameras) + len(self._ending) < self._most:
            return
        unwatched = next((active for active in self._cameras.values() if not active.feeds), None)
        if unwatched is not None:
            self._stop(unwatched)
        if self._ending:
            await asyncio.wait(self._ending.values(), return_when=asyncio.FIRST_COMPLETED)

    def _start(self, camera: str, source: CameraSource) -> ActiveCamera:
        open_relay = functools.partial(self._sharing.relay, camera) if self._sharing else no_sharing
        active = ActiveCamera(camera, source, self._allowance, self._events, open_relay)
        try:
            active.start(self._executor, self._ended)
        except FullError as error:
            raise CameraUnreachableError(f"This server already reads {self._most} cameras, the most it may.") from error
        self._cameras[camera] = active
        return active

    def _let_linger(self, active: ActiveCamera) -> None:
        if self._cameras.get(active.id) is not active:
            return
        if active.condition.state is State.LIVE:
            active.linger(self._linger, self._lingered)
        else:
            self._stop(active)

    def _lingered(self, active: ActiveCamera) -> None:
        """The time to linger is over."""
        if active.capture.is_followed:  # viewers at other workers would lose the picture for a moment
            active.linger(FOLLOWERS_CHECK, self._lingered)
        else:
            self._stop(active)

    def _stop(self, active: ActiveCamera) -> None:
        if self._cameras.get(active.id) is not active or active.done is None:
            return
        del self._cameras[active.id]
        active.capture.stop()
        self._ending[active.id] = active.done

    def _ended(self, active: ActiveCamera, done: "asyncio.Future[None]") -> None:
        """The capture's thread has ended."""
        if self._ending.get(active.id) is done:
            del self._ending[active.id]
        if self._cameras.get(active.id) is active:
            del self._cameras[active.id]
        self._events.on_change()
        if not done.cancelled() and (error := done.exception()) is not None:
            logger.error("The capture of camera %s died", active.source, exc_info=error)
            active.tell(Condition(State.RECONNECTING, time.monotonic(), cause="Reading the camera failed."))

    # For pages and metrics.

    def own_formats(self, camera: str) -> frozenset[Format]:
        """The formats that the camera's own video may come in: all, while it is not known, or not read here."""
        active = self._cameras.get(camera)
        return VIDEO if active is None or active.own_format is None else VIDEO & {active.own_format}

    def conditions(self) -> dict[str, dict[str, object]]:
        """Camera id -> state, viewers and frames/s, for the cameras that this worker reads."""
        return {
            camera: {
                "state": active.condition.state.value,
                "viewers": len(active.feeds),
                "frames_per_second": round(active.capture.rate, 1),
            }
            for camera, active in self._cameras.items()
        }

    def newest(self, camera: str) -> dict[str, Frame] | None:
        """Quality -> newest JPEG frame of a camera that is live here. None: it is not."""
        active = self._cameras.get(camera)
        return active.newest if active is not None and active.condition.state is State.LIVE else None

    # At the end of the process.

    def stop(self) -> None:
        """Ask every capture to end."""
        for active in list(self._cameras.values()):
            self._stop(active)

    def stop_threads(self) -> None:
        """As `stop`, without an event loop."""
        for active in list(self._cameras.values()):
            active.capture.stop()

    def join(self, seconds: float) -> bool:
        """Block until all threads have released their cameras, for `seconds` at most. Returns whether they have."""
        return self._executor.join(seconds)
