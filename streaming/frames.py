"""A picture on its way to viewers, and the mailbox of one viewer."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded picture of a camera, shared by all viewers of its quality."""

    quality: str
    data: bytes  # JPEG
    width: int  # pixels
    height: int
    read_at: float  # worker's wall clock when the camera's frame was read, Unix milliseconds
    presented_at: float  # the camera's presentation time, microseconds
    epoch: int  # +1 at each reopening of the camera, 0 to 255


class Mailbox:
    """Holds the newest frame only: a viewer that is slow misses pictures, and nobody waits for it."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._arrived = asyncio.Event()
        self.dropped = 0  # frames replaced unread since the last take

    def put(self, frame: Frame) -> None:
        if self._frame is not None:
            self.dropped += 1
        self._frame = frame
        self._arrived.set()

    def clear(self) -> None:
        self._frame = None
        self._arrived.clear()

    async def take(self) -> tuple[Frame, bool]:
        """Wait for a frame; returns it, and whether frames before it were dropped. Cancelled: nothing is taken."""
        while (frame := self._frame) is None:
            await self._arrived.wait()  # and look again: a switch of quality may clear it before this task's turn
        dropped, self.dropped = self.dropped > 0, 0
        self.clear()
        return frame, dropped
