"""Still pictures: one new one of each camera and quality in `period` seconds serves everybody, whoever watches.

A still takes no slot. What it may cost is bounded: one grab per camera at a time, `GRABS` openings in a worker of which a
user has `PER_USER` at most, and a camera that failed is left alone for a moment. What is sent: `still_limits.py`.
The workers show each other their stills through Redis, where they share cameras; else each has its own.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from cameras.sources import CameraSource
from streaming.errors import CameraUnreachableError, GateUnavailableError, UnavailableError
from streaming.ingest.frames import Frame
from streaming.ingest.hub import FAILED_OPENINGS, FRESH, Feed, Hub
from streaming.store.connection import Word
from streaming.store.keys import name_of
from streaming.store.scripts import ThreadStore

LEFT_ALONE = 5.0  # seconds a failure, of a camera or of Redis, serves everybody
GRABS = 12  # cameras opened at once for stills
PER_USER = 8  # of them for one user
DOUBTFUL = 2  # of them that failed the last time
QUICK = 1.0  # seconds in which a camera answers: one that stays silent for longer leaves its place to others
SILENT = 4  # cameras that are waited for without a place; more of them fail at once
LARGEST = 1_000_000  # bytes of a still that is shown to other workers

Key = tuple[str, CameraSource, str]  # camera id, source, quality
Tasks = dict[Any, "asyncio.Task[Still]"]


@dataclass(frozen=True)
class Still:
    data: bytes  # JPEG
    read_at: float  # Unix milliseconds
    until: float  # time.monotonic() up to which it serves everybody


class Snapshots:
    """`period`: seconds that a still serves everybody; `shared`: where the other workers' are, None: nowhere."""

    def __init__(self, hub: Hub, patience: float, period: float = 2.0, shared: ThreadStore | None = None) -> None:
        self._hub, self._patience, self._period, self._shared = hub, patience, period, shared
        self._stills: dict[Key, Still] = {}
        self._failures: dict[Key, tuple[float, CameraUnreachableError]] = {}
        self._grabs: Tasks = {}  # by Key
        self._turns: Tasks = {}  # by Key and user
        self._room = Room()
        self._failed: set[str] = set()  # cameras that gave no picture the last time
        self._doubtful = asyncio.Semaphore(DOUBTFUL)
        self._silent = 0  # cameras that are waited for without a place
        self._ask_again = 0.0  # time.monotonic() from which Redis is asked

    async def take(self, camera: str, source: CameraSource, quality: str, user: str) -> Still:
        """Raises CameraUnreachableError when no picture comes within the first-frame time-out, and UnavailableError
        when the user's turn does not."""
        key = camera, source, quality
        if (still := self._known(key)) is not None:
            return still
        if key in self._grabs or self._hub.newest(camera) is not None:
            task = self._grab(key)
        else:
            task = _one(self._turns, (key, user), lambda: self._in_turn(key, user))
        return await asyncio.shield(task)  # a viewer who leaves does not take the others' picture away

    def _known(self, key: Key) -> Still | None:
        """The still that serves now, if there is one. Raises the failure that does."""
        now = time.monotonic()
        self._stills = {one: still for one, still in self._stills.items() if still.until > now}
        self._failures = {one: failure for one, failure in self._failures.items() if failure[0] > now - LEFT_ALONE}
        if key not in self._stills and key in self._failures:
            raise self._failures[key][1]
        return self._stills.get(key)

    async def _in_turn(self, key: Key, user: str) -> Still:
        doubtful = self._doubtful if key[0] in self._failed else contextlib.nullcontext()
        async with doubtful, self._room.place(user, self._patience):
            if (still := self._known(key)) is not None:
                return still
            grab = self._grab(key)
            await asyncio.wait([grab], timeout=QUICK)
            if self._sends(key):
                return await grab
        return await grab

    def _sends(self, key: Key) -> bool:
        """Whether the camera sends, though a picture to start from may be seconds away."""
        return self._hub.newest(key[0]) is not None

    def _grab(self, key: Key) -> "asyncio.Task[Still]":
        return _one(self._grabs, key, lambda: self._renew(key))

    async def _renew(self, key: Key) -> Still:
        """The still that serves from now on: another worker's, else a new one."""
        still = await self._shown(key)
        if still is None:
            frame = await self._frame(key)
            own = Still(frame.data, frame.read_at, time.monotonic() + self._period)
            still = await self._shown(key, own) or own
        self._stills[key] = still
        return still

    async def _frame(self, key: Key) -> Frame:
        camera, source, quality = key
        newest = (self._hub.newest(camera) or {}).get(quality)
        if newest is not None and newest.read_at >= (time.time() - FRESH) * 1000:
            return newest
        try:
            async with asyncio.timeout(self._patience), self._hub.feed(camera, source, quality) as feed:
                frame = await self._patiently(key, feed)
                self._failed.discard(camera)
                return frame
        except (TimeoutError, CameraUnreachableError) as error:
            failure = error if isinstance(error, CameraUnreachableError) else CameraUnreachableError()
            self._failures[key] = time.monotonic(), failure
            self._failed.add(camera)
            raise failure from error

    async def _patiently(self, key: Key, feed: Feed) -> Frame:
        """The first frame; a camera that stays silent is waited for only while few others are."""
        frame = asyncio.ensure_future(_first_frame(feed))
        try:
            await asyncio.wait([frame], timeout=QUICK)
            if frame.done() or self._sends(key):
                return await frame
            if self._silent >= SILENT:
                raise CameraUnreachableError
            self._silent += 1
            try:
                return await frame
            finally:
                self._silent -= 1
        finally:
            frame.cancel()

    async def _shown(self, key: Key, offered: Still | None = None) -> Still | None:
        """The still that serves all workers, which is the first that was offered; None where there is none."""
        if self._shared is None or time.monotonic() < self._ask_again or (offered and len(offered.data) > LARGEST):
            return None
        camera, source, quality = key
        words: list[Word] = [round(self._period * 1000), str(offered.read_at), offered.data] if offered else []
        try:
            found = await asyncio.to_thread(
                self._shared.run, "ingest/still", [f"{name_of(camera, source)}:still:{quality}"], words
            )
        except GateUnavailableError:
            self._ask_again = time.monotonic() + LEFT_ALONE
            return None
        return Still(found[2], float(found[1]), time.monotonic() + found[0] / 1000) if found else None


class Room:
    """Who may open a camera for a still: `GRABS` at once, `PER_USER` of them for one user."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(GRABS)
        self._each: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def place(self, user: str, patience: float) -> AsyncIterator[None]:
        """Hold a place while the block lasts. Raises UnavailableError when none gets free in `patience` seconds."""
        each = self._each.setdefault(user, asyncio.Semaphore(PER_USER))
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(patience):
                    await stack.enter_async_context(each)
                    await stack.enter_async_context(self._all)
            except TimeoutError as error:
                message = "Too many cameras are being opened for stills. Please try again."
                raise UnavailableError(message, retry_after=2) from error
            yield


def _one(tasks: Tasks, key: object, job: Callable[[], Coroutine[Any, Any, Still]]) -> "asyncio.Task[Still]":
    """The task that runs under `key`; it is started where there is none."""

    def ended(task: "asyncio.Task[Still]") -> None:
        del tasks[key]
        if not task.cancelled():
            task.exception()  # where nobody waits any more, nobody is to be told

    if key not in tasks:
        tasks[key] = asyncio.create_task(job(), name="still")
        tasks[key].add_done_callback(ended)
    return tasks[key]


async def _first_frame(feed: Feed) -> Frame:
    """The first frame of the feed's own quality; raises CameraUnreachableError once openings have failed."""
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
