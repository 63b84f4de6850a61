"""One open stream of a camera, and the feeds that deliver its frames to viewers.

The capture (the thread that reads the stream) calls the `on_...` methods of `ActiveCamera`. These queue each call in an
`Inbox`, which runs it on the event loop.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from dataclasses import dataclass, replace
from typing import Any

from cameras.sources import CameraSource
from streaming.ingest.capture import Capture
from streaming.ingest.condition import Condition, State, VideoFacts
from streaming.ingest.frames import Flag, Format, Frame, Mailbox
from streaming.ingest.qualities import ORIGINAL
from streaming.ingest.reader import Allowance
from streaming.ingest.relay import RelayFactory
from streaming.ingest.streams import KnownStreams, Shape, camera_of
from streaming.ingest.threads import Inbox
from streaming.ingest.video import GROUP_BYTES

RATE_TOLERANCE = 0.3  # share by which a measured frame rate may differ from the announced one
FRESH = 1.0  # seconds for which a frame may serve as a new viewer's first one, or as a still


@dataclass(frozen=True)
class CameraEvents:
    """Callbacks by which a hub tells its owner what happens to cameras. They run on the event loop.

    `on_change`: a camera's state has changed, or its capture has ended. `on_reopen`: the camera with this id is lost, and
    will be opened again. `on_condition`: the stream with this id has a new condition; the facts of its video are None if
    this worker is not connected to the camera.
    """

    on_change: Callable[[], None] = lambda: None
    on_reopen: Callable[[str], None] = lambda camera: None
    on_condition: Callable[[str, Condition, VideoFacts | None], None] = lambda stream, condition, facts: None


class Feed:
    """A camera's frames for one viewer, or for a still: a queue of frames (`mailbox`), and the connection's state.

    `camera`: the camera's stream that the frames come from. `take_over` changes it. `quality`: the wanted one, a key of
    QUALITIES; "original" is that stream's own video. `formats`: those that the viewer plays. Video in other formats is
    sent as JPEG. Frames come only after `camera.join(feed)`.
    """

    def __init__(self, camera: "ActiveCamera", quality: str, formats: frozenset[Format]) -> None:
        self.camera = camera
        self.quality, self.formats = quality, formats
        self.mailbox = Mailbox()
        self.condition = camera.condition
        self._changed = asyncio.Event()
        self.noticed = asyncio.Event()  # set when the stream's condition or shape changes; its waiter clears it

    @property
    def format(self) -> Format:
        """Format of the frames: JPEG, unless the quality is `original` and the viewer plays the camera's own video.
        Also JPEG until the format of that video is known."""
        own = self.camera.own_format
        return own if own is not None and self.quality == ORIGINAL and own in self.formats else Format.JPEG

    def switch(self, quality: str) -> None:
        """Drop the waiting frames, and deliver frames of `quality` from now on; none if the feed has ended."""
        self.quality = quality
        self.mailbox.clear()
        if self in self.camera.feeds:
            self.camera.join(self)

    def take_over(self, other: "Feed") -> None:
        """Move to the stream of `other`, a feed of the same camera, and take its quality, waiting frames and condition.

        `other` gets no more frames.
        """
        before, self.camera, self.quality = self.camera, other.camera, other.quality
        self.mailbox.take_over(other.mailbox)
        self.camera.replace(other, self)
        before.leave(self)
        if self.condition.state is not other.condition.state:
            self.tell(other.condition)
        self.condition = other.condition

    def tell(self, condition: Condition) -> None:
        """Set the camera's condition and wake those who wait for it. If the camera is lost, drop the waiting frames."""
        self.condition = condition
        if condition.state is State.RECONNECTING:
            self.mailbox.clear()  # an old frame would look as if the camera were back
        self._changed.set()
        self.noticed.set()

    @property
    def camera_delay(self) -> float | None:
        """Average milliseconds from a picture's capture, by the camera's clock, to its arrival at the worker that
        reads the camera. None: not known."""
        return self.camera.capture.camera_delay

    @property
    def has_news(self) -> bool:
        """Whether the camera's condition has changed since `changed` last returned.

        The viewer must be told of it before the next frame.
        """
        return self._changed.is_set()

    async def changed(self) -> Condition:
        """Wait until the camera's condition has changed since the last call. Returns the new one."""
        await self._changed.wait()
        self._changed.clear()
        return self.condition


class ActiveCamera:
    """One stream of a camera, open from `start` on, with its capture (the thread that reads it) and its viewers' feeds.

    All methods run on the event loop, except `on_...`, which the capture's thread calls.
    """

    def __init__(
        self,
        id: str,
        source: CameraSource,
        allowance: Allowance,
        events: CameraEvents,
        open_relay: RelayFactory,
        known: KnownStreams | None = None,
    ) -> None:
        """`id`: of the stream (see `streams.py`). `allowance`: limits for reading it. `open_relay`: opens the connection
        to the other workers that read or watch this camera. `known`: is told the codec and the size of the video.
        """
        self.id, self.source, self._events, self._known = id, source, events, known or KnownStreams()
        self.feeds: set[Feed] = set()
        self._subscribers: dict[tuple[Format, str], list[Feed]] = {}  # format and quality -> feeds that get such frames
        self._inbox = Inbox()
        self.newest: dict[str, Frame] = {}  # quality -> JPEG
        self._group: list[Frame] = []  # the camera's own video since the last keyframe, for new viewers
        self._group_bytes = 0
        # The format in which the camera's own video is passed on. JPEG: it is not; None: not known yet.
        self.own_format: Format | None = None
        self.condition = Condition(State.CONNECTING, time.monotonic())
        self.capture = Capture(source, allowance, self, open_relay)
        self.done: asyncio.Future[None] | None = None  # the end of the capture's thread
        self._linger: asyncio.TimerHandle | None = None

    def start(self, executor: Executor, on_end: "Callable[[ActiveCamera, asyncio.Future[None]], None]") -> None:
        """Start the capture in a thread of `executor`. When the capture has ended or failed, call `on_end` with this
        object and the capture's future, on the event loop. Raises FullError if no thread is free.
        """
        self.done = asyncio.wrap_future(executor.submit(self.capture.run))
        # In a new context: the current one belongs to the first viewer, and the capture serves many.
        self.done.add_done_callback(lambda done: on_end(self, done), context=Context())

    @property
    def facts(self) -> VideoFacts | None:
        """Codec, size and frame rate of the camera's video. None: this worker is not connected to the camera.

        The rate is the announced one, or the measured one if that is known and differs by more than RATE_TOLERANCE.
        """
        facts, measured = self.capture.facts, self.capture.rate
        if facts is None or abs(measured - facts.frames_per_second) <= facts.frames_per_second * RATE_TOLERANCE:
            return facts
        return replace(facts, frames_per_second=measured or facts.frames_per_second)

    def linger(self, seconds: float, on_end: "Callable[[ActiveCamera], None]") -> None:
        """Call `on_end(self)`, which may close the stream, after `seconds`. `cancel_linger` or a new call stops it."""
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

    def on_own_format(self, format: Format) -> None:
        self._post(self._set_own_format, format)

    def on_shape(self, shape: Shape) -> None:
        self._post(self._set_shape, shape)

    def on_condition(self, condition: Condition) -> None:
        self._post(self.tell, condition)

    def _post(self, handler: Callable[[Any], None], value: object, *, urgent: bool = True) -> None:
        """Let the event loop call `handler(value)`, in order. If not `urgent`, it may wait for others (see Inbox)."""
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
        """Add a frame to the GOP for new viewers. A GOP of more than GROUP_BYTES is dropped until the next keyframe."""
        if frame.flags & Flag.KEY:
            self._group, self._group_bytes = [], 0
        if self._group or frame.flags & Flag.KEY:
            self._group.append(frame)
            self._group_bytes += len(frame.data)
        if self._group_bytes > GROUP_BYTES:
            self._group = []

    def _begin_group(self, group: list[Frame]) -> None:
        """Replace the current GOP (empty: the connection is new). Deliver it to the feeds of the camera's own video."""
        self._group, self._group_bytes = group, sum(len(frame.data) for frame in group)
        for feed in self.feeds:
            if group and feed.format is not Format.JPEG:
                feed.mailbox.preload(group)

    def _set_own_format(self, format: Format) -> None:
        """Set the format in which the camera's own video is sent; JPEG: it is not sent unchanged. If the format is
        new, drop the GOP, and the waiting frames of the feeds of `original`. From now on, these feeds get the new
        format if their viewers play it, otherwise JPEG."""
        if format is not self.own_format:
            self.own_format, self._group = format, []
            for feed in self.feeds:
                if feed.quality == ORIGINAL:
                    feed.mailbox.clear()
            self._update_subscribers()

    def _set_shape(self, shape: Shape) -> None:
        self._known.learn(self.id, self.source, shape)
        for feed in self.feeds:
            feed.noticed.set()

    def tell(self, condition: Condition) -> None:
        """Set the camera's condition, tell all feeds, and call those callbacks of `CameraEvents` that it concerns."""
        self._events.on_condition(self.id, condition, self.facts)
        if condition.state is not self.condition.state:
            self._events.on_change()
            if condition.state is State.RECONNECTING:
                self._events.on_reopen(camera_of(self.id))
        self.condition = condition
        for feed in self.feeds:
            feed.tell(condition)

    def join(self, feed: Feed) -> None:
        """Deliver frames to `feed`: first the GOP, or a JPEG of the last second in any quality; then each new one."""
        self.feeds.add(feed)
        self._update_subscribers()
        self._inbox.handle()  # deliver queued frames to the viewers that are subscribed now
        if feed.format is not Format.JPEG and self._group and self.condition.state is State.LIVE:
            feed.mailbox.preload(self._group)
        elif feed.format is Format.JPEG and (frame := self._first_frame(feed.quality)) is not None:
            feed.mailbox.put(frame)

    def leave(self, feed: Feed) -> None:
        self.feeds.discard(feed)
        self._update_subscribers()

    def replace(self, feed: Feed, other: Feed) -> None:
        """Let `other` get new frames from now on, instead of `feed`."""
        self.feeds = (self.feeds - {feed}) | {other}
        self._update_subscribers()

    def _first_frame(self, quality: str) -> Frame | None:
        """Returns a new viewer's first JPEG, of the last second, in `quality` if possible. None: there is none."""
        if self.condition.state is not State.LIVE:
            return None
        oldest = (time.time() - FRESH) * 1000
        fresh = [frame for frame in self.newest.values() if frame.read_at >= oldest]
        return max(fresh, key=lambda frame: (frame.quality == quality, frame.read_at), default=None)

    def _update_subscribers(self) -> None:
        """Group the feeds by format and quality. Let the capture encode no other JPEG qualities than theirs."""
        subscribers: dict[tuple[Format, str], list[Feed]] = {}
        for feed in self.feeds:
            subscribers.setdefault((feed.format, feed.quality), []).append(feed)
        self._subscribers = subscribers  # replaced as a whole, because the capture's thread reads it too
        self.capture.want(frozenset(quality for format, quality in subscribers if format is Format.JPEG))

    def change_source(self, source: CameraSource) -> None:
        """Read the stream from `source` (address and credentials) from now on, if it differs from the present one."""
        if source != self.source:
            self.source = source
            self.capture.change_source(source)
