"""One capture per camera in this worker, however many watch: start, linger, stop, fan out.

The capture's thread calls `ActiveCamera.post` only, by callbacks: the one crossing from a thread to the event loop.
"""

import asyncio
import functools
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any

from cameras.sources import CameraSource
from streaming.errors import CameraUnreachableError
from streaming.ingest.capture import Allowance, Capture
from streaming.ingest.condition import Condition, State
from streaming.ingest.frames import Flag, Format, Frame, Mailbox
from streaming.ingest.qualities import ORIGINAL
from streaming.ingest.sharing import RelayFactory, Sharing, no_sharing
from streaming.ingest.threads import FullError, Inbox, ThreadPerJobExecutor
from streaming.ingest.video import GROUP_BYTES

logger = logging.getLogger(__name__)

JPEG_ONLY = frozenset({Format.JPEG})
FRESH = 1.0  # seconds for which a picture of another quality is good as a newcomer's first one
LOOK = 1.0  # seconds after which a camera without viewers of its own looks again whether others live off it
FAILED_OPENINGS = 2  # openings in a row that fail before a newcomer is told that the camera cannot be reached


class Feed:
    """What one viewer gets of a camera: frames of its quality in a format that it plays, and the camera's condition."""

    def __init__(self, active: "ActiveCamera", quality: str, formats: frozenset[Format]) -> None:
        self._camera = active
        self.quality, self.formats = quality, formats
        self.mailbox = Mailbox()
        self.condition = active.condition
        self._changed = asyncio.Event()

    @property
    def format(self) -> Format:
        """The camera's own video where there is any, it is asked for and the viewer plays it."""
        video = self.quality == ORIGINAL and Format.H264 in self.formats and self._camera.passes_video
        return Format.H264 if video else Format.JPEG

    def switch(self, quality: str) -> None:
        """Pictures of `quality` from now on; of a feed that was left meanwhile, none."""
        self.quality = quality
        self.mailbox.clear()
        if self in self._camera.feeds:
            self._camera.join(self)

    def tell(self, condition: Condition) -> None:
        self.condition = condition
        if condition.state is State.RECONNECTING:
            self.mailbox.clear()  # a picture from before would look as if the camera were back
        self._changed.set()

    @property
    def has_news(self) -> bool:
        """Whether the condition has changed since the last call of `changed`: frames do not overtake that."""
        return self._changed.is_set()

    async def changed(self) -> Condition:
        """Wait until the camera's condition has changed since the last call."""
        await self._changed.wait()
        self._changed.clear()
        return self.condition


class ActiveCamera:
    """One camera being read, and those who watch it. Lives on the loop, but for `post` and `_is_taken`."""

    def __init__(
        self,
        source: CameraSource,
        allowance: Allowance,
        on_change: Callable[[], None],
        on_reopen: Callable[[], None],
        open_relay: RelayFactory,
    ) -> None:
        self._on_change, self._on_reopen = on_change, on_reopen
        self.source = source
        self.feeds: set[Feed] = set()
        self._takers: dict[tuple[Format, str], list[Feed]] = {}  # format and quality -> whom such frames are for
        self._inbox = Inbox()
        self.newest: dict[str, Frame] = {}  # quality -> JPEG
        self.group: list[Frame] = []  # the camera's own video since the last key, for newcomers
        self.passes_video: bool | None = None  # whether the camera sends video that browsers play; None: not known yet
        self.condition = Condition(State.CONNECTING, time.monotonic())
        self.capture = Capture(
            source,
            allowance,
            on_frame=lambda frame: self.post(self._fan_out, frame, urgent=self._is_taken(frame)),
            on_group=lambda group: self.post(self._begin, group),
            on_video=lambda passes: self.post(self._set_video, passes),
            on_condition=lambda condition: self.post(self.tell, condition),
            open_relay=open_relay,
        )
        self.done: asyncio.Future[None] | None = None
        self.linger: asyncio.TimerHandle | None = None
        self._group_bytes = 0

    def post(self, handler: Callable[[Any], None], value: object, *, urgent: bool = True) -> None:
        """From the capture's thread: have the loop call `handler(value)`, after what was posted before."""
        try:
            self._inbox.put(handler, value, urgent=urgent)
        except RuntimeError:  # the loop is closed: this process ends
            self.capture.stop()

    def _is_taken(self, frame: Frame) -> bool:
        """Whether anybody here watches it; else it is kept for newcomers, who look into the inbox first."""
        return (frame.format, frame.quality) in self._takers

    def _fan_out(self, frame: Frame) -> None:
        if frame.format is Format.JPEG:
            self.newest[frame.quality] = frame
        else:
            self._keep(frame)
        for feed in self._takers.get((frame.format, frame.quality), ()):
            feed.mailbox.put(frame)

    def _keep(self, frame: Frame) -> None:
        """Collect the running group of pictures; one that grows beyond measure is given up until the next key."""
        if frame.flags & Flag.KEY:
            self.group, self._group_bytes = [], 0
        if self.group or frame.flags & Flag.KEY:
            self.group.append(frame)
            self._group_bytes += len(frame.data)
        if self._group_bytes > GROUP_BYTES:
            self.group = []

    def _begin(self, group: list[Frame]) -> None:
        """An opening begins: with nothing, or with the running group of a camera that another worker has been reading."""
        self.group, self._group_bytes = group, sum(len(frame.data) for frame in group)
        for feed in self.feeds:
            if group and feed.format is Format.H264:
                feed.mailbox.preload(group)

    def _set_video(self, passes: bool) -> None:
        """What the camera sends is known now, or has turned out differently: who watches `original` is served anew."""
        if passes is not self.passes_video:
            self.passes_video, self.group = passes, []
            for feed in self.feeds:
                if feed.quality == ORIGINAL:
                    feed.mailbox.clear()
            self.update()

    def tell(self, condition: Condition) -> None:
        if condition.state is not self.condition.state:
            self._on_change()
            if condition.state is State.RECONNECTING:
                self._on_reopen()
        self.condition = condition
        for feed in self.feeds:
            feed.tell(condition)

    def join(self, feed: Feed) -> None:
        self.feeds.add(feed)
        self.update()
        self._inbox.handle()  # deliver what is queued to the viewers that are subscribed now
        if feed.format is Format.H264 and self.group and self.condition.state is State.LIVE:
            feed.mailbox.preload(self.group)
        elif feed.format is Format.JPEG and (frame := self._first_picture(feed.quality)) is not None:
            feed.mailbox.put(frame)

    def _first_picture(self, quality: str) -> Frame | None:
        """For a newcomer at once: of its quality, else of any; a fresh one only."""
        if self.condition.state is not State.LIVE:
            return None
        oldest = (time.time() - FRESH) * 1000
        fresh = [frame for frame in self.newest.values() if frame.read_at >= oldest]
        return max(fresh, key=lambda frame: (frame.quality == quality, frame.read_at), default=None)

    def update(self) -> None:
        """Who watches, or what, has changed. What is watched as JPEG is encoded, and nothing else."""
        takers: dict[tuple[Format, str], list[Feed]] = {}
        for feed in self.feeds:
            takers.setdefault((feed.format, feed.quality), []).append(feed)
        self._takers = takers  # whole: the capture's thread looks, too
        self.capture.want(frozenset(quality for format, quality in takers if format is Format.JPEG))

    def reopen(self, source: CameraSource) -> None:
        if source != self.source:
            self.source = source
            self.capture.reopen(source)


class Hub:
    """This worker's cameras. Raises CameraUnreachableError where a feed cannot be had."""

    def __init__(self, allowance: Allowance, most: int, linger: float, sharing: Sharing | None = None) -> None:
        self._allowance, self._most, self._linger, self._sharing = allowance, most, linger, sharing
        self.on_change: Callable[[], None] = lambda: None  # told when a camera's state or number of viewers changes
        self.on_reopen: Callable[[str], None] = lambda camera: None  # told when a camera is lost and opened again
        self._executor = ThreadPerJobExecutor(most, name="capture")
        self._cameras: dict[str, ActiveCamera] = {}
        self._ending: dict[str, asyncio.Future[None]] = {}

    @asynccontextmanager
    async def feed(
        self, camera: str, source: CameraSource, quality: str, formats: frozenset[Format] = JPEG_ONLY
    ) -> AsyncIterator[Feed]:
        """Watch `camera` while the block lasts. A running capture is shared; a lingering one is taken up again."""
        active = await self._activate(camera, source)
        feed = Feed(active, quality, formats)
        try:
            active.join(feed)
            yield feed
        finally:
            active.feeds.discard(feed)
            active.update()
            if not active.feeds:
                self._let_linger(camera, active)

    def reopen(self, camera: str, source: CameraSource) -> None:
        """The camera's address has changed: whoever watches it sees the new one."""
        if camera in self._cameras:
            self._cameras[camera].reopen(source)

    async def _activate(self, camera: str, source: CameraSource) -> ActiveCamera:
        while camera in self._ending:  # its thread has to release the camera first: many allow one connection only
            await asyncio.wait([self._ending[camera]])
        active = self._cameras.get(camera)
        if active is None:
            await self._make_room()
            active = self._cameras.get(camera) or self._start(camera, source)
        if active.linger is not None:
            active.linger.cancel()
            active.linger = None
        active.reopen(source)
        return active

    async def _make_room(self) -> None:
        if len(self._cameras) + len(self._ending) < self._most:
            return
        unwatched = next((camera for camera, active in self._cameras.items() if not active.feeds), None)
        if unwatched is not None:
            self._stop(unwatched, self._cameras[unwatched])
        if self._ending:
            await asyncio.wait(self._ending.values(), return_when=asyncio.FIRST_COMPLETED)

    def _start(self, camera: str, source: CameraSource) -> ActiveCamera:
        open_relay = functools.partial(self._sharing.relay, camera) if self._sharing else no_sharing
        active = ActiveCamera(
            source, self._allowance, lambda: self.on_change(), lambda: self.on_reopen(camera), open_relay
        )
        try:
            future = self._executor.submit(active.capture.run)
        except FullError as error:
            raise CameraUnreachableError(f"This server already reads {self._most} cameras, its most.") from error
        active.done = asyncio.wrap_future(future)
        # In a context of its own: it was the first viewer's until here, and serves many.
        active.done.add_done_callback(lambda done: self._ended(camera, active, done), context=Context())
        self._cameras[camera] = active
        return active

    def _let_linger(self, camera: str, active: ActiveCamera) -> None:
        if self._cameras.get(camera) is not active:
            return
        if active.condition.state is not State.LIVE:
            self._stop(camera, active)
        elif active.linger is None:
            self._linger_for(self._linger, camera, active)

    def _linger_for(self, seconds: float, camera: str, active: ActiveCamera) -> None:
        active.linger = asyncio.get_running_loop().call_later(seconds, self._end_linger, camera, active)

    def _end_linger(self, camera: str, active: ActiveCamera) -> None:
        if active.capture.is_followed:  # viewers at other workers: they would lose the picture for a moment
            self._linger_for(LOOK, camera, active)
        else:
            self._stop(camera, active)

    def _stop(self, camera: str, active: ActiveCamera) -> None:
        if self._cameras.get(camera) is not active or active.done is None:
            return
        del self._cameras[camera]
        active.capture.stop()
        self._ending[camera] = active.done

    def _ended(self, camera: str, active: ActiveCamera, done: "asyncio.Future[None]") -> None:
        if self._ending.get(camera) is done:
            del self._ending[camera]
        if self._cameras.get(camera) is active:
            del self._cameras[camera]
        self.on_change()
        if not done.cancelled() and (error := done.exception()) is not None:
            logger.error("The capture of camera %s died", active.source, exc_info=error)
            active.tell(Condition(State.RECONNECTING, time.monotonic(), cause="Reading the camera failed."))

    def passes_video(self, camera: str) -> bool | None:
        """Whether a camera that is read here sends video that browsers play; None: not known."""
        active = self._cameras.get(camera)
        return active.passes_video if active else None

    # What pages and metrics show.

    def conditions(self) -> dict[str, dict[str, object]]:
        """Camera id -> state, viewers and frames/s of those that this worker reads."""
        return {
            camera: {
                "state": active.condition.state.value,
                "viewers": len(active.feeds),
                "frames_per_second": round(active.capture.rate, 1),
            }
            for camera, active in self._cameras.items()
        }

    def newest(self, camera: str) -> dict[str, Frame] | None:
        """Quality -> the newest frame of a camera that is live here; None: it is not."""
        active = self._cameras.get(camera)
        return active.newest if active is not None and active.condition.state is State.LIVE else None

    # The end.

    def stop(self) -> None:
        """Ask every capture to end."""
        for camera, active in list(self._cameras.items()):
            self._stop(camera, active)

    def stop_threads(self) -> None:
        """As `stop`, where the loop is gone."""
        for active in list(self._cameras.values()):
            active.capture.stop()

    def join(self, seconds: float) -> bool:
        """Blocks: wait for the threads, which release their cameras. Returns whether all have ended."""
        return self._executor.join(seconds)
