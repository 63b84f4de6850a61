"""One camera that this worker reads, and the feeds of its viewers.

The capture's thread calls the `on_...` methods of `ActiveCamera`, which pass everything to the event loop in an `Inbox`.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from cameras.sources import CameraSource
from streaming.ingest.capture import Allowance, Capture
from streaming.ingest.condition import Condition, State
from streaming.ingest.frames import Flag, Format, Frame, Mailbox
from streaming.ingest.qualities import ORIGINAL
from streaming.ingest.relay import RelayFactory
from streaming.ingest.streams import KnownStreams, Shape, camera_of
from streaming.ingest.threads import Inbox
from streaming.ingest.video import GROUP_BYTES

FRESH = 1.0  # seconds for which a frame may serve as a new viewer's first one, or as a still


@dataclass(frozen=True)
class CameraEvents:
    """Callbacks for the owner of the hub. They run on the event loop."""

    on_change: Callable[[], None] = lambda: None  # a camera's state has changed, or its capture has ended
    on_reopen: Callable[[str], None] = lambda camera: None  # the camera with this id is lost: it is opened again


class Feed:
    """One viewer's view of a camera: frames in its quality and format, and the camera's condition.

    It may move from one stream of the camera to another. `camera` is the present one.
    """

    def __init__(self, camera: "ActiveCamera", quality: str, formats: frozenset[Format]) -> None:
        self.camera = camera
        self.quality, self.formats = quality, formats
        self.mailbox = Mailbox()
        self.condition = camera.condition
        self._changed = asyncio.Event()
        self.noticed = asyncio.Event()  # the stream's condition or shape has changed

    @property
    def format(self) -> Format:
        """H.264 if the quality is `original`, the viewer plays H.264 and the camera's video can be passed on; else JPEG."""
        video = self.quality == ORIGINAL and Format.H264 in self.formats and self.camera.passes_video
        return Format.H264 if video else Format.JPEG

    def switch(self, quality: str) -> None:
        """Deliver frames of `quality` from now on, unless the feed has left the camera."""
        self.quality = quality
        self.mailbox.clear()
        if self in self.camera.feeds:
            self.camera.join(self)

    def take_over(self, other: "Feed") -> None:
        """Take the place of `other`, a feed of another stream, and its frames that wait. Leave the present stream."""
        before, self.camera, self.quality = self.camera, other.camera, other.quality
        self.mailbox.take_over(other.mailbox)
        self.camera.replace(other, self)
        before.leave(self)
        if self.condition.state is not other.condition.state:
            self.tell(other.condition)
        self.condition = other.condition

    def tell(self, condition: Condition) -> None:
        """Set the camera's condition, and wake the caller of `changed`."""
        self.condition = condition
        if condition.state is State.RECONNECTING:
            self.mailbox.clear()  # an old frame would look as if the camera were back
        self._changed.set()
        self.noticed.set()

    @property
    def has_news(self) -> bool:
        """Whether the condition has changed since the last call of `changed`. The viewer is told before the next frame."""
        return self._changed.is_set()

    async def changed(self) -> Condition:
        """Wait until the camera's condition has changed since the last call. Returns the new one."""
        await self._changed.wait()
        self._changed.clear()
        return self.condition


class ActiveCamera:
    """A camera with its capture and its feeds. All methods run on the event loop, except `on_...`."""

    def __init__(
        self,
        id: str,
        source: CameraSource,
        allowance: Allowance,
        events: CameraEvents,
        open_relay: RelayFactory,
        known: KnownStreams | None = None,
    ) -> None:
        """`id`: of the stream. `known`: learns the stream's shape."""
        self.id, self.source, self._events, self._known = id, source, events, known or KnownStreams()
        self.feeds: set[Feed] = set()
        self._subscribers: dict[tuple[Format, str], list[Feed]] = {}  # format and quality -> feeds that get such frames
        self._inbox = Inbox()
        self.newest: dict[str, Frame] = {}  # quality -> JPEG
        self._group: list[Frame] = []  # the camera's own video since the last keyframe, for new viewers
        self._group_bytes = 0
        self.passes_video: bool | None = None  # whether browsers can play the camera's own video; None: not known yet
        self.condition = Condition(State.CONNECTING, time.monotonic())
        self.capture = Capture(source, allowance, self, open_relay)
        self.done: asyncio.Future[None] | None = None  # the end of the capture's thread
        self._linger: asyncio.TimerHandle | None = None

    def start(self, executor: Executor, on_end: "Callable[[ActiveCamera, asyncio.Future[None]], None]") -> None:
        """Start the capture's thread. `on_end` is called when it has ended. Raises FullError of the executor."""
        self.done = asyncio.wrap_future(executor.submit(self.capture.run))
        # In a new context: the current one belongs to the first viewer, and the capture serves many.
        self.done.add_done_callback(lambda done: on_end(self, done), context=Context())

    def linger(self, seconds: float, on_end: "Callable[[ActiveCamera], None]") -> None:
        """Call `on_end` after `seconds`, unless `cancel_linger` is called before."""
        self.cancel_linger()
        self._linger = asyncio.get_running_loop().call_later(seconds, on_end, self)

    def cancel_linger(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    # Called by the capture's thread.

    def on_frame(self, frame: Frame) -> None:
        # Without a subscriber, the frame is for new viewers only: `join` empties the inbox before it looks for one.
        self._post(self._fan_out, frame, urgent=(frame.format, frame.quality) in self._subscribers)

    def on_group(self, group: list[Frame]) -> None:
        self._post(self._begin_group, group)

    def on_passes_video(self, passes: bool) -> None:
        self._post(self._set_passes_video, passes)

    def on_shape(self, shape: Shape) -> None:
        self._post(self._set_shape, shape)

    def on_condition(self, condition: Condition) -> None:
        self._post(self.tell, condition)

    def _post(self, handler: Callable[[Any], None], value: object, *, urgent: bool = True) -> None:
        """Let the loop call `handler(value)`, in the order of the calls."""
        try:
            self._inbox.put(handler, value, urgent=urgent)
        except RuntimeError:  # the loop is closed: this process ends
            self.capture.stop()

    # Called by the event loop.

    def _fan_out(self, frame: Frame) -> None:
        if frame.format is Format.JPEG:
            self.newest[frame.quality] = frame
        else:
            self._add_to_group(frame)
        for feed in self._subscribers.get((frame.format, frame.quality), ()):
            feed.mailbox.put(frame)

    def _add_to_group(self, frame: Frame) -> None:
        """Add a frame to the current GOP. A GOP that grows too large is dropped until the next keyframe."""
        if frame.flags & Flag.KEY:
            self._group, self._group_bytes = [], 0
        if self._group or frame.flags & Flag.KEY:
            self._group.append(frame)
            self._group_bytes += len(frame.data)
        if self._group_bytes > GROUP_BYTES:
            self._group = []

    def _begin_group(self, group: list[Frame]) -> None:
        """Replace the current GOP: by an empty one, or by that of a camera that another worker reads."""
        self._group, self._group_bytes = group, sum(len(frame.data) for frame in group)
        for feed in self.feeds:
            if group and feed.format is Format.H264:
                feed.mailbox.preload(group)

    def _set_passes_video(self, passes: bool) -> None:
        """Switch the feeds of `original` between H.264 and JPEG if this has changed."""
        if passes is not self.passes_video:
            self.passes_video, self._group = passes, []
            for feed in self.feeds:
                if feed.quality == ORIGINAL:
                    feed.mailbox.clear()
            self._update_subscribers()

    def _set_shape(self, shape: Shape) -> None:
        self._known.learn(self.id, self.source, shape)
        for feed in self.feeds:
            feed.noticed.set()

    def tell(self, condition: Condition) -> None:
        """Set the camera's condition and tell all feeds."""
        if condition.state is not self.condition.state:
            self._events.on_change()
            if condition.state is State.RECONNECTING:
                self._events.on_reopen(camera_of(self.id))
        self.condition = condition
        for feed in self.feeds:
            feed.tell(condition)

    def join(self, feed: Feed) -> None:
        """Deliver frames to `feed`: first those that are kept for new viewers, then each new one."""
        self.feeds.add(feed)
        self._update_subscribers()
        self._inbox.handle()  # deliver queued frames to the viewers that are subscribed now
        if feed.format is Format.H264 and self._group and self.condition.state is State.LIVE:
            feed.mailbox.preload(self._group)
        elif feed.format is Format.JPEG and (frame := self._first_frame(feed.quality)) is not None:
            feed.mailbox.put(frame)

    def leave(self, feed: Feed) -> None:
        self.feeds.discard(feed)
        self._update_subscribers()

    def replace(self, feed: Feed, other: Feed) -> None:
        """Let `other` get the frames that `feed` got until now."""
        self.feeds = (self.feeds - {feed}) | {other}
        self._update_subscribers()

    def _first_frame(self, quality: str) -> Frame | None:
        """A fresh JPEG for a new viewer: of `quality` if there is one, else of any quality."""
        if self.condition.state is not State.LIVE:
            return None
        oldest = (time.time() - FRESH) * 1000
        fresh = [frame for frame in self.newest.values() if frame.read_at >= oldest]
        return max(fresh, key=lambda frame: (frame.quality == quality, frame.read_at), default=None)

    def _update_subscribers(self) -> None:
        """Group the feeds by the frames that they get. The capture encodes only the JPEG qualities among them."""
        subscribers: dict[tuple[Format, str], list[Feed]] = {}
        for feed in self.feeds:
            subscribers.setdefault((feed.format, feed.quality), []).append(feed)
        self._subscribers = subscribers  # replaced as a whole, because the capture's thread reads it too
        self.capture.want(frozenset(quality for format, quality in subscribers if format is Format.JPEG))

    def change_source(self, source: CameraSource) -> None:
        """Read `source` from now on, if it differs."""
        if source != self.source:
            self.source = source
            self.capture.change_source(source)
