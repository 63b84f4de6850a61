"""The thread of one camera: open, read, encode, retry. The home of cv2; everything here runs off the event loop.

Only this thread opens, reads and releases its `cv2.VideoCapture`: releasing it from another one while a read runs
crashes the process.
"""

import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

# Read by OpenCV at each opening. Only network protocols: by default a path, file:, concat: and their kind would open
# too. Setting it replaces OpenCV's own options, so TCP is asked for again. Small probes open in a tenth of the time.
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = (
    "rtsp_transport;tcp|protocol_whitelist;rtsp,rtsps,rtp,rtcp,udp,tcp,tls,http,https,httpproxy"
    "|probesize;200000|analyzeduration;200000"
)
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # from INFO on it prints addresses with their passwords
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
from cv2.typing import MatLike

from cameras.sources import AddressError, CameraSource
from streaming.frames import Frame

logger = logging.getLogger(__name__)
cv2.setNumThreads(1)  # one camera, one thread: OpenCV's own pool costs more than it gives at these sizes

MAX_JPEG = 1_000_000  # bytes: Daphne cuts a connection that is sent more than 1 MiB in one message
SILENT = 2.0  # seconds without a frame after which a camera's rate is 0
BACK_OFF = (0.5, 1.0, 2.0, 3.0)  # seconds before each reopening; the last one repeats


@dataclass(frozen=True)
class Quality:
    """The largest picture of a quality, how often, and how finely encoded."""

    width: int  # pixels
    height: int
    rate: float  # frames/s
    jpeg: int  # 0 to 100


QUALITIES = {
    "low": Quality(640, 360, 5, 70),
    "medium": Quality(1280, 720, 10, 80),
    "high": Quality(1920, 1080, 15, 90),
}


class State(StrEnum):
    """Where a camera stands, in the order in which it gets there."""

    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"


@dataclass(frozen=True)
class Condition:
    """A camera's state, since when (time.monotonic()), and how many openings in a row failed, the last for `cause`."""

    state: State
    since: float
    failures: int = 0
    cause: str = ""


class CaptureError(Exception):
    """The camera could not be opened, or stopped sending. The message is fit to be shown."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds for opening and for each read."""

    opening: float
    reading: float


class Reader:
    """An open camera, decoded. Used and closed by the thread that made it."""

    def __init__(self, source: CameraSource, timeouts: Timeouts) -> None:
        started = time.monotonic()
        try:
            address = source.address()
        except AddressError as error:
            raise CaptureError(str(error)) from error
        parameters = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            round(timeouts.opening * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            round(timeouts.reading * 1000),
            cv2.CAP_PROP_N_THREADS,
            1,  # each decoder thread more delays the picture by one frame
        ]
        self._capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, parameters)
        if not self._capture.isOpened():
            self._capture.release()
            raise CaptureError(_why_not_opened(time.monotonic() - started, timeouts))

    def grab(self) -> bool:
        """Read and decode the next frame, without converting it. False: nothing came in time, or the end."""
        return self._capture.grab()

    def image(self) -> MatLike:
        """The grabbed frame, height x width x 3, BGR."""
        done, image = self._capture.retrieve()
        if not done:
            raise CaptureError("The camera sent a picture that cannot be decoded.")
        return image

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
        """The four characters of the codec, such as "h264"."""
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC))
        return code.to_bytes(4, "little", signed=code < 0).decode("ascii", "replace").strip("\0 ")

    def close(self) -> None:
        self._capture.release()


def _why_not_opened(seconds: float, timeouts: Timeouts) -> str:
    if seconds >= timeouts.opening * 0.9:
        return f"The camera did not answer within {timeouts.opening:g} s."
    return "The camera refused the connection, the log-in or the address."


def encode(image: MatLike, name: str) -> tuple[bytes, int, int]:
    """Scale `image` into the quality's box, never up, and encode it. Returns JPEG, width and height in pixels.

    Raises CaptureError when the picture stays larger than a message may be.
    """
    quality = QUALITIES[name]
    height, width = image.shape[:2]
    scale = min(quality.width / width, quality.height / height, 1.0)
    if scale < 1.0:
        size = max(2, round(width * scale)), max(2, round(height * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale <= 0.5 else cv2.INTER_LINEAR)
    for level in (quality.jpeg, quality.jpeg - 25, quality.jpeg - 50):
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, level])
        if data.nbytes <= MAX_JPEG:
            return data.tobytes(), image.shape[1], image.shape[0]
    raise CaptureError("The picture is too large to be sent.")


class Pacer:
    """Thins a camera's frames out to a rate, by the clock of their arrival and without ever waiting."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._next = -math.inf

    def due(self, now: float) -> bool:
        # A quarter of an interval early counts: else a camera of exactly this rate loses every frame that hurries.
        if now < self._next - self._interval / 4:
            return False
        on_time = now - self._next < self._interval
        self._next = (self._next if on_time else now) + self._interval
        return True


class Capture:
    """One camera's connection. `run` is the life of its thread; the other methods may be called from any thread."""

    def __init__(
        self,
        source: CameraSource,
        timeouts: Timeouts,
        on_frame: Callable[[Frame], None],
        on_condition: Callable[[Condition], None],
    ) -> None:
        self._source, self._timeouts = source, timeouts
        self._on_frame, self._on_condition = on_frame, on_condition
        self._stop = threading.Event()
        self._wanted: frozenset[str] = frozenset()
        self._pacers: dict[str, Pacer] = {}
        self._epoch = -1
        self.frames_read = 0
        self._arrivals: deque[float] = deque(maxlen=50)  # time.monotonic() of the newest frames read

    @property
    def rate(self) -> float:
        """Frames/s that the camera sent lately; 0 when it is silent."""
        arrivals = list(self._arrivals)
        if len(arrivals) < 2 or time.monotonic() - arrivals[-1] > SILENT:
            return 0.0
        return (len(arrivals) - 1) / max(arrivals[-1] - arrivals[0], 0.001)

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
        """In its thread: read until stopped, and open again, later each time, what was lost."""
        failures = 0
        while not self._stop.is_set():
            source, before = self._source, self.frames_read
            try:
                self._read(source)
            except CaptureError as error:
                failures = 1 if self.frames_read > before else failures + 1
                self._report(failures, str(error))
                if failures == 1:
                    logger.warning("Camera %s: %s", source, error)
            except Exception:
                failures += 1
                logger.exception("Reading the camera %s failed; it is opened again", source)
                self._report(failures, "The camera's pictures cannot be read.")
            else:
                continue
            self._stop.wait(BACK_OFF[min(failures, len(BACK_OFF)) - 1])

    def _report(self, failures: int, cause: str) -> None:
        state = State.RECONNECTING if self.frames_read else State.CONNECTING
        self._on_condition(Condition(state, time.monotonic(), failures, cause))

    def _read(self, source: CameraSource) -> None:
        """Read `source` until stopped or told to read another one. Raises CaptureError when it is lost."""
        reader = Reader(source, self._timeouts)
        self._epoch = (self._epoch + 1) % 256
        self._pacers.clear()
        self._arrivals.clear()
        first = True
        try:
            while not self._stop.is_set() and self._source is source:
                if not reader.grab():
                    raise CaptureError("The camera stopped sending pictures.")
                self.frames_read += 1
                self._arrivals.append(time.monotonic())
                if first:
                    self._on_condition(Condition(State.LIVE, time.monotonic()))
                    first = False
                self._encode_due(reader)
        finally:
            reader.close()

    def _encode_due(self, reader: Reader) -> None:
        read_at, now = time.time() * 1000, time.monotonic()
        due = [name for name in self._wanted if self._pacer(name).due(now)]
        if not due:
            return
        image = reader.image()
        for name in due:
            data, width, height = encode(image, name)
            self._on_frame(Frame(name, data, width, height, read_at, reader.presented_at, self._epoch))

    def _pacer(self, name: str) -> Pacer:
        if name not in self._pacers:
            self._pacers[name] = Pacer(QUALITIES[name].rate)
        return self._pacers[name]
