"""A picture on its way to viewers, and the mailbox of one viewer."""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import NamedTuple


class Format(IntEnum):
    """How a frame's payload is coded; the `kind` of its header."""

    JPEG = 1
    H264 = 2


class Flag(IntFlag):
    KEY = 1  # decoding may start here: an IDR picture with its parameter sets; every JPEG
    DISCONTINUITY = 2  # frames were dropped before this one
    BACKLOG = 4  # decode, do not paint: it is older than the live edge


class Frame(NamedTuple):
    """One coded picture of a camera, shared by all viewers of its quality."""

    format: Format
    quality: str
    data: bytes
    read_at: float  # worker's wall clock when the camera's frame was read, Unix milliseconds
    presented_at: float  # the camera's presentation time, microseconds
    epoch: int  # +1 at each reopening of the camera or change of its parameters, 0 to 255
    flags: Flag
    codec: str = ""  # as WebCodecs names it; "" for JPEG


class Mailbox:
    """What waits for one viewer. Nobody waits for the viewer: a slow one misses pictures.

    Of JPEG the newest only. Of video all, in order, until `most` are waiting: then everything up to the next key is dropped.
    A frame that finds its reader waiting, and follows the last one without a gap, is offered to `pass_on` first, and put by
    only where that declines: to wake a reader costs more than to send a frame.
    """

    def __init__(self, most: int = 25) -> None:
        self._most = most
        self._frames: deque[Frame] = deque()
        self._arrival: asyncio.Future[None] | None = None  # what the one reader waits for
        self._needs_key = True
        self._backlog = 0  # of the frames that wait: preloaded ones, which are no sign of a slow viewer
        self.pass_on: Callable[[Frame], bool] = lambda frame: False  # returns whether it has taken the frame
        self.dropped = 0  # since the last take
        self.missed = 0  # of all that its viewer should have had

    def put(self, frame: Frame) -> None:
        if self._frames and (frame.format is Format.JPEG or len(self._frames) >= self._most + self._backlog):
            self._drop_all()
        if self._needs_key and not frame.flags & Flag.KEY:
            self.dropped += 1
            return
        self._needs_key = False
        if self._awaited is not None and not self.dropped and self.pass_on(frame):
            return
        self._frames.append(frame)
        self._wake()

    def preload(self, group: list[Frame]) -> None:
        """A group of pictures up to the live edge, so that a newcomer does not wait for the next key."""
        self._drop_all()
        *backlog, newest = group
        self._frames.extend(frame._replace(flags=frame.flags | Flag.BACKLOG) for frame in backlog)
        self._frames.append(newest)
        self._needs_key, self.dropped, self._backlog = False, 0, len(backlog)
        self._wake()

    @property
    def _awaited(self) -> "asyncio.Future[None] | None":
        """What the reader waits for, if it does."""
        return self._arrival if self._arrival is not None and not self._arrival.done() else None

    def _wake(self) -> None:
        if (arrival := self._awaited) is not None:
            arrival.set_result(None)

    def _drop_all(self) -> None:
        self.dropped += len(self._frames)
        self._frames.clear()
        self._needs_key, self._backlog = True, 0

    def clear(self) -> None:
        """Forget what waits: it is not to be shown any more."""
        self._drop_all()

    async def arrival(self) -> None:
        """Wait until there is a frame."""
        while not self._frames:
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival

    async def take(self) -> Frame:
        """Wait for a frame, flagged where others before it were dropped. Cancelled: nothing is taken."""
        await self.arrival()
        return self.pop()

    def pop(self) -> Frame:
        """As `take`, where there is a frame."""
        frame = self._frames.popleft()
        if self._backlog:
            self._backlog -= bool(frame.flags & Flag.BACKLOG)
        dropped, self.dropped = self.dropped, 0
        self.missed += dropped
        return frame._replace(flags=frame.flags | Flag.DISCONTINUITY) if dropped else frame
