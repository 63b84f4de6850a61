"""Takes stills: single JPEG pictures of cameras. One per camera and quality in `period` seconds serves all viewers.

A still needs no slot (the right to one of a limited number of streams). Its cost is limited otherwise: one new still
per camera and quality at a time, `GRABS` cameras that are opened at once by a worker, `PER_USER` of them for one user,
and a pause after a failure. `viewing/still_limits.py` limits requests and bytes. Workers that share cameras also share
stills in Redis. Otherwise each worker has its own.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

from cameras.sources import CameraSource
from streaming.errors import CameraUnreachableError, GateUnavailableError, UnavailableError
from streaming.ingest.active_camera import FRESH, Feed
from streaming.ingest.condition import FAILED_OPENINGS
from streaming.ingest.frames import Frame
from streaming.ingest.hub import Hub
from streaming.ingest.streams import SUB, Streams, Target
from streaming.store.connection import Word
from streaming.store.keys import name_of
from streaming.store.scripts import ThreadStore

RETRY = 5.0  # seconds before a camera or a Redis that has failed is asked again
GRABS = 12  # cameras that are opened at once for stills
PER_USER = 8  # of them, for one user
FAILED_BEFORE = 2  # of them, cameras that failed at the last attempt
QUICK = 1.0  # seconds after which a silent camera leaves its place to others
MAX_SILENT = 4  # cameras without a place that may stay silent until the timeout; more of them fail at once
MAX_SHARED_BYTES = 1_000_000  # of a still that is shared with other workers

Key = tuple[str, CameraSource, str]  # camera id, source, quality
Tasks = dict[Any, "asyncio.Task[Still]"]


@dataclass(frozen=True)
class Still:
    data: bytes  # JPEG
    read_at: float  # Unix milliseconds
    until: float  # time.monotonic() until which it serves all viewers


class Stills:
    """Takes stills: single JPEG pictures of cameras. Each serves all viewers of a camera and quality for a while."""

    def __init__(self, hub: Hub, timeout: float, period: float = 2.0, shared: ThreadStore | None = None) -> None:
        """`timeout`: seconds for a place among `GRABS`, and as many for the first frame after that. `period`: seconds
        for which a still serves. `shared`: the Redis in which workers share their stills; None: they do not.
        """
        self._hub, self._timeout, self._period, self._shared = hub, timeout, period, shared
        self._stills: dict[Key, Still] = {}
        self._failures: dict[Key, tuple[float, CameraUnreachableError]] = {}  # time.monotonic() and error
        self._grabs: Tasks = {}  # Key -> task that gets a new still
        self._turns: Tasks = {}  # Key and user -> task that waits for a place first
        self._room = Room()
        self._failed: set[str] = set()  # cameras that failed at the last attempt
        self._failed_places = asyncio.Semaphore(FAILED_BEFORE)
        self._silent = 0  # silent cameras without a place
        self._retry_redis_at = 0.0  # time.monotonic()

    async def take_of(self, streams: Streams, quality: str, user: str) -> Still:
        """Returns the current still of a camera, or a new one. Takes it from the stream that serves `quality`.

        `quality`: a key of QUALITIES, or "sub". `user`: the id of the user who asks. If the substream cannot be opened,
        or proves too small for `quality`, takes a still of the main stream, where "sub" means "low". Raises
        CameraUnreachableError if the camera cannot be opened, sends no frame within the timeout, or failed in the last
        RETRY seconds. Raises UnavailableError if too many other cameras are being opened for stills.
        """
        target = _target(self._hub, streams, quality)
        if target.is_sub:
            with contextlib.suppress(CameraUnreachableError):
                still = await self.take(target.id, target.source, target.quality, user)
                if self._hub.known.target(streams, quality).is_sub:
                    return still
            target = _target(self._hub, replace(streams, sub=None), quality)
        return await self.take(target.id, target.source, target.quality, user)

    async def take(self, stream: str, source: CameraSource, quality: str, user: str) -> Still:
        """Returns the current still of one stream of a camera, or a new one.

        `stream`: its id (main stream or substream). `quality`: a key of QUALITIES. `user`: the id of the user who asks.
        Raises CameraUnreachableError if the camera cannot be opened, no frame comes within the timeout, or an attempt
        failed in the last RETRY seconds. Raises UnavailableError if too many other cameras are being opened for stills.
        """
        key = stream, source, quality
        if (still := self._known(key)) is not None:
            return still
        if key in self._grabs or self._hub.newest(stream) is not None:
            task = self._grab(key)
        else:
            task = _one(self._turns, (key, user), lambda: self._in_turn(key, user))
        return await asyncio.shield(task)  # other viewers wait for it too

    def _known(self, key: Key) -> Still | None:
        """Returns the current still of a camera and quality, or None if there is none.

        Raises CameraUnreachableError if an attempt to take one failed in the last RETRY seconds.
        """
        now = time.monotonic()
        self._stills = {one: still for one, still in self._stills.items() if still.until > now}
        self._failures = {one: failure for one, failure in self._failures.items() if failure[0] > now - RETRY}
        if key not in self._stills and key in self._failures:
            raise self._failures[key][1]
        return self._stills.get(key)

    async def _in_turn(self, key: Key, user: str) -> Still:
        """Take a still as soon as few enough cameras are being opened for stills, in all and for `user` (an id).

        A camera that sends nothing counts for `QUICK` seconds only. Of cameras that failed last time, `FAILED_BEFORE`
        may be opened at once; the wait for that has no timeout. Raises UnavailableError if too many cameras are being
        opened until the timeout, and CameraUnreachableError as `take` does.
        """
        failed_place = self._failed_places if key[0] in self._failed else contextlib.nullcontext()
        async with failed_place, self._room.place(user, self._timeout):
            if (still := self._known(key)) is not None:
                return still
            grab = self._grab(key)
            await asyncio.wait([grab], timeout=QUICK)
            if self._sends(key):  # it keeps its place until the still is taken
                await asyncio.wait([grab])
        return await grab

    def _sends(self, key: Key) -> bool:
        """Returns whether this worker gets pictures of the camera. To decode one, it may still need a keyframe."""
        return self._hub.newest(key[0]) is not None

    def _grab(self, key: Key) -> "asyncio.Task[Still]":
        return _one(self._grabs, key, lambda: self._renew(key))

    async def _renew(self, key: Key) -> Still:
        """Get a new still and keep it for all viewers: one that another worker shares in Redis, else its own.

        Raises CameraUnreachableError as `_frame` does.
        """
        still = await self._share(key)
        if still is None:
            frame = await self._frame(key)
            own = Still(frame.data, frame.read_at, time.monotonic() + self._period)
            still = await self._share(key, own) or own
        self._stills[key] = still
        return still

    async def _frame(self, key: Key) -> Frame:
        """Returns a JPEG frame of the camera: one that was read in the last `FRESH` seconds, else the next one.

        Opens the camera if it is not open. Raises CameraUnreachableError if that fails, or no frame comes in time.
        """
        camera, source, quality = key
        newest = (self._hub.newest(camera) or {}).get(quality)
        if newest is not None and newest.read_at >= (time.time() - FRESH) * 1000:
            return newest
        try:
            async with asyncio.timeout(self._timeout), self._hub.feed(camera, source, quality) as feed:
                frame = await self._wait_for_frame(key, feed)
                self._failed.discard(camera)
                return frame
        except (TimeoutError, CameraUnreachableError) as error:
            failure = error if isinstance(error, CameraUnreachableError) else CameraUnreachableError()
            self._failures[key] = time.monotonic(), failure
            self._hub.known.fail(camera, source)
            self._failed.add(camera)
            raise failure from error

    async def _wait_for_frame(self, key: Key, feed: Feed) -> Frame:
        """Returns the first frame of `feed`. Raises CameraUnreachableError if the camera cannot be opened.

        Raises it also if nothing comes for `QUICK` seconds while `MAX_SILENT` other cameras send nothing either.
        Otherwise waits without a limit: the caller sets a timeout.
        """
        frame = asyncio.ensure_future(_first_frame(feed))
        try:
            await asyncio.wait([frame], timeout=QUICK)
            if frame.done() or self._sends(key):
                return await frame
            if self._silent >= MAX_SILENT:
                raise CameraUnreachableError
            self._silent += 1
            try:
                return await frame
            finally:
                self._silent -= 1
        finally:
            frame.cancel()

    async def _share(self, key: Key, offered: Still | None = None) -> Still | None:
        """Returns the still that the workers share in Redis. If there is none, `offered` becomes that still.

        Returns None if there is none and nothing is offered, if Redis fails or is not used, or if `offered`
        is larger than MAX_SHARED_BYTES.
        """
        if self._shared is None or time.monotonic() < self._retry_redis_at:
            return None
        if offered and len(offered.data) > MAX_SHARED_BYTES:
            return None
        camera, source, quality = key
        words: list[Word] = [round(self._period * 1000), str(offered.read_at), offered.data] if offered else []
        try:
            found = await asyncio.to_thread(
                self._shared.run, "ingest/still", [f"{name_of(camera, source)}:still:{quality}"], words
            )
        except GateUnavailableError:
            self._retry_redis_at = time.monotonic() + RETRY
            return None
        return Still(found[2], float(found[1]), time.monotonic() + found[0] / 1000) if found else None


def _target(hub: Hub, streams: Streams, quality: str) -> Target:
    """Returns the stream to take a still from. If the substream serves `quality` but only the main stream is open in
    this worker, it is the main one: that saves another connection to the camera.

    The quality "sub" is always taken from the substream, if there is one that can be opened.
    """
    target = hub.known.target(streams, quality)
    if not target.is_sub or quality == SUB or hub.is_open(target.id) or not hub.is_open(streams.camera):
        return target
    return Target(streams.camera, streams.main, quality, quality)


class Room:
    """Limits how many cameras are opened for stills at once: `GRABS` by a worker, `PER_USER` of them for one user."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(GRABS)
        self._each: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def place(self, user: str, timeout: float) -> AsyncIterator[None]:
        """Wait until one more camera may be opened for `user` (an id), and count it while the block lasts.

        Raises UnavailableError if it may not within `timeout` seconds.
        """
        each = self._each.setdefault(user, asyncio.Semaphore(PER_USER))
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(timeout):
                    await stack.enter_async_context(each)
                    await stack.enter_async_context(self._all)
            except TimeoutError as error:
                message = "Too many cameras are being opened for stills. Please try again."
                raise UnavailableError(message, retry_after=2) from error
            yield


def _one(tasks: Tasks, key: object, job: Callable[[], Coroutine[Any, Any, Still]]) -> "asyncio.Task[Still]":
    """Returns the task in `tasks` that runs under `key`. If there is none, starts `job` as that task."""

    def ended(task: "asyncio.Task[Still]") -> None:
        del tasks[key]
        if not task.cancelled():
            task.exception()  # otherwise asyncio logs it if nobody waits any more

    if key not in tasks:
        tasks[key] = asyncio.create_task(job(), name="still")
        tasks[key].add_done_callback(ended)
    return tasks[key]


async def _first_frame(feed: Feed) -> Frame:
    """Returns the first frame in the feed's own quality. Skips one of another quality, which a new feed may get first.

    Raises CameraUnreachableError if the camera could not be opened FAILED_OPENINGS times in a row.
    """
    changed = asyncio.ensure_future(feed.changed())
    taken = asyncio.ensure_future(feed.mailbox.take())
    try:
        while True:
            if feed.condition.failures >= FAILED_OPENINGS:
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
