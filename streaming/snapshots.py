"""Still pictures: the running feed's newest frame, else one grab, shared by all who ask within 2 s.

A still takes no slot. What it may cost is bounded: one grab per camera at a time, `GRABS` in a worker, and a
camera that failed is left alone for a moment.
"""

import asyncio
import time

from cameras.sources import CameraSource
from streaming.errors import CameraUnreachableError
from streaming.frames import Frame
from streaming.hub import REFUSALS, Feed, Hub

KEPT = 2.0  # seconds a picture serves everybody
LEFT_ALONE = 5.0  # seconds a failure serves everybody
GRABS = 4  # cameras opened at once for stills

Key = tuple[str, str]  # camera id, quality


class Snapshots:
    def __init__(self, hub: Hub, patience: float) -> None:
        self._hub, self._patience = hub, patience
        self._pictures: dict[Key, Frame] = {}
        self._failures: dict[Key, tuple[float, CameraUnreachableError]] = {}
        self._grabs: dict[Key, asyncio.Task[Frame]] = {}
        self._room = asyncio.Semaphore(GRABS)

    async def take(self, camera: str, source: CameraSource, quality: str) -> Frame:
        """Raises CameraUnreachableError when no picture comes within the first-frame time-out."""
        key = camera, quality
        self._forget_old()
        frame = self._hub.newest(camera, quality) or self._pictures.get(key)
        if frame is not None and _is_fresh(frame):
            return frame
        if key in self._failures:
            raise self._failures[key][1]
        if key not in self._grabs:
            self._grabs[key] = asyncio.create_task(self._grab(key, source), name=f"snapshot {camera}")
            self._grabs[key].add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(self._grabs[key])  # who leaves does not take the others' picture away

    async def _grab(self, key: Key, source: CameraSource) -> Frame:
        camera, quality = key
        try:
            async with asyncio.timeout(self._patience), self._room, self._hub.feed(camera, source, quality) as feed:
                return await _first_frame(feed)
        except TimeoutError as error:
            raise CameraUnreachableError from error

    def _keep(self, key: Key, grab: "asyncio.Task[Frame]") -> None:
        del self._grabs[key]
        if grab.cancelled():
            return
        if (error := grab.exception()) is None:
            self._pictures[key] = grab.result()
        elif isinstance(error, CameraUnreachableError):
            self._failures[key] = time.monotonic(), error

    def _forget_old(self) -> None:
        self._pictures = {key: frame for key, frame in self._pictures.items() if _is_fresh(frame)}
        oldest = time.monotonic() - LEFT_ALONE
        self._failures = {key: failure for key, failure in self._failures.items() if failure[0] > oldest}


def _is_fresh(frame: Frame) -> bool:
    return frame.read_at >= (time.time() - KEPT) * 1000


async def _first_frame(feed: Feed) -> Frame:
    """The first frame of the feed's own quality; raises CameraUnreachableError once openings have failed."""
    changed = asyncio.ensure_future(feed.changed())
    taken = asyncio.ensure_future(feed.mailbox.take())
    try:
        while True:
            if feed.condition.failures >= REFUSALS:
                raise CameraUnreachableError(feed.condition.cause)
            await asyncio.wait([changed, taken], return_when=asyncio.FIRST_COMPLETED)
            if changed.done():
                changed = asyncio.ensure_future(feed.changed())
            if taken.done() and taken.result().quality == feed.quality:
                return taken.result()
            if taken.done():
                taken = asyncio.ensure_future(feed.mailbox.take())
    finally:
        changed.cancel()
        taken.cancel()
