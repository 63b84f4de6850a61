"""Gets the pictures of all cameras that this worker follows.

Other workers read these cameras and publish the pictures in Redis. Each capture's thread reads the first entries of
its stream. One more thread reads all further entries, with one call of Redis that waits for all cameras at once.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue

from streaming.errors import GateUnavailableError
from streaming.ingest.shared_stream import Fields
from streaming.store.connection import StreamEntry
from streaming.store.keys import FOLLOWER
from streaming.store.scripts import ThreadStore

logger = logging.getLogger(__name__)

LONGEST_WAIT = 0.25  # seconds for which one call of Redis waits for pictures
WAKEUP_MS = 2000  # how long a wakeup stays in Redis
MOST_UNTAKEN = 8_000_000  # bytes of one camera here; beyond that its pictures stay in Redis, which trims them


class FollowedStream:
    """A camera's Redis stream, and its entries (pictures and notices) that were read but not taken. `key`: in Redis.

    One thread may call `take` while another one calls the other methods.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.after = b"0"  # id of the newest entry read
        # Not a condition: its lock would make the reading thread and the capture's wait for each other at each picture.
        self._untaken: SimpleQueue[tuple[list[Fields], int]] = SimpleQueue()  # entries, and their bytes
        self._bytes_put = self._bytes_taken = 0  # each changed by one thread

    @property
    def is_full(self) -> bool:
        return self._bytes_put - self._bytes_taken > MOST_UNTAKEN

    def put(self, entries: list[StreamEntry]) -> None:
        self.after = entries[-1][0]
        size = sum(len(value) for _, fields in entries for value in fields.values())
        self._bytes_put += size
        self._untaken.put(([fields for _, fields in entries], size))

    def take(self, wait: float) -> list[Fields]:
        """Returns the entries that have come since the last call. Waits for the first, for `wait` seconds at most.

        Entries before the newest keyframe or notice (the camera is lost, or its reader has resigned) are left out, so
        that a slow caller keeps up. Empty if none came, such as while Redis fails.
        """
        taken: list[Fields] = []
        with suppress(Empty):
            entries, size = self._untaken.get(timeout=wait)
            while True:
                taken += entries
                self._bytes_taken += size
                entries, size = self._untaken.get_nowait()
        newest = [number for number, fields in enumerate(taken) if fields.get(b"key") != b"0"]
        return taken[newest[-1] if newest else 0 :]


class FollowedStreams:
    """Reads the Redis streams of the cameras that other workers read and this one follows. `worker`: this worker's id.

    One thread runs `read_forever` until `close`. The captures' threads call `stream`.
    """

    def __init__(self, store: ThreadStore, worker: str) -> None:
        self._store = store
        self._streams: list[FollowedStream] = []
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._wakeup_key, self._wakeup = FOLLOWER + worker, b"0"  # id of the newest wakeup

    @contextmanager
    def stream(self, key: str) -> Iterator[FollowedStream]:
        """Yields the Redis stream `key`, which is read while the block lasts, from its oldest entry on."""
        stream = FollowedStream(key)
        with suppress(GateUnavailableError):  # the present GOP, beside the other cameras' pictures: it may be large
            for entries in self._store.read({key: stream.after}).values():
                stream.put(entries)
        with self._changed:
            self._streams.append(stream)
            self._changed.notify()
        try:
            self._wake()
            yield stream
        finally:
            with self._changed:
                self._streams.remove(stream)

    def _wake(self) -> None:
        """End the reading thread's current call of Redis, so that the next one includes a new stream."""
        with suppress(GateUnavailableError):  # it ends by itself within LONGEST_WAIT
            self._store.call("XADD", self._wakeup_key, "MAXLEN", 1, "*", "wakeup", 1)
            self._store.call("PEXPIRE", self._wakeup_key, WAKEUP_MS)

    def read_forever(self) -> None:
        while not self._closed.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._streams or self._closed.is_set())
                # Of two with one key, the later: the other one is about to end.
                streams = {stream.key: stream for stream in self._streams if not stream.is_full}
            try:
                self._read(streams)
            except GateUnavailableError:  # the next election logs it
                self._closed.wait(LONGEST_WAIT)
            except Exception:
                logger.exception("Reading the shared pictures of cameras failed; it tries again")
                self._closed.wait(LONGEST_WAIT)

    def _read(self, streams: dict[str, FollowedStream]) -> None:
        after = {self._wakeup_key: self._wakeup} | {key: stream.after for key, stream in streams.items()}
        found = self._store.read(after, LONGEST_WAIT)
        for wakeup, _ in found.pop(self._wakeup_key, []):
            self._wakeup = wakeup
        for key, entries in found.items():
            streams[key].put(entries)

    def close(self) -> None:
        self._closed.set()
        with self._changed:
            self._changed.notify()
