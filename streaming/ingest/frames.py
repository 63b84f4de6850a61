"""A coded picture for viewers (`Frame`), and the queue of one viewer's frames (`Mailbox`)."""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import NamedTuple


class Format(IntEnum):
    """The coding of a frame's data. Its number is the field `kind` in the header of the messages to viewers."""

    JPEG = 1
    H264 = 2
    H265 = 3


JPEG_ONLY = frozenset({Format.JPEG})
VIDEO = frozenset({Format.H264, Format.H265})
Delivery = Callable[["Frame"], bool]  # delivers a frame without a wait, or returns False


class Flag(IntFlag):
    KEY = 1  # decoding can start here: an IDR (H.265: IRAP) picture with its parameter sets, or any JPEG
    DISCONTINUITY = 2  # frames were dropped before this one
    BACKLOG = 4  # decode only, do not paint: it is older than the live edge


class Frame(NamedTuple):
    """One coded picture of a camera. All viewers of its quality share it."""

    format: Format
    quality: str  # a key of QUALITIES; H.264 and H.265: always "original"
    data: bytes
    read_at: float  # Unix milliseconds when a worker read it from the camera, by that worker's clock
    presented_at: float  # the camera's presentation time, microseconds
    epoch: int  # 0 to 255: +1 at each reopening of the camera and each change of its parameter sets
    flags: Flag
    codec: str = ""  # WebCodecs' name; "" for JPEG


class Mailbox:
    """The queue of frames for one viewer. A slow viewer misses frames and delays nobody else.

    Of JPEG, it keeps the newest frame. Of H.264 and H.265, it keeps all in order until `most` wait, besides the
    BACKLOG frames of `preload`. Then it drops them, and the following ones up to the next keyframe. Only one task
    may wait for frames. `deliver_to` sets a callback that may bypass the queue, because waking that task costs more
    than sending a frame.
    """

    def __init__(self, most: int = 25) -> None:
        self._most = most
        self._frames: deque[Frame] = deque()
        self._arrival: asyncio.Future[None] | None = None  # the one reader waits for it
        self._needs_key = True
        self._backlog = 0  # preloaded frames that still wait; they are no sign of a slow viewer
        self._deliver: Delivery = lambda frame: False
        self.dropped = 0  # frames dropped since the last `pop`; `preload` and `take_over` forget them
        self.missed = 0  # frames dropped before that: the sum of `dropped` at each `pop`

    def deliver_to(self, delivery: Delivery) -> None:
        """Call `delivery` with each new frame while a task waits for one, unless frames were dropped before it.

        `delivery` sends the frame at once and returns True, or it returns False: then the frame is queued.
        """
        self._deliver = delivery

    def put(self, frame: Frame) -> None:
        """Deliver a new frame by the callback of `deliver_to` if a task waits and no frame was dropped since the last
        `pop`. Else, or if the callback returns False, queue it. Drop it if frames that it needs are missing."""
        if self._frames and (frame.format is Format.JPEG or len(self._frames) >= self._most + self._backlog):
            self.clear()
        if self._needs_key and not frame.flags & Flag.KEY:
            self.dropped += 1
            return
        self._needs_key = False
        if self._awaited is not None and not self.dropped and self._deliver(frame):
            return
        self._frames.append(frame)
        self._wake()

    def preload(self, group: list[Frame]) -> None:
        """Replace the queue by the current GOP, so that a new viewer does not wait for the next keyframe.

        `group` has at least one frame. All but the newest are flagged BACKLOG: the viewer decodes, but does not show
        them.
        """
        self.clear()
        *backlog, newest = group
        self._frames.extend(frame._replace(flags=frame.flags | Flag.BACKLOG) for frame in backlog)
        self._frames.append(newest)
        self._needs_key, self.dropped, self._backlog = False, 0, len(backlog)
        self._wake()

    @property
    def _awaited(self) -> "asyncio.Future[None] | None":
        """The future of the task that waits for a frame. None: no task waits."""
        return self._arrival if self._arrival is not None and not self._arrival.done() else None

    def _wake(self) -> None:
        if (arrival := self._awaited) is not None:
            arrival.set_result(None)

    def take_over(self, other: "Mailbox") -> None:
        """Drop all frames that wait, and continue with those of `other`, which must not be used any more."""
        self._frames = other._frames
        self._needs_key, self._backlog, self.dropped = other._needs_key, other._backlog, 0
        if self._frames:
            self._wake()

    def clear(self) -> None:
        """Drop all frames that wait, and new ones up to the next keyframe (any JPEG is one)."""
        self.dropped += len(self._frames)
        self._frames.clear()
        self._needs_key, self._backlog = True, 0

    async def arrival(self) -> None:
        """Wait until a frame is in the queue, without taking it. Returns at once if one is.

        A frame that the callback of `deliver_to` sends does not end the wait.
        """
        while not self._frames:
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival

    async def take(self) -> Frame:
        """Wait for a frame, then remove and return the oldest. Removes none if cancelled.

        The frame is flagged DISCONTINUITY if frames before it were dropped.
        """
        await self.arrival()
        return self.pop()

    def pop(self) -> Frame:
        """Remove and return the oldest frame. Raises IndexError if there is none.

        The frame is flagged DISCONTINUITY if frames before it were dropped.
        """
        frame = self._frames.popleft()
        if self._backlog:
            self._backlog -= bool(frame.flags & Flag.BACKLOG)
        dropped, self.dropped = self.dropped, 0
        self.missed += dropped
        return frame._replace(flags=frame.flags | Flag.DISCONTINUITY) if dropped else frame
