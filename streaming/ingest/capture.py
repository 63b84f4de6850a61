"""The thread of one camera: open, read, retry. The home of cv2's capture; everything here runs off the event loop.

Only this thread opens, reads and releases its `cv2.VideoCapture`: releasing it from another one while a read runs
crashes the process.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from cameras.networks import Network
from cameras.sources import AddressError, CameraSource, check_address
from streaming import conf
from streaming.ingest.access_units import LARGEST, units_of
from streaming.ingest.camera_proxy import TOO_LARGE, CameraProxy
from streaming.ingest.camera_socket import ConnectError
from streaming.ingest.condition import Condition, State
from streaming.ingest.frames import Frame
from streaming.ingest.opencv import cv2
from streaming.ingest.pictures import DecodingError
from streaming.ingest.shared_stream import Arrival, Loss, Opening
from streaming.ingest.sharing import Join, Line, alone
from streaming.ingest.threads import trim_memory
from streaming.ingest.video import Video

logger = logging.getLogger(__name__)
CODECS = {
    "avc1": "h264",
    "x264": "h264",
    "hev1": "hevc",
    "hvc1": "hevc",
    "h265": "hevc",
    "mjpg": "mjpeg",
    "mp4v": "mpeg4",
}

SILENT = 2.0  # seconds without a frame after which a camera's rate is 0
BACK_OFF = (0.5, 1.0, 2.0, 3.0)  # seconds before each reopening; the last one repeats


class CaptureError(Exception):
    """The camera could not be opened, or stopped sending. The message is for viewers, `reason` for who runs the camera."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


@dataclass(frozen=True)
class Allowance:
    """What a camera may take and send."""

    opening: float  # seconds
    reading: float  # seconds for each read
    largest_picture: int = LARGEST  # bytes of an access unit
    networks: tuple[
        Network, ...
    ] = ()  # in which cameras may be; none: everywhere but in cameras.networks.REFUSED_NETWORKS

    @classmethod
    def of_settings(cls) -> "Allowance":
        seconds = conf.READ_TIMEOUT.value
        return cls(seconds, seconds, round(conf.MAX_PICTURE.value * 1_000_000), settings.CAMERA_NETWORKS)


class Reader:
    """An open camera that gives its access units undecoded. Used and closed by the thread that made it."""

    def __init__(self, source: CameraSource, allowance: Allowance) -> None:
        started = time.monotonic()
        self._most = allowance.largest_picture
        try:
            check_address(source.url)
            self._proxy = CameraProxy(source, allowance.opening, self._most, allowance.networks)
        except AddressError as error:
            raise CaptureError(str(error)) from error
        except ConnectError as error:
            raise CaptureError(_why_not_opened(time.monotonic() - started, allowance), str(error)) from error
        parameters = [
            cv2.CAP_PROP_FORMAT,
            -1,  # the camera's own access units
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            round(max(allowance.opening - (time.monotonic() - started), 0.5) * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            round(allowance.reading * 1000),
            cv2.CAP_PROP_N_THREADS,
            1,
        ]
        self._silence = "The camera was opened, but sent no picture in time."
        self._capture = cv2.VideoCapture(self._proxy.address, cv2.CAP_FFMPEG, parameters)
        if not self._capture.isOpened():
            self.close()
            raise CaptureError(_why_not_opened(time.monotonic() - started, allowance), self._proxy.problem)

    def read(self) -> bytes:
        """The next access unit; raises CaptureError when nothing comes in time, or too much."""
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
        """What the session description says of the codec: parameter sets in Annex B for H.264."""
        done, data = self._capture.retrieve(flag=int(self._capture.get(cv2.CAP_PROP_CODEC_EXTRADATA_INDEX)))
        return data.tobytes() if done and data is not None else b""

    @property
    def presented_at(self) -> float:
        """Microseconds; a hint only: it jumps back once at the first RTCP report."""
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1000

    @property
    def rate(self) -> float:
        """Frames/s as the camera announces it; 0 if it does not."""
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
    if seconds >= allowance.opening * 0.9:
        return f"The camera did not answer within {allowance.opening:g} s."
    return "The camera refused the connection, the log-in or the address."


class Capture:
    """One camera, read or followed. `run` is the life of its thread; the other methods may be called from any thread."""

    def __init__(
        self,
        source: CameraSource,
        allowance: Allowance,
        on_frame: Callable[[Frame], None],
        on_group: Callable[[list[Frame]], None],
        on_video: Callable[[bool], None],
        on_condition: Callable[[Condition], None],
        join: Join = alone,
    ) -> None:
        self._source, self._allowance, self._join = source, allowance, join
        self._on_frame, self._on_group = on_frame, on_group
        self._on_video, self._on_condition = on_video, on_condition
        self._line = Line()
        self._stop = threading.Event()
        self._wanted: frozenset[str] = frozenset()
        self._epoch = -1
        self.frames_read = 0
        self._arrivals: deque[float] = deque(maxlen=50)  # time.monotonic() of the newest frames read

    @property
    def rate(self) -> float:
        """Frames/s that the camera sent lately; 0 when it is silent. Of its first second too little rather than too much."""
        arrivals = list(self._arrivals)
        if len(arrivals) < 2 or time.monotonic() - arrivals[-1] > SILENT:
            return 0.0
        return (len(arrivals) - 1) / max(arrivals[-1] - arrivals[0], 1.0)

    @property
    def is_followed(self) -> bool:
        """Whether other workers live off what this one reads."""
        return self._line.reads and self._line.followed

    def want(self, qualities: frozenset[str]) -> None:
        """Encode these from the next frame on."""
        self._wanted = qualities

    def reopen(self, source: CameraSource) -> None:
        """Read another address from the next frame on."""
        self._source = source

    def stop(self) -> None:
        """Ask the thread to end: it does after the read that it is in."""
        self._stop.set()

    def run(self) -> None:
        """In its thread: read or follow until stopped, and open again, later each time, what was lost."""
        try:
            while not self._stop.is_set():
                source = self._source
                with self._join(source) as line:
                    self._line = line
                    self._serve(source, line)
        finally:
            trim_memory()

    def _serve(self, source: CameraSource, line: Line) -> None:
        failures = 0
        while self._is_to_serve(source):
            before = self.frames_read
            try:
                if line.reads:
                    self._read(source, line)
                else:
                    self._follow(source, line)
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
            line.publish_loss(failures, cause)
            self._stop.wait(BACK_OFF[min(failures, len(BACK_OFF)) - 1])

    def _is_to_serve(self, source: CameraSource) -> bool:
        return not self._stop.is_set() and self._source is source

    def _report(self, failures: int, cause: str) -> None:
        state = State.RECONNECTING if self.frames_read else State.CONNECTING
        self._on_condition(Condition(state, time.monotonic(), failures, cause))

    def _read(self, source: CameraSource, line: Line) -> None:
        """Read `source` until something else is to be done. Raises CaptureError when it is lost."""
        reader = Reader(source, self._allowance)
        try:
            codec, extradata = reader.codec, reader.extradata
            units, video = units_of(codec, extradata, self._allowance.largest_picture), self._video(codec, extradata)
            line.opened(codec, extradata)
            self._arrivals.clear()
            live = False
            while self._is_to_serve(source) and line.reads:
                data = reader.read()
                read_at = time.time() * 1000
                self._arrived(1)
                if not live:
                    live = True
                    self._on_condition(Condition(State.LIVE, time.monotonic()))
                for unit in units.push(data, reader.presented_at, read_at):
                    video.collect(unit)
                    line.publish(unit, video.group)  # before decoding and encoding, which others do not wait for
                    video.show(unit)
        except DecodingError as error:
            raise CaptureError(str(error)) from error
        finally:
            reader.close()

    def _follow(self, source: CameraSource, line: Line) -> None:
        """Take what the reader of the camera, another worker, hands on. Raises CaptureError where it is of no use."""
        opening: Opening | None = None
        try:
            for news in line.follow():
                if not self._is_to_serve(source):
                    return
                if isinstance(news, Loss):
                    opening = None
                    self._report(news.failures, news.cause)
                elif isinstance(news, Arrival) and news.opening is not opening:
                    opening, video = news.opening, self._video(news.opening.codec, news.opening.extradata)
                    self._arrivals.clear()
                    self._arrived(1)
                    self._on_condition(Condition(State.LIVE, time.monotonic()))
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
        return Video(
            codec, extradata, self._next_epoch, self._on_frame, self._on_group, self._on_video, lambda: self._wanted
        )

    def _arrived(self, pictures: int) -> None:
        self.frames_read += pictures
        self._arrivals.extend([time.monotonic()] * pictures)

    def _next_epoch(self) -> int:
        self._epoch = (self._epoch + 1) % 256
        return self._epoch
