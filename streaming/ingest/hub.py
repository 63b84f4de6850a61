"""The camera streams that are open in this worker: one capture (reading thread) for each, while it has viewers."""

import asyncio
import functools
import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from cameras.sources import CameraSource
from streaming.errors import CameraUnreachableError
from streaming.ingest.active_camera import ActiveCamera, CameraEvents, Feed
from streaming.ingest.condition import FAILED_OPENINGS, Condition, State
from streaming.ingest.frames import JPEG_ONLY, VIDEO, Format, Frame
from streaming.ingest.reader import Allowance
from streaming.ingest.relay import no_sharing
from streaming.ingest.sharing import Sharing
from streaming.ingest.streams import KnownStreams, Streams, Target, camera_of, substream_id
from streaming.ingest.threads import FullError, ThreadPerJobExecutor

logger = logging.getLogger(__name__)

WORST_FIRST = (State.CONNECTING, State.RECONNECTING, State.LIVE)
FOLLOWERS_CHECK = 1.0  # seconds between two checks whether other workers follow a camera without viewers here
UNHEARD = CameraEvents()


class Hub:
    """Opens at most `most` camera streams. A live one without viewers stays open for `linger` seconds, then while
    other workers take its pictures. If `most` are open, a new one may replace it. `allowance`: limits for reading.
    `sharing`: one connection per stream for all workers; None: one per worker. `events`: callbacks.
    """

    def __init__(
        self,
        allowance: Allowance,
        most: int,
        linger: float,
        sharing: Sharing | None = None,
        events: CameraEvents = UNHEARD,
    ) -> None:
        self._allowance, self._most, self._linger, self._sharing = allowance, most, linger, sharing
        self._events = events
        self._executor = ThreadPerJobExecutor(most, name="capture")
        self._cameras: dict[str, ActiveCamera] = {}
        self._ending: dict[str, asyncio.Future[None]] = {}
        self.known = KnownStreams()

    @asynccontextmanager
    async def feed(
        self, stream: str, source: CameraSource, quality: str, formats: frozenset[Format] = JPEG_ONLY
    ) -> AsyncIterator[Feed]:
        """Yields a new feed of a stream while the block lasts. `stream`: id of the camera (substream: plus "/sub").
        `source`: an open stream changes to it. `quality`: a key of QUALITIES. `formats`: those the viewer plays.
        Raises CameraUnreachableError if too many are open. Only the feed's condition tells of a silent camera."""
        active = await self._activate(stream, source)
        feed = Feed(active, quality, formats)
        try:
            active.join(feed)
            yield feed
        finally:
            feed.camera.leave(feed)  # it may have moved
            self._let_linger(feed.camera)

    async def move(
        self, feed: Feed, target: Target, is_wanted: Callable[[], bool], on_arrival: Callable[[], None], seconds: float
    ) -> None:
        """Move `feed` to the stream and quality of `target` when that has a frame. Call `on_arrival` before the
        frame can be taken. Return without a move if `is_wanted` returns False, now or when `feed.noticed` is set.
        Raises CameraUnreachableError, without a move, if `target` cannot be opened or has no frame in `seconds`."""
        before = feed.camera
        async with self.feed(target.id, target.source, target.quality, feed.formats) as pending:
            if await _until_frame(pending, feed.noticed, is_wanted, seconds):
                feed.take_over(pending)
                on_arrival()
        self._let_linger(before)

    async def release(self, stream: str) -> None:
        """Close the stream with this id, and wait until its thread has released the camera. Do nothing while viewers
        here have a feed of it, or other workers take its pictures from here."""
        active = self._cameras.get(stream)
        if active is not None and not active.feeds and not active.capture.is_followed:
            self._stop(active)
        if stream in self._ending:
            await asyncio.wait([self._ending[stream]])

    def change_sources(self, streams: Streams) -> None:
        """Read the camera's open streams from the addresses and credentials in `streams`, if these have changed."""
        for id, source in ((streams.camera, streams.main), (substream_id(streams.camera), streams.sub)):
            if source is not None and id in self._cameras:
                self._cameras[id].change_source(source)

    async def _activate(self, stream: str, source: CameraSource) -> ActiveCamera:
        while stream in self._ending:  # its thread has to release the camera first: many allow one connection only
            await asyncio.wait([self._ending[stream]])
        active = self._cameras.get(stream)
        if active is None:
            await self._make_room()
            active = self._cameras.get(stream) or self._start(stream, source)
        active.cancel_linger()
        active.change_source(source)
        return active

    async def _make_room(self) -> None:
        """If full, stop an unwatched stream, if any, and wait until one ends. If none is ending, `_start` raises."""
        if len(self._cameras) + len(self._ending) < self._most:
            return
        unwatched = next((active for active in self._cameras.values() if not active.feeds), None)
        if unwatched is not None:
            self._stop(unwatched)
        if self._ending:
            await asyncio.wait(self._ending.values(), return_when=asyncio.FIRST_COMPLETED)

    def _start(self, stream: str, source: CameraSource) -> ActiveCamera:
        open_relay = functools.partial(self._sharing.relay, stream) if self._sharing else no_sharing
        active = ActiveCamera(stream, source, self._allowance, self._events, open_relay, self.known)
        try:
            active.start(self._executor, self._ended)
        except FullError as error:
            raise CameraUnreachableError(f"This server already reads {self._most} cameras, the most it may.") from error
        self._cameras[stream] = active
        return active

    def _let_linger(self, active: ActiveCamera) -> None:
        if active.feeds or self._cameras.get(active.id) is not active:
            return
        if active.condition.state is State.LIVE:
            active.linger(self._linger, self._lingered)
        else:
            self._stop(active)

    def _lingered(self, active: ActiveCamera) -> None:
        """Stop a stream that was unwatched for `linger` seconds. If other workers get it from here, try again later."""
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
        """Forget a stream whose capture thread has ended. If it failed, log that and tell the viewers (RECONNECTING)."""
        if self._ending.get(active.id) is done:
            del self._ending[active.id]
        if self._cameras.get(active.id) is active:
            del self._cameras[active.id]
        self._events.on_change()
        if not done.cancelled() and (error := done.exception()) is not None:
            logger.error("The capture of camera %s died", active.source, exc_info=error)
            active.tell(Condition(State.RECONNECTING, time.monotonic(), cause="Reading the camera failed."))

    # For pages and metrics, and for checks.

    @property
    def spare(self) -> int:
        """How many more camera streams this worker may open now without closing an unwatched one."""
        return self._most - len(self._cameras) - len(self._ending)

    def cameras(self) -> list[ActiveCamera]:
        """The camera streams that are open here, or are being opened."""
        return list(self._cameras.values())

    def own_formats(self, stream: str) -> frozenset[Format]:
        """The video format in which the stream with this id may be sent unchanged. Empty: none; both: not known."""
        active = self._cameras.get(stream)
        return VIDEO if active is None or active.own_format is None else VIDEO & {active.own_format}

    def conditions(self) -> dict[str, dict[str, object]]:
        """Camera id -> best state of its streams here (live, reconnecting, connecting), and highest frames_per_second."""
        streams = itertools.groupby(sorted(self._cameras.values(), key=_camera), _camera)
        return {camera: _condition(list(actives)) for camera, actives in streams}

    def facts(self, streams: Streams) -> dict[str, dict[str, object]]:
        """Quality (original, sub) -> codec, width, height, frames_per_second, kbps: see KnownStreams.facts."""
        for id in (streams.camera, substream_id(streams.camera)):
            if (active := self._cameras.get(id)) is not None:
                self.known.measure(id, active.source, active.capture.rate, active.capture.arrivals.kbps)
        return self.known.facts(streams)

    def is_open(self, stream: str) -> bool:
        return stream in self._cameras

    def newest(self, stream: str) -> dict[str, Frame] | None:
        """Quality -> newest JPEG of a stream, given by its id, of any age; may be empty. None: not live here."""
        active = self._cameras.get(stream)
        return active.newest if active is not None and active.condition.state is State.LIVE else None

    # At the end of the process.

    def stop(self) -> None:
        """Ask every capture thread to end. Does not wait."""
        for active in list(self._cameras.values()):
            self._stop(active)

    def stop_threads(self) -> None:
        """Ask every capture thread to end, when the event loop no longer runs. Does not wait."""
        for active in list(self._cameras.values()):
            active.capture.stop()

    def join(self, seconds: float) -> bool:
        """Block until all threads have released their cameras, for `seconds` at most. Returns whether they have."""
        return self._executor.join(seconds)


def _camera(active: ActiveCamera) -> str:
    return camera_of(active.id)


def _condition(streams: list[ActiveCamera]) -> dict[str, object]:
    """Returns the best state and the highest frames/s of one camera's streams, ready for JSON."""
    return {
        "state": max((active.condition.state for active in streams), key=WORST_FIRST.index).value,
        "frames_per_second": round(max(active.capture.rate for active in streams), 1),
    }


async def _until_frame(feed: Feed, noticed: asyncio.Event, is_wanted: Callable[[], bool], seconds: float) -> bool:
    """Wait until the feed has a frame, and return True. Return False as soon as `is_wanted` does.

    `is_wanted` is called now, at each change of the feed, and whenever `noticed` is set. Raises CameraUnreachableError
    if no frame comes within `seconds`, or the camera cannot be opened.
    """
    arrival = asyncio.ensure_future(feed.mailbox.arrival())
    try:
        async with asyncio.timeout(seconds):
            while not arrival.done():
                if not is_wanted():
                    return False
                if feed.condition.failures >= FAILED_OPENINGS:
                    raise CameraUnreachableError(feed.condition.cause)
                changes = []
                for event in (feed.noticed, noticed):
                    event.clear()
                    changes.append(asyncio.ensure_future(event.wait()))
                await asyncio.wait([arrival, *changes], return_when=asyncio.FIRST_COMPLETED)
                for change in changes:
                    change.cancel()
        return True
    except TimeoutError as error:
        raise CameraUnreachableError from error
    finally:
        arrival.cancel()
