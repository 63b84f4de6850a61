"""The thread of one camera: opens it, reads it, and opens it again when it is lost. Nothing here runs on the event loop.

Only this thread opens, reads and releases its `cv2.VideoCapture`. A release in another thread during a read crashes the
process.
"""

import logging
import math
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from django.conf import settings

from cameras.networks import Network
from cameras.sources import AddressError, CameraSource, check_address
from streaming import conf
from streaming.ingest.access_units import MAX_UNIT_BYTES, units_of
from streaming.ingest.camera_proxy import TOO_LARGE, CameraProxy, problem_of
from streaming.ingest.camera_socket import ConnectError
from streaming.ingest.codecs import codec_name
from streaming.ingest.condition import UNREADABLE, Condition, Failure, Problem, State, VideoFacts
from streaming.ingest.memory import trim_memory
from streaming.ingest.opencv import cv2
from streaming.ingest.pictures import DecodingError
from streaming.ingest.relay import Relay, RelayFactory, no_sharing
from streaming.ingest.shared_stream import Arrival, Loss, Opening
from streaming.ingest.video import Video, VideoListener

logger = logging.getLogger(__name__)

SILENT = 2.0  # seconds without a frame after which a camera's rate is 0
BACK_OFF = (0.5, 1.0, 2.0, 3.0)  # seconds until a lost camera is opened again; the last one repeats


class CaptureError(Exception):
    """The camera could not be opened, or stopped sending. The message is for viewers, `reason` for administrators."""

    def __init__(self, message: str, reason: str = "", problem: Problem | None = None) -> None:
        super().__init__(message)
        self.reason = reason or message
        self.failure = Failure(message, self.reason, problem or problem_of(reason))


@dataclass(frozen=True)
class Allowance:
    """Time and size limits for a camera, and the networks it may be in."""

    open_timeout: float  # seconds
    read_timeout: float  # seconds, of each read
    largest_picture: int = MAX_UNIT_BYTES  # bytes of an access unit
    networks: tuple[Network, ...] = ()  # in which cameras may be; empty: all except cameras.networks.REFUSED_NETWORKS

    @classmethod
    def of_settings(cls) -> "Allowance":
        seconds = conf.READ_TIMEOUT.value
        return cls(seconds, seconds, round(conf.MAX_PICTURE.value * 1_000_000), settings.CAMERA_NETWORKS)


class Reader:
    """An open camera that returns its access units undecoded. Used and closed by the thread that made it.

    Raises CaptureError if the camera cannot be opened.
    """

    def __init__(self, source: CameraSource, allowance: Allowance) -> None:
        started = time.monotonic()
        self._most = allowance.largest_picture
        try:
            check_address(source.url)
            self._proxy = CameraProxy(source, allowance.open_timeout, self._most, allowance.networks)
        except AddressError as error:
            raise CaptureError(str(error), problem=Problem.UNREACHABLE) from error
        except ConnectError as error:
            why = _why_not_opened(time.monotonic() - started, allowance)
            raise CaptureError(why, str(error), Problem.UNREACHABLE) from error
        parameters = [
            cv2.CAP_PROP_FORMAT,
            -1,  # the camera's own access units
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            round(max(allowance.open_timeout - (time.monotonic() - started), 0.5) * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            round(allowance.read_timeout * 1000),
            cv2.CAP_PROP_N_THREADS,
            1,
        ]
        self._silence = "The camera was opened, but sent no picture in time."
        self._capture = cv2.VideoCapture(self._proxy.url, cv2.CAP_FFMPEG, parameters)
        if not self._capture.isOpened():
            self.close()
            raise CaptureError(_why_not_opened(time.monotonic() - started, allowance), self._proxy.problem)

    def read(self) -> bytes:
        """Returns the next access unit. Raises CaptureError after the timeout, or if the unit is too large."""
        done, data = self._capture.read()
        if not done or data is None or not data.size:
            raise CaptureError(self._silence, self._proxy.problem)
        if data.size > self._most:
            raise CaptureError(self._silence, TOO_LARGE)
        self._proxy.picture_came()
        self._silence = "The camera stopped sending pictures."
        return data.tobytes()

    @property
    def extradata(self) -> bytes:
        """The codec parameters in the session description: for H.264 the parameter sets in Annex B."""
        done, data = self._capture.retrieve(flag=int(self._capture.get(cv2.CAP_PROP_CODEC_EXTRADATA_INDEX)))
        return data.tobytes() if done and data is not None else b""

    @property
    def presented_at(self) -> float:
        """Presentation time of the last read, microseconds. A hint only: it jumps back once at the first RTCP report."""
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1000

    @property
    def rate(self) -> float:
        """Frames/s as announced by the camera; 0 if it announces none."""
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        return rate if math.isfinite(rate) and 0 < rate <= 1000 else 0.0

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec, such as "h264"."""
        return codec_name(self._capture.get(cv2.CAP_PROP_FOURCC))

    @property
    def facts(self) -> VideoFacts:
        width, height = (self._capture.get(side) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return VideoFacts(self.codec, int(width), int(height), self.rate)

    def close(self) -> None:
        self._capture.release()
        self._proxy.close()


def _why_not_opened(seconds: float, allowance: Allowance) -> str:
    if seconds >= allowance.open_timeout * 0.9:
        return f"The camera did not answer within {allowance.open_timeout:g} s."
    return "The camera refused the connection, the log-in or the address."


class CaptureListener(VideoListener, Protocol):
    """The receiver of a camera's frames and conditions. Called in the capture's thread."""

    def on_condition(self, condition: Condition) -> None: ...


class Capture:
    """One camera, read or followed. `run` is the main function of its thread. Any thread may call the other methods."""

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
        self._arrivals: deque[float] = deque(maxlen=50)  # time.monotonic() of the newest frames read

    @property
    def rate(self) -> float:
        """Frames/s that the camera sent lately; 0 when it is silent. Rather too low in the first second."""
        arrivals = list(self._arrivals)
        if len(arrivals) < 2 or time.monotonic() - arrivals[-1] > SILENT:
            return 0.0
        return (len(arrivals) - 1) / max(arrivals[-1] - arrivals[0], 1.0)

    @property
    def is_followed(self) -> bool:
        """Whether this worker reads the camera and others follow."""
        return self._relay.reads and self._relay.followed

    def want(self, qualities: frozenset[str]) -> None:
        """Encode these qualities, and no others, as JPEG from the next frame on."""
        self._wanted = qualities

    def change_source(self, source: CameraSource) -> None:
        """Read another source. The thread notices it at the next frame."""
        self._source = source

    def stop(self) -> None:
        """Ask the thread to end. It ends after the current read."""
        self._stop.set()

    def run(self) -> None:
        """Read or follow the camera until `stop`, with a new relay for each source."""
        try:
            while not self._stop.is_set():
                source = self._source
                with self._open_relay(source) as relay:
                    self._relay = relay
                    self._serve(source, relay)
        finally:
            trim_memory()

    def _serve(self, source: CameraSource, relay: Relay) -> None:
        """Read or follow `source` until it changes or `stop` is called. Retries with backoff after each failure."""
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
                failures = 1 if self.frames_read > before else failures + 1
                failure = error.failure
                if failures == 1:
                    logger.warning("Camera %s: %s", source, error.reason)
            except Exception:
                failures += 1
                failure = UNREADABLE
                logger.exception("Reading the camera %s failed; it is opened again", source)
            self._report(failures, failure.cause, failure.reason, failure.problem)
            relay.publish_loss(failures, failure.cause, failure.reason)
            self._stop.wait(BACK_OFF[min(failures, len(BACK_OFF)) - 1])

    def _should_serve(self, source: CameraSource) -> bool:
        return not self._stop.is_set() and self._source is source

    def _report(self, failures: int, cause: str, reason: str, problem: Problem | None = None) -> None:
        state = State.RECONNECTING if self.frames_read else State.CONNECTING
        self._listener.on_condition(Condition(state, time.monotonic(), failures, cause, reason, problem))

    def _read(self, source: CameraSource, relay: Relay) -> None:
        """Read the camera until its source changes, or another worker reads it. Raises CaptureError when it is lost."""
        reader = Reader(source, self._allowance)
        try:
            self.facts = reader.facts
            codec, extradata = self.facts.codec, reader.extradata
            units, video = units_of(codec, extradata, self._allowance.largest_picture), self._video(codec, extradata)
            relay.opened(codec, extradata)
            self._arrivals.clear()
            live = False
            while self._should_serve(source) and relay.reads:
                data = reader.read()
                read_at = time.time() * 1000
                self._arrived(1)
                if not live:
                    live = True
                    self._listener.on_condition(Condition(State.LIVE, time.monotonic()))
                for unit in units.push(data, reader.presented_at, read_at):
                    video.collect(unit)
                    relay.publish(unit, video.group)  # before `show`: other workers do not wait for the encoding
                    video.show(unit)
        except DecodingError as error:
            raise CaptureError(str(error)) from error
        finally:
            self.facts = None
            reader.close()

    def _follow(self, source: CameraSource, relay: Relay) -> None:
        """Take the pictures that the camera's reader publishes. Raises CaptureError if they cannot be decoded here."""
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
                    self._arrivals.clear()
                    self._arrived(1)
                    self._listener.on_condition(Condition(State.LIVE, time.monotonic()))
                    video.join(news.units)
                elif isinstance(news, Arrival):
                    self._arrived(len(news.units))
                    if news.gap:
                        video.cut()
                    for unit in news.units:
                        video.take(unit)
        except DecodingError as error:
            raise CaptureError(str(error)) from error

    def _video(self, codec: str, extradata: bytes) -> Video:
        return Video(codec, extradata, self._next_epoch, lambda: self._wanted, self._listener)

    def _arrived(self, pictures: int) -> None:
        self.frames_read += pictures
        self._arrivals.extend([time.monotonic()] * pictures)

    def _next_epoch(self) -> int:
        self._epoch = (self._epoch + 1) % 256
        return self._epoch
