"""One connection per camera in the whole cluster: the workers elect a reader for each camera, and the others follow it.

The reader is the worker that reads the camera. It holds a short lease in Redis. Followers take the camera's pictures
from a Redis stream, to which the reader adds access units (coded pictures) while there are followers. The stream is
trimmed at each keyframe, so a new follower gets the current GOP from its beginning, unless it is too large to be kept.
Redis is not required: while Redis does not answer, each worker reads the camera itself.
"""

import itertools
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cameras.sources import CameraSource
from streaming.errors import GateUnavailableError
from streaming.ingest.followed_streams import FollowedStreams
from streaming.ingest.outbox import Entry, Outbox
from streaming.ingest.relay import BEAT, FOLLOWED_MS, Relay, RelayContext, SharedRelay
from streaming.store.connection import Word
from streaming.store.keys import HELD
from streaming.store.scripts import Call, ThreadStore

logger = logging.getLogger(__name__)

ALONE_BEAT = 0.4  # seconds between two renewals while nobody follows: a beat costs as much as the reading of a camera
READER_LEASE_MS = 1000  # then another worker may read the camera of a dead reader
MOST_HELD = 24_000_000  # bytes of one camera in Redis: one GOP and one picture; the newest picture always stays
MOST_HELD_OF_ALL = 512_000_000  # bytes of all cameras in Redis; each gets an equal part


class Sharing:
    """Shares cameras between workers by Redis: one worker is elected to read a camera, the others get its pictures.

    Cameras' threads call `relay`. Three threads of its own hold elections, publish pictures and receive them.
    `url`: of Redis. `worker`: the id of this worker.
    """

    def __init__(self, url: str, worker: str) -> None:
        self.worker, self.store = worker, ThreadStore(url)
        self._outbox = Outbox[SharedRelay]()
        self._followed = FollowedStreams(self.store, worker)
        self._context = RelayContext(worker, self.store, self._outbox, self._followed, self._elect_readers)
        self._relays: set[SharedRelay] = set()
        self._lock = threading.Lock()  # of the relays; never held during a call of Redis
        self._turns = itertools.count(1)
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._complaint = ""  # the last one logged

    @contextmanager
    def relay(self, camera: str, source: CameraSource) -> Iterator[Relay]:
        """Returns a context with an object that shares the pictures of a camera's stream with other workers.

        `camera`: the id of the stream, that of the camera or its `substream_id`. Inside, this worker takes part in the
        election of the stream's reader: the first worker that comes reads the camera.
        """
        relay = SharedRelay(self._context, camera, source)
        self._elect_readers([relay])
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
            for job in (self._beat_forever, self._send_forever, self._followed.read_forever):
                self._threads.append(threading.Thread(target=job, name=job.__name__.strip("_"), daemon=True))
                self._threads[-1].start()

    def close(self) -> None:
        """Stop the threads. Blocks for a second at most."""
        self._closed.set()
        self._outbox.close()
        self._followed.close()
        deadline = time.monotonic() + 1
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        self.store.close()

    # The election.

    def _elect_readers(self, relays: list[SharedRelay]) -> None:
        """Elect in Redis which worker reads the cameras of `relays`, and tell the relays the result.

        This worker becomes the reader of cameras that have none, unless it failed to read them just now. It stays the
        reader of those that it reads, and renews their leases. If Redis fails, it tells the relays that instead.
        """
        turn, now = next(self._turns), time.monotonic()
        keys = [key for relay in relays for key in relay.keys]
        candidates = json.dumps([relay.steps_back_until <= now for relay in relays])
        try:
            answer = self.store.run(
                "ingest/elect_reader", keys, [self.worker, READER_LEASE_MS, FOLLOWED_MS, candidates]
            )
        except GateUnavailableError as error:
            self._log(error.complaint.in_full)
            for relay in relays:
                relay.unanswered()
        else:
            self._log("")
            for relay, reads, followed in zip(relays, answer[::2], answer[1::2], strict=True):
                relay.answered(turn, bool(reads), bool(followed))

    def _log(self, complaint: str) -> None:
        """Log why Redis does not answer, if that is new. `complaint`: the reason; "": Redis answers.

        The return of Redis is logged once.
        """
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
                    own = [relay for relay in self._relays if relay.reads]
                self._wait_for_beat(own)
                with self._lock:
                    relays = list(self._relays)
                if relays:
                    self._elect_readers(relays)
            except Exception:
                logger.exception("The election of cameras' readers failed; it tries again")
                time.sleep(BEAT)

    def _wait_for_beat(self, own: list[SharedRelay]) -> None:
        """Wait until the next election: BEAT seconds, or ALONE_BEAT if this worker reads cameras only for itself.

        `own`: the relays of the cameras that this worker reads. Ends early if another worker wants pictures of one.
        """
        if own:
            beat = BEAT if any(relay.followed for relay in own) else ALONE_BEAT
            with suppress(GateUnavailableError):
                self.store.wait_for_any([relay.wakeup_key for relay in own], beat)
                return
        self._closed.wait(BEAT)

    # Publishing.

    def _send_forever(self) -> None:
        while not self._closed.is_set():
            entries = [entry for entry in self._outbox.take() if not entry.relay.left]
            try:
                self._send(entries)
            except GateUnavailableError:  # the next election logs it
                _interrupt(entries)
            except Exception:
                logger.exception("Publishing the pictures of cameras failed")
                _interrupt(entries)

    def _send(self, entries: list[Entry[SharedRelay]]) -> None:
        """Add entries to their cameras' Redis streams in one round trip. Raises GateUnavailableError if Redis fails.

        If this worker's lease of a camera has expired, holds a new election for the camera.
        """
        calls: list[Call] = []
        bounds = [MOST_HELD, MOST_HELD_OF_ALL]
        for entry in entries:
            words = [word for pair in entry.fields.items() for word in pair]
            arguments: list[Word] = [self.worker, READER_LEASE_MS, FOLLOWED_MS, entry.keep, *bounds, *words]
            calls.append(([entry.relay.reader_key, entry.relay.stream_key, HELD], arguments))
        answers = self.store.run_all("ingest/publish", calls)
        expired = {entry.relay for entry, (reads,) in zip(entries, answers, strict=True) if not reads}
        for relay in expired:  # another worker may hold the reader's lease now
            relay.interrupt()
            self._elect_readers([relay])


def _interrupt(entries: list[Entry[SharedRelay]]) -> None:
    for entry in entries:
        entry.relay.interrupt()
