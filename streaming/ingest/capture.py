"""The thread of one camera: opens it, reads it, and opens it again when it is lost. Nothing here runs on the event loop.

Only this thread opens, reads and releases its `cv2.VideoCapture`. A release in another thread during a read crashes the
process.
"""

import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import Protocol

from django.conf import settings

from cameras.networks import Network
from cameras.sources import AddressError, CameraSource, check_address
from streaming import conf
from streaming.ingest.access_units import MAX_UNIT_BYTES, units_of
from streaming.ingest.arrivals import Arrivals
from streaming.ingest.camera_proxy import TOO_LARGE, CameraProxy
from streaming.ingest.camera_socket import ConnectError
from streaming.ingest.condition import Condition, State
from streaming.ingest.memory import trim_memory
from streaming.ingest.opencv import cv2
from streaming.ingest.pictures import DecodingError
from streaming.ingest.relay import Relay, RelayFactory, no_sharing
from streaming.ingest.shared_stream import Arrival, Loss, Opening
from streaming.ingest.video import Video, VideoListener

logger = logging.getLogger(__name__)

CODECS = {  # FourCC -> FFmpeg's name
    "avc1": "h264",
    "x264": "h264",
    "hev1": "hevc",
    "hvc1": "hevc",
    "h265": "hevc",
    "mjpg": "mjpeg",
    "mp4v": "mpeg4",
}

BACK_OFF = (0.5, 1.0, 2.0, 3.0)  # seconds until a lost camera is opened again; the last one repeats


class CaptureError(Exception):
    """The camera could not be opened, or stopped sending. The message is for viewers, `reason` for administrators."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


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
            raise CaptureError(str(error)) from error
        except ConnectError as error:
            raise CaptureError(_why_not_opened(time.monotonic() - started, allowance), str(error)) from error
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
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC))
        text = code.to_bytes(4, "little", signed=code < 0).decode("ascii", "replace").strip("\0 ").lower()
        return CODECS.get(text, text)

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
        self.frames_read = 0
        self.arrivals = Arrivals()

    @property
    def rate(self) -> float:
        """Frames/s that the camera sent lately."""
        return self.arrivals.rate

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
                cause = str(error)
                if failures == 1:
                    logger.warning("Camera %s: %s", source, error.reason)
            except Exception:
                failures += 1
                cause = "The camera's pictures cannot be read."
                logger.exception("Reading the camera %s failed; it is opened again", source)
            self._report(failures, cause)
            relay.publish_loss(failures, cause)
            self._stop.wait(BACK_OFF[min(failures, len(BACK_OFF)) - 1])

    def _should_serve(self, source: CameraSource) -> bool:
        return not self._stop.is_set() and self._source is source

    def _report(self, failures: int, cause: str) -> None:
        state = State.RECONNECTING if self.frames_read else State.CONNECTING
        self._listener.on_condition(Condition(state, time.monotonic(), failures, cause))

    def _read(self, source: CameraSource, relay: Relay) -> None:
        """Read the camera until its source changes, or another worker reads it. Raises CaptureError when it is lost."""
        reader = Reader(source, self._allowance)
        try:
            codec, extradata = reader.codec, reader.extradata
            units, video = units_of(codec, extradata, self._allowance.largest_picture), self._video(codec, extradata)
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
                for unit in units.push(data, reader.presented_at, read_at):
                    video.collect(unit)
                    relay.publish(unit, video.group)  # before `show`: other workers do not wait for the encoding
                    video.show(unit)
        except DecodingError as error:
            raise CaptureError(str(error)) from error
        finally:
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
                    self._report(news.failures, news.cause)
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
        """Pictures of these sizes have arrived, in bytes."""
        self.frames_read += len(sizes)
        self.arrivals.add(sizes)

    def _next_epoch(self) -> int:
        self._epoch = (self._epoch + 1) % 256
        return self._epoch
