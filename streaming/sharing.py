"""One connection per camera in the whole cluster: the workers elect a reader of each camera, the others follow it.

The reader of a camera holds a short lease in Redis. While somebody follows, it publishes the camera's access units in a
Redis stream, which is trimmed at each key picture: who comes later reads the running group of pictures from its beginning.
Redis is a convenience here and no condition: while it does not answer, each worker reads the camera itself.
"""

import itertools
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass

from django.utils.crypto import salted_hmac

from cameras.sources import CameraSource
from streaming.access_units import AccessUnit
from streaming.errors import GateUnavailableError
from streaming.keys import PREFIX
from streaming.store import ThreadStore

logger = logging.getLogger(__name__)

LEASE_MS = 1000  # a dead reader's camera is free after this
BEAT = 0.25  # seconds between two renewals of what this worker reads and follows
FOLLOWED_MS = 3000  # a reader publishes for so long after a follower's last word
PATIENCE = 1.0  # seconds without an answer of Redis after which a worker reads for itself
MOST_WAITING = 500  # entries on their way to Redis, above which they are left out

Fields = dict[bytes, bytes]


@dataclass(frozen=True)
class Opening:
    """One opening of a camera by its reader."""

    id: bytes
    codec: str  # FFmpeg's name
    extradata: bytes


@dataclass(frozen=True)
class Arrival:
    """Pictures of one opening; the first ones of it begin with a key where the camera sends any."""

    opening: Opening
    units: list[AccessUnit]


@dataclass(frozen=True)
class Loss:
    """The reader could not open the camera, or lost it."""

    failures: int
    cause: str


class Line:
    """A camera's line to the other workers. This one leads nowhere: the worker reads for itself."""

    reads = True  # this worker is to read the camera
    followed = False  # others wait for what it reads

    def opened(self, codec: str, extradata: bytes) -> None:
        """As the reader: begin a new opening."""

    def publish(self, unit: AccessUnit, group: list[AccessUnit]) -> None:
        """As the reader: hand on a picture. `group` is it and those before it since the last key, or nothing."""

    def publish_loss(self, failures: int, cause: str) -> None:
        """As the reader: tell that the camera cannot be had."""

    def follow(self) -> Iterator[Arrival | Loss | None]:
        """As a follower: what the reader says; None while it says nothing. Ends when this worker is to read."""
        yield from ()


Join = Callable[[CameraSource], AbstractContextManager[Line]]


def alone(source: CameraSource) -> AbstractContextManager[Line]:
    """Nobody to share with."""
    return nullcontext(Line())


class Sharing:
    """This worker's share in the reading of cameras. Called from the captures' threads; has two threads of its own."""

    def __init__(self, url: str, worker: str) -> None:
        self.worker, self.store = worker, ThreadStore(url)
        self.outbox: queue.SimpleQueue[tuple[SharedLine, str, Fields] | None] = queue.SimpleQueue()
        self._lines: set[SharedLine] = set()
        self._lock = threading.Lock()  # a line that leaves must not be made the reader behind its back
        self._has_lines = threading.Event()
        self._closed = False
        self._threads: list[threading.Thread] = []

    @contextmanager
    def line(self, camera: str, source: CameraSource) -> Iterator[Line]:
        """Take part in the reading of a camera while the block lasts."""
        line = SharedLine(self, camera, source)
        with self._lock:
            self.contend([line])
            self._lines.add(line)
            self._has_lines.set()
            self._start()
        try:
            yield line
        finally:
            with self._lock:
                self._lines.discard(line)
                if not self._lines:
                    self._has_lines.clear()
                line.abdicate()

    def _start(self) -> None:
        if not self._threads:
            for job in (self._beat_forever, self._send_forever):
                self._threads.append(threading.Thread(target=job, name=job.__name__.strip("_"), daemon=True))
                self._threads[-1].start()

    def close(self) -> None:
        """Blocks for a beat."""
        self._closed = True
        self._has_lines.set()
        self.outbox.put(None)
        for thread in self._threads:
            thread.join(1)
        self.store.close()

    def contend(self, lines: "list[SharedLine]") -> None:
        """Become the reader of those that nobody reads, stay it, or go on following."""
        keys = [key for line in lines for key in line.keys]
        try:
            answer = self.store.run("contend", keys, [self.worker, LEASE_MS, FOLLOWED_MS])
        except GateUnavailableError:
            for line in lines:
                line.unanswered()
        else:
            for line, reads, followed in zip(lines, answer[::2], answer[1::2], strict=True):
                line.answered(bool(reads), bool(followed))

    def _beat_forever(self) -> None:
        while self._has_lines.wait() and not self._closed:
            try:
                with self._lock:
                    read = [line for line in self._lines if line.reads]
                self._listen(read)
                with self._lock:
                    self.contend(list(self._lines))
            except Exception:
                logger.exception("The election of cameras' readers failed; it tries again")
                time.sleep(BEAT)

    def _listen(self, read: "list[SharedLine]") -> None:
        """Wait for the next beat, or for somebody who begins to follow a camera that this worker reads."""
        try:
            if read:
                self.store.pop([line.knocks for line in read], BEAT)
                return
        except GateUnavailableError:
            pass
        time.sleep(BEAT)

    def _send_forever(self) -> None:
        while (entry := self.outbox.get()) is not None:
            line, keep, fields = entry
            words = [word for pair in fields.items() for word in pair]
            try:
                (mine,) = self.store.run(
                    "publish", [line.reader, line.units], [self.worker, LEASE_MS, FOLLOWED_MS, keep, *words]
                )
                line.sent(bool(mine))
            except GateUnavailableError:
                line.interrupt()
            except Exception:
                logger.exception("Handing on a camera's picture failed")
                line.interrupt()


class SharedLine(Line):
    """A camera's line to the workers that share it."""

    def __init__(self, sharing: Sharing, camera: str, source: CameraSource) -> None:
        # By address and not by camera alone: who has heard of a new address must not get pictures of the old one.
        secret = "\n".join((source.url, source.username, source.password))
        name = f"{PREFIX}camera:{camera}:{salted_hmac('streaming.sharing', secret).hexdigest()[:16]}"
        self.reader, self._follows, self.units, self.knocks = (
            f"{name}:{part}" for part in ("reader", "follows", "units", "knocks")
        )
        self.keys = [self.reader, self._follows, self.units, self.knocks]
        self._sharing = sharing
        self.reads = False
        self._answered_at = time.monotonic()
        self._opening = Opening(b"", "", b"")
        self._number = 0  # of the newest picture of this opening
        self._is_sending = False  # what is published goes on from what was published last

    # The election.

    def answered(self, reads: bool, followed: bool) -> None:
        self.reads, self.followed = reads, followed
        self._answered_at = time.monotonic()

    def unanswered(self) -> None:
        if time.monotonic() - self._answered_at > PATIENCE:
            self.reads, self.followed = True, False

    def abdicate(self) -> None:
        if self.reads:
            with suppress(GateUnavailableError):  # then the lease ends by itself
                self._sharing.store.run("abdicate", [self.reader, self.units], [self._sharing.worker, FOLLOWED_MS])

    # The reader's side.

    def opened(self, codec: str, extradata: bytes) -> None:
        self._opening = Opening(secrets.token_bytes(6), codec, extradata)
        self._number, self._is_sending = 0, False

    def publish(self, unit: AccessUnit, group: list[AccessUnit]) -> None:
        self._number += 1
        if not self.followed or self._sharing.outbox.qsize() > MOST_WAITING:
            self._is_sending = False
            return
        units = [unit] if self._is_sending else group or [unit]
        self._is_sending = True
        for number, each in enumerate(units, start=self._number - len(units) + 1):
            keep = "from here" if each.key else "all" if group else "few"
            self._put(keep, _fields(self._opening, number, each, bool(group)))

    def publish_loss(self, failures: int, cause: str) -> None:
        if self.reads and self.followed:
            self._put("from here", {b"failures": b"%d" % failures, b"cause": cause.encode()})

    def _put(self, keep: str, fields: Fields) -> None:
        self._sharing.outbox.put((self, keep, fields))

    def sent(self, mine: bool) -> None:
        if not mine:
            self.reads = False

    def interrupt(self) -> None:
        """An entry was lost: the next one begins with the group's key."""
        self._is_sending = False

    # The follower's side.

    def follow(self) -> Iterator[Arrival | Loss | None]:
        after, opening, number = b"0", None, 0
        while not self.reads:
            entries = self._look(after)
            after = entries[-1][0] if entries else after
            for id, group in itertools.groupby(
                (fields for _, fields in entries), key=lambda fields: fields.get(b"opening")
            ):
                said = list(group)
                if id is None:
                    opening = None
                    yield self._heard(said[-1])
                    continue
                if opening is None or opening.id != id:
                    opening, number = _opening(said[0]), 0
                sound, number = _sound(said, number)
                if sound:
                    yield Arrival(opening, [_unit(fields) for fields in sound])
            if not entries:
                yield None

    def _heard(self, word: Fields) -> Loss | None:
        if b"gone" in word:
            self._sharing.contend([self])
            return None
        return Loss(int(word[b"failures"]), word[b"cause"].decode())

    def _look(self, after: bytes) -> list[tuple[bytes, Fields]]:
        try:
            return self._sharing.store.read(self.units, after, BEAT)
        except GateUnavailableError:
            time.sleep(BEAT)
            return []


def _sound(entries: list[Fields], number: int) -> tuple[list[Fields], int]:
    """Those that come after picture `number`, without what lacks its predecessors; and the number of the last one."""
    sound = []
    for fields in entries:
        its = int(fields[b"number"])
        may_begin = fields[b"key"] == b"1" or fields[b"group"] == b"0"  # without a group there is no better place
        if its == number + 1 or (its > number and may_begin):
            number = its
            sound.append(fields)
    return sound, number


def _fields(opening: Opening, number: int, unit: AccessUnit, in_group: bool) -> Fields:
    fields = {
        b"opening": opening.id,
        b"codec": opening.codec.encode(),
        b"extradata": opening.extradata,
        b"number": b"%d" % number,
        b"group": b"%d" % in_group,
        b"key": b"%d" % unit.key,
        b"presented_at": repr(unit.presented_at).encode(),
        b"read_at": repr(unit.read_at).encode(),
        b"data": unit.data,
    }
    if unit.codec:
        fields |= {b"name": unit.codec.encode(), b"parameters": unit.parameters}
    return fields


def _opening(fields: Fields) -> Opening:
    return Opening(fields[b"opening"], fields[b"codec"].decode(), fields[b"extradata"])


def _unit(fields: Fields) -> AccessUnit:
    return AccessUnit(
        fields[b"data"],
        fields[b"key"] == b"1",
        float(fields[b"presented_at"]),
        fields.get(b"name", b"").decode(),
        fields.get(b"parameters", b""),
        float(fields[b"read_at"]),
    )
