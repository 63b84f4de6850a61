"""The thread of one camera: opens it, reads it, and opens it again when it is lost.

If another worker process reads the camera, the thread takes the pictures which that worker publishes. Only this thread
opens, reads and closes its `Reader`.
"""

import logging
import threading
import time
from typing import Protocol

from cameras.sources import CameraSource
from streaming.ingest.access_units import units_of
from streaming.ingest.arrivals import Arrivals
from streaming.ingest.condition import UNREADABLE, Condition, Problem, State, VideoFacts
from streaming.ingest.memory import trim_memory
from streaming.ingest.pictures import DecodingError, is_whole
from streaming.ingest.reader import Allowance, CaptureError, Reader
from streaming.ingest.relay import Relay, RelayFactory, no_sharing
from streaming.ingest.shared_stream import Arrival, Loss, Opening
from streaming.ingest.video import Video, VideoListener

logger = logging.getLogger(__name__)

BACK_OFF = (0.5, 1.0, 2.0, 3.0)  # seconds until a lost camera is opened again; the last one repeats


class CaptureListener(VideoListener, Protocol):
    """The receiver of a camera's frames and connection states. Called in the capture's thread."""

    def on_condition(self, condition: Condition) -> None: ...


class Capture:
    """One camera, which this worker reads or follows. Its thread runs `run`. Any thread may call the other methods.

    To follow is to take, through Redis, the pictures of the worker process that reads the camera. `open_relay`
    makes the connection to the other workers, which tells whether this worker reads; by default, it always reads.
    `allowance`: limits for reading.
    """

    def __init__(
        self,
        source: CameraSource,
        allowance: Allowance,
        listener: CaptureListener,
        open_relay: RelayFactory = no_sharing,
    ) -> None:
        self._source, self._allowance, self._open_relay = source, allowance, open_relay
        self._listener = listener
        self._relay = Relay()
        self._stop = threading.Event()
        self._wanted: frozenset[str] = frozenset()
        self._epoch = -1
        self.facts: VideoFacts | None = None  # while this worker has the camera open
        self.frames_read = 0
        self.arrivals = Arrivals()

    @property
    def rate(self) -> float:
        """Frames/s that came from the camera lately; 0 if it is silent, or just opened (`Arrivals.rate`)."""
        return self.arrivals.rate

    @property
    def camera_delay(self) -> float | None:
        """Average ms from a picture's capture, by the camera's clock in RTCP, to its arrival at the worker that reads the
        camera. None: not known, or that clock is wrong (`CameraClock`)."""
        return self._relay.camera_delay

    @property
    def is_followed(self) -> bool:
        """Whether this worker reads the camera and other workers take its pictures from here."""
        return self._relay.reads and self._relay.followed

    def want(self, qualities: frozenset[str]) -> None:
        """Encode these qualities (keys of QUALITIES), and no others, as JPEG from the next frame on."""
        self._wanted = qualities

    def change_source(self, source: CameraSource) -> None:
        """Open the camera anew, with another address or other credentials. Returns at once.

        The thread changes after the current read, or the pause after a failure.
        """
        self._source = source

    def stop(self) -> None:
        """Ask the thread to end. Returns at once: it ends after the current read."""
        self._stop.set()

    def run(self) -> None:
        """Until `stop` is called, read the camera, or take its pictures from the worker that reads it.

        Opens a new relay (the connection to the other workers) for each source.
        """
        try:
            while not self._stop.is_set():
                source = self._source
                with self._open_relay(source) as relay:
                    self._relay = relay
                    self._serve(source, relay)
        finally:
            trim_memory()

    def _serve(self, source: CameraSource, relay: Relay) -> None:
        """Read `source`, or take its pictures from the worker that reads it, until it changes or `stop` is called.

        Retries with backoff after each failure. `relay`: the connection to other workers; it tells whether this one
        reads.
        """
        failures = 0
        while self._should_serve(source):
            before = self.frames_read
            try:
                if relay.reads:
                    self._read(source, relay)
                else:
                    self._follow(source, relay)
                continue
            except CaptureError as error:
                failure = error.failure
            except Exception:
                failure = UNREADABLE
                logger.exception("Reading the camera %s failed; it is opened again", source)
            failures = 1 if self.frames_read > before else failures + 1
            if failures == 1 and failure is not UNREADABLE:
                logger.warning("Camera %s: %s", source, failure.reason)
            self._report(failures, failure.cause, failure.reason, failure.problem)
            relay.publish_loss(failures, failure.cause, failure.reason)
            self._stop.wait(BACK_OFF[min(failures, len(BACK_OFF)) - 1])

    def _should_serve(self, source: CameraSource) -> bool:
        return not self._stop.is_set() and self._source is source

    def _report(self, failures: int, cause: str, reason: str, problem: Problem | None = None) -> None:
        state = State.RECONNECTING if self.frames_read else State.CONNECTING
        self._listener.on_condition(Condition(state, time.monotonic(), failures, cause, reason, problem))

    def _read(self, source: CameraSource, relay: Relay) -> None:
        """Read the camera until `stop`, a change of its source, or the election of another worker as its reader.

        Raises CaptureError if it cannot be opened or decoded, or is lost.
        """
        reader = Reader(source, self._allowance)
        try:
            self.facts = reader.facts
            codec, extradata = self.facts.codec, reader.extradata
            units = units_of(codec, extradata, self._allowance.largest_picture, whole=reader.returns_whole_pictures)
            video = self._video(codec, extradata)
            relay.opened(codec, extradata)
            self.arrivals.clear()
            live = False
            while self._should_serve(source) and relay.reads:
                data = reader.read()
                read_at = time.time() * 1000
                self._arrived([len(data)])
                if not live:
                    live = True
                    self._listener.on_condition(Condition(State.LIVE, time.monotonic()))
                relay.camera_delay = reader.camera_delay
                if reader.splits_keyframes:
                    units.hold_keyframes()
                if reader.is_after_loss:
                    video.cut_if_short()
                    relay.missed()
                done = units.push(data, reader.presented_at, read_at)
                for unit in done or units.release_if(is_whole):
                    video.collect(unit)
                    relay.publish(unit, video.group)  # before `show`: other workers do not wait for the encoding
                    video.show(unit)
        except DecodingError as error:
            raise CaptureError(str(error)) from error
        finally:
            self.facts = None
            reader.close()

    def _follow(self, source: CameraSource, relay: Relay) -> None:
        """Take the pictures that another worker reads and publishes, until `stop`, a change of the source, or the
        election of this worker as the camera's reader. Raises CaptureError if they cannot be decoded here.
        """
        opening: Opening | None = None
        try:
            for news in relay.follow():
                if not self._should_serve(source):
                    return
                if isinstance(news, Loss):
                    opening = None
                    self._report(news.failures, news.cause, news.reason)
                elif isinstance(news, Arrival) and news.opening is not opening:
                    opening, video = news.opening, self._video(news.opening.codec, news.opening.extradata)
                    self.arrivals.clear()
                    self._arrived([len(news.units[-1].data)])
                    self._listener.on_condition(Condition(State.LIVE, time.monotonic()))
                    video.join(news.units)
                elif isinstance(news, Arrival):
                    self._arrived([len(unit.data) for unit in news.units])
                    if news.gap:
                        video.cut()
                    for unit in news.units:
                        video.take(unit)
        except DecodingError as error:
            raise CaptureError(str(error)) from error

    def _video(self, codec: str, extradata: bytes) -> Video:
        return Video(codec, extradata, self._next_epoch, lambda: self._wanted, self._listener)

    def _arrived(self, sizes: list[int]) -> None:
        """Count pictures that have just arrived. `sizes`: the bytes of each."""
        self.frames_read += len(sizes)
        self.arrivals.add(sizes)

    def _next_epoch(self) -> int:
        self._epoch = (self._epoch + 1) % 256
        return self._epoch
