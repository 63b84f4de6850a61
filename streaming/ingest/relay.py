"""Shares one camera's pictures between workers. One worker, the reader, reads it and publishes its pictures in Redis.

The other workers, its followers, take the pictures from there. A camera's thread calls its relay. `sharing.py` holds
the election of each camera's reader.
"""

import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass

from cameras.sources import CameraSource
from streaming.errors import GateUnavailableError
from streaming.ingest.access_units import AccessUnit
from streaming.ingest.followed_streams import FollowedStream, FollowedStreams
from streaming.ingest.outbox import Entry, Outbox
from streaming.ingest.shared_stream import (
    Arrival,
    Fields,
    Loss,
    Opening,
    delay_of,
    drop_undecodable,
    fields_of,
    opening_of,
    unit_of,
)
from streaming.store.keys import name_of
from streaming.store.scripts import ThreadStore

BEAT = 0.25  # seconds between two renewals of what this worker reads and follows
FOLLOWED_MS = 3000  # how long a reader publishes after the last sign of a follower, and Redis keeps its pictures
TRIES = 2  # failed openings in a row, after which a reader steps back: a follower may try
STEPS_BACK = 3.0  # seconds for which it is no candidate then
REDIS_TIMEOUT = 1.0  # seconds without an answer of Redis, after which each worker reads the camera itself
MAX_RELAYED_BYTES = 64_000_000  # of a picture that is shared: as large as STREAM_MAX_PICTURE_MB may be


class Relay:
    """Shares one camera's pictures between workers: publishes them if this worker reads the camera, or receives them.

    This base class shares nothing: the worker reads the camera itself.
    """

    reads = True  # this worker reads the camera
    followed = False  # other workers follow it
    camera_delay: float | None = None  # milliseconds, see Reader; the reader sets it, followers get it with pictures

    def opened(self, codec: str, extradata: bytes) -> None:
        """Called by the worker that reads the camera, as soon as it has opened the camera.

        Pictures that are published from now on belong to this connection. `codec`: FFmpeg's name. `extradata`: codec
        parameters from the session description.
        """

    def publish(self, unit: AccessUnit, group: list[AccessUnit]) -> None:
        """Called by the worker that reads the camera: share a picture with the other workers. Returns at once.

        Drops pictures while too many wait for Redis, and then up to the next keyframe unless `group` is empty. Does
        nothing while no other worker follows the camera.

        `group`: the GOP up to and including the picture, for new followers; empty if it is too long to be kept in
        memory, or before the first keyframe.
        """

    def missed(self) -> None:
        """Called by the worker that reads the camera: pictures before the next one were lost. Followers see a gap."""

    def publish_loss(self, failures: int, cause: str, reason: str = "") -> None:
        """Called by the worker that reads the camera: tell the others that the camera is lost, or cannot be opened.

        `failures`: attempts in a row that failed; a loss counts as one. `cause`: text for viewers. `reason`: text for
        administrators.

        If others follow the camera, this worker stops reading it after `TRIES` failures. For `STEPS_BACK` seconds, only
        others try.
        """

    def follow(self) -> Iterator[Arrival | Loss | None]:
        """Yields what the worker that reads the camera publishes: pictures, or a loss. Called by the other workers.

        Yields None every 0.25 s while nothing comes. Ends when this worker is to read the camera itself.
        """
        yield from ()


RelayFactory = Callable[[CameraSource], AbstractContextManager[Relay]]


def no_sharing(source: CameraSource) -> AbstractContextManager[Relay]:
    """Returns a context with a relay that shares nothing: the worker reads the camera `source` itself."""
    return nullcontext(Relay())


@dataclass(frozen=True)
class RelayContext:
    """The parts that all relays of a worker (server process) share. A relay shares a camera's pictures between workers.

    `worker`: the id of this worker.
    """

    worker: str
    store: ThreadStore  # Redis
    outbox: "Outbox[SharedRelay]"  # messages to be added to Redis streams
    followed_streams: FollowedStreams  # the Redis streams that this worker takes pictures from
    elect: "Callable[[list[SharedRelay]], None]"  # asks Redis who reads these cameras, and tells the relays


class SharedRelay(Relay):
    """Shares one camera's pictures between workers by Redis. One worker is elected to read it, the others follow.

    To follow a camera is to take its pictures from Redis. `reads`, `followed`: the results of the last election.
    If Redis has not answered for REDIS_TIMEOUT seconds, this worker reads, only for itself. When it resigns,
    `reads` becomes False at once. `camera`: the camera's id, plus "/sub" for its substream.
    """

    def __init__(self, context: RelayContext, camera: str, source: CameraSource) -> None:
        name = name_of(camera, source)
        self.keys = [f"{name}:{part}" for part in ("reader", "follows", "units", "knocks")]
        self.reader_key, _, self.stream_key, self.wakeup_key = self.keys
        self._context = context
        self.reads = self.left = False
        self.steps_back_until = 0.0  # time.monotonic() until which other workers may try
        self._turn = 0  # number of the newest election whose result is known
        self._answers = True  # Redis answered the last election
        self._answered_at = time.monotonic()
        self._opening = Opening(b"", "", b"")
        self._number = 0  # of the newest picture of this opening
        self._interruptions = 0  # calls of `interrupt`, by another thread
        self._known_interruptions = 0  # those that `publish` has reacted to
        self._is_continuous = False  # the next picture follows the last one that was published
        self._awaits_key = False  # pictures are dropped until the next keyframe, because Redis is too slow

    # The election.

    def answered(self, turn: int, reads: bool, followed: bool) -> None:
        """Set the result of an election. Ignores it if that of a later election is known.

        `turn`: the number of the election. `reads`: this worker reads the camera. `followed`: others take the pictures.
        """
        if turn < self._turn:
            return  # a later election is already known
        self._turn, self._answers, self._answered_at = turn, True, time.monotonic()
        self.reads, self.followed = reads, followed
        if self.left:  # before the result came
            self._resign_reader()

    def unanswered(self) -> None:
        """Note that Redis did not answer an election.

        If its last answer (or the relay's creation) is over REDIS_TIMEOUT seconds ago, this worker reads the camera.
        """
        self._answers = False
        if time.monotonic() - self._answered_at > REDIS_TIMEOUT:
            self.reads, self.followed = True, False

    def leave(self) -> None:
        """Stop using the relay. If this worker reads the camera, another one may take over at once."""
        self.left = True
        self._resign_reader()

    def _resign_reader(self) -> None:
        if self.reads and self._answers:  # else the lease expires by itself
            self.reads = False
            context = self._context
            with suppress(GateUnavailableError):
                context.store.run(
                    "ingest/resign_reader", [self.reader_key, self.stream_key], [context.worker, FOLLOWED_MS]
                )

    # The reader's side.

    def opened(self, codec: str, extradata: bytes) -> None:
        self._opening = Opening(secrets.token_bytes(6), codec, extradata)
        self._number, self._is_continuous, self._awaits_key = 0, False, False

    def publish(self, unit: AccessUnit, group: list[AccessUnit]) -> None:
        self._number += 1
        if self._known_interruptions != self._interruptions or not self.followed:
            self._known_interruptions, self._is_continuous = self._interruptions, False
        if not self.followed:
            return
        too_much = self._context.outbox.is_full or len(unit.data) > MAX_RELAYED_BYTES
        if too_much or (self._awaits_key and group and not unit.key):
            self._awaits_key = True  # until then: the whole GOP again would be even more
            return
        units = [unit] if self._is_continuous else group or [unit]
        self._is_continuous, self._awaits_key = True, False
        for number, each in enumerate(units, start=self._number - len(units) + 1):
            keep = "from here" if each.key else "all" if group else "few"
            self._put(keep, fields_of(self._opening, number, each, bool(group), self.camera_delay))

    def missed(self) -> None:
        self._number += 1

    def publish_loss(self, failures: int, cause: str, reason: str = "") -> None:
        if not (self.reads and self.followed):
            return
        self._put("from here", {b"failures": b"%d" % failures, b"cause": cause.encode(), b"reason": reason.encode()})
        if failures >= TRIES:  # the cause may be this host's network: another worker tries
            self.steps_back_until = time.monotonic() + STEPS_BACK
            self._resign_reader()

    def _put(self, keep: str, fields: Fields) -> None:
        self._context.outbox.put(Entry(self, keep, fields))

    def interrupt(self) -> None:
        """Let the next `publish` send the whole GOP, because an entry for Redis was lost. Any thread may call this."""
        self._interruptions += 1

    # The follower's side.

    def follow(self) -> Iterator[Arrival | Loss | None]:
        if not self.reads:
            with self._context.followed_streams.stream(self.stream_key) as stream:
                yield from self._news(stream)

    def _news(self, stream: FollowedStream) -> Iterator[Arrival | Loss | None]:
        opening, number = None, 0
        while not self.reads:
            entries = stream.take(BEAT)
            for id, same_opening in itertools.groupby(entries, key=lambda fields: fields.get(b"opening")):
                messages = list(same_opening)
                if id is None:
                    opening = None
                    yield self._handle_notice(messages[-1])
                    continue
                if opening is None or opening.id != id:
                    opening, number = opening_of(messages[0]), 0
                kept, number, gap = drop_undecodable(messages, number)
                self.camera_delay = delay_of(messages[-1])
                if kept:
                    yield Arrival(opening, [unit_of(fields) for fields in kept], gap)
            if not entries:
                yield None

    def _handle_notice(self, fields: Fields) -> Loss | None:
        """Handle an entry of the Redis stream that has no picture.

        If the worker that read the camera has resigned, holds an election and returns None. Otherwise returns why that
        worker cannot read the camera.
        """
        if b"gone" in fields:
            self._context.elect([self])
            return None
        return Loss(int(fields[b"failures"]), fields[b"cause"].decode(), fields.get(b"reason", b"").decode())
