"""Helpers for the frames of a feed."""

import asyncio
import contextlib

from streaming.ingest.active_camera import Feed
from streaming.ingest.frames import Format, Frame
from tests.servers import PATIENCE

BOTH = frozenset({Format.JPEG, Format.H264})


async def take(feed: Feed, count: int, seconds: float = PATIENCE) -> list[Frame]:
    async with asyncio.timeout(seconds):
        return [await feed.mailbox.take() for _ in range(count)]


async def waiting(feed: Feed) -> list[Frame]:
    """Takes all frames that wait."""
    frames: list[Frame] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            while True:
                frames.append(await feed.mailbox.take())
    return frames


async def of_format(feed: Feed, format: Format, seconds: float = PATIENCE) -> Frame:
    """Returns the next frame of this format, and drops others before it."""
    async with asyncio.timeout(seconds):
        while (frame := await feed.mailbox.take()).format is not format:
            pass
        return frame
