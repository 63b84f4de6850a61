"""One connection per camera in the whole cluster: the workers elect a reader of each camera, the others follow it.

The reader of a camera holds a short lease in Redis. While somebody follows, it publishes the camera's access units in a
Redis stream, which is trimmed at each key picture: who comes later reads the running group of pictures from its beginning.
Redis is a convenience here and no condition: while it does not answer, each worker reads the camera itself.
"""

import itertools
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

from cameras.sources import CameraSource
from streaming.errors import GateUnavailableError
from streaming.ingest.access_units import AccessUnit
from streaming.ingest.outbox import Entry, Outbox
from streaming.ingest.shared_stream import (
    Arrival,
    Fields,
    Loss,
    Opening,
    drop_undecodable,
    fields_of,
    opening_of,
    unit_of,
)
from streaming.store.connection import Word
from streaming.store.keys import HELD, name_of
from streaming.store.scripts import Call, ThreadStore

logger = logging.getLogger(__name__)

READER_LEASE_MS = 1000  # a dead reader's camera is free after this
BEAT = 0.25  # seconds between two renewals of what this worker reads and follows
FOLLOWED_MS = 3000  # a reader publishes for so long after a follower's last word
TRIES = 2  # openings in a row that fail before a reader lets a follower try
STANDS_BACK = 3.0  # seconds for which it does not read then
PATIENCE = 1.0  # seconds without an answer of Redis after which a worker reads for itself
MOST_HELD = 24_000_000  # bytes of one camera in Redis: a group and one picture; the newest picture stays in any case
LARGEST = 64_000_000  # bytes of a picture that is handed on: as large as STREAM_MAX_PICTURE_MB may be
MOST_HELD_OF_ALL = 512_000_000  # bytes of all cameras in Redis; each gets an equal part


class Relay:
    """A camera's relay to the other workers. This one leads nowhere: the worker reads for itself."""

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


RelayFactory = Callable[[CameraSource], AbstractContextManager[Relay]]


def no_sharing(source: CameraSource) -> AbstractContextManager[Relay]:
    """Nobody to share with."""
    return nullcontext(Relay())


class Sharing:
    """This worker's share in the reading of cameras. Called from the captures' threads; has two threads of its own."""

    def __init__(self, url: str, worker: str) -> None:
        self.worker, self.store = worker, ThreadStore(url)
        self.outbox = Outbox[SharedRelay]()
        self._relays: set[SharedRelay] = set()
        self._lock = threading.Lock()  # of the relays; never held over a call of Redis
        self._turns = itertools.count(1)
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._complaint = ""  # why pictures cannot be shared, as it was logged

    @contextmanager
    def relay(self, camera: str, source: CameraSource) -> Iterator[Relay]:
        """Take part in the reading of a camera while the block lasts."""
        relay = SharedRelay(self, camera, source)
        self.elect_readers([relay])
        with self._lock:
            self._relays.add(relay)
            self._start()
        try:
            yield relay
        finally:
            with self._lock:
                self._relays.discard(relay)
            relay.leave()

    def _start(self) -> None:
        if not self._threads:
            for job in (self._beat_forever, self._send_forever):
                self._threads.append(threading.Thread(target=job, name=job.__name__.strip("_"), daemon=True))
                self._threads[-1].start()

    def close(self) -> None:
        """Blocks for a second at most."""
        self._closed.set()
        self.outbox.close()
        deadline = time.monotonic() + 1
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        self.store.close()

    def elect_readers(self, relays: "list[SharedRelay]") -> None:
        """Become the reader of those that nobody reads, stay it, or go on following."""
        turn, now = next(self._turns), time.monotonic()
        keys = [key for relay in relays for key in relay.keys]
        stands = [int(relay.stands_back_until <= now) for relay in relays]
        try:
            answer = self.store.run("ingest/elect_reader", keys, [self.worker, READER_LEASE_MS, FOLLOWED_MS, *stands])
        except GateUnavailableError as error:
            self._say(error.complaint.in_full)
            for relay in relays:
                relay.unanswered()
        else:
            self._say("")
            for relay, reads, followed in zip(relays, answer[::2], answer[1::2], strict=True):
                relay.answered(turn, bool(reads), bool(followed))

    def _say(self, complaint: str) -> None:
        with self._lock:
            before, self._complaint = self._complaint, complaint
        if complaint and complaint != before:
            logger.warning("Pictures are not shared between workers, so each reads its cameras itself. %s", complaint)
        elif before and not complaint:
            logger.warning("Pictures are shared between workers again")

    def _beat_forever(self) -> None:
        while not self._closed.is_set():
            try:
                with self._lock:
                    read = [relay for relay in self._relays if relay.reads]
                self._listen(read)
                with self._lock:
                    relays = list(self._relays)
                if relays:
                    self.elect_readers(relays)
            except Exception:
                logger.exception("The election of cameras' readers failed; it tries again")
                time.sleep(BEAT)

    def _listen(self, read: "list[SharedRelay]") -> None:
        """Wait for the next beat, or for somebody who begins to follow a camera that this worker reads."""
        try:
            if read:
                self.store.pop([relay.wakeups for relay in read], BEAT)
                return
        except GateUnavailableError:
            pass
        self._closed.wait(BEAT)

    def _send_forever(self) -> None:
        while not self._closed.is_set():
            entries = [entry for entry in self.outbox.take() if not entry.relay.left]
            try:
                self._send(entries)
                continue
            except GateUnavailableError:
                pass  # the beat finds out, too
            except Exception:
                logger.exception("Handing on cameras' pictures failed")
            for entry in entries:
                entry.relay.interrupt()

    def _send(self, entries: "list[Entry[SharedRelay]]") -> None:
        calls: list[Call] = []
        for entry in entries:
            words = [word for pair in entry.fields.items() for word in pair]
            bounds = [MOST_HELD, MOST_HELD_OF_ALL]
            arguments: list[Word] = [self.worker, READER_LEASE_MS, FOLLOWED_MS, entry.keep, *bounds, *words]
            calls.append(([entry.relay.reader, entry.relay.units, HELD], arguments))
        refused = {
            entry.relay
            for entry, (mine,) in zip(entries, self.store.run_all("ingest/publish", calls), strict=True)
            if not mine
        }
        for relay in refused:  # the lease has ended: another worker's now, or to be taken again
            relay.interrupt()
            self.elect_readers([relay])


class SharedRelay(Relay):
    """A camera's relay to the workers that share it."""

    def __init__(self, sharing: Sharing, camera: str, source: CameraSource) -> None:
        name = name_of(camera, source)
        self.keys = [f"{name}:{part}" for part in ("reader", "follows", "units", "knocks")]
        self.reader, _, self.units, self.wakeups = self.keys
        self._sharing = sharing
        self.reads = self.left = False
        self.stands_back_until = 0.0  # time.monotonic(): somebody else may try
        self._turn = 0
        self._answers = True
        self._answered_at = time.monotonic()
        self._opening = Opening(b"", "", b"")
        self._number = 0  # of the newest picture of this opening
        self._interruptions = self._known_interruptions = 0
        self._is_sending = False  # what is published goes on from what was published last
        self._awaits_key = False  # there was too much for Redis

    # The election.

    def answered(self, turn: int, reads: bool, followed: bool) -> None:
        if turn < self._turn:
            return  # a later question has been answered already
        self._turn, self._answers, self._answered_at = turn, True, time.monotonic()
        self.reads, self.followed = reads, followed
        if self.left:  # meanwhile
            self._resign_reader()

    def unanswered(self) -> None:
        self._answers = False
        if time.monotonic() - self._answered_at > PATIENCE:
            self.reads, self.followed = True, False

    def leave(self) -> None:
        self.left = True
        self._resign_reader()

    def _resign_reader(self) -> None:
        if self.reads and self._answers:  # else the lease ends by itself
            self.reads = False
            with suppress(GateUnavailableError):
                self._sharing.store.run(
                    "ingest/resign_reader", [self.reader, self.units], [self._sharing.worker, FOLLOWED_MS]
                )

    # The reader's side.

    def opened(self, codec: str, extradata: bytes) -> None:
        self._opening = Opening(secrets.token_bytes(6), codec, extradata)
        self._number, self._is_sending, self._awaits_key = 0, False, False

    def publish(self, unit: AccessUnit, group: list[AccessUnit]) -> None:
        self._number += 1
        if self._known_interruptions != self._interruptions or not self.followed:
            self._known_interruptions, self._is_sending = self._interruptions, False
        if not self.followed:
            return
        too_much = self._sharing.outbox.is_full or len(unit.data) > LARGEST
        if too_much or (self._awaits_key and group and not unit.key):
            self._awaits_key = True  # and not the group again: that is more of what is too much already
            return
        units = [unit] if self._is_sending else group or [unit]
        self._is_sending, self._awaits_key = True, False
        for number, each in enumerate(units, start=self._number - len(units) + 1):
            keep = "from here" if each.key else "all" if group else "few"
            self._put(keep, fields_of(self._opening, number, each, bool(group)))

    def publish_loss(self, failures: int, cause: str) -> None:
        if not (self.reads and self.followed):
            return
        self._put("from here", {b"failures": b"%d" % failures, b"cause": cause.encode()})
        if failures >= TRIES:  # it may be this host's network: one of the others tries
            self.stands_back_until = time.monotonic() + STANDS_BACK
            self._resign_reader()

    def _put(self, keep: str, fields: Fields) -> None:
        self._sharing.outbox.put(Entry(self, keep, fields))

    def interrupt(self) -> None:
        """An entry was lost: the next one begins with the group's key."""
        self._interruptions += 1

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
                    opening, number = opening_of(said[0]), 0
                kept, number, gap = drop_undecodable(said, number)
                if kept:
                    yield Arrival(opening, [unit_of(fields) for fields in kept], gap)
            if not entries:
                yield None

    def _heard(self, word: Fields) -> Loss | None:
        if b"gone" in word:
            self._sharing.elect_readers([self])
            return None
        return Loss(int(word[b"failures"]), word[b"cause"].decode())

    def _look(self, after: bytes) -> list[tuple[bytes, Fields]]:
        try:
            return self._sharing.store.read(self.units, after, BEAT)
        except GateUnavailableError:
            time.sleep(BEAT)
            return []
