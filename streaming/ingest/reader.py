"""Reads a camera's access units (coded pictures) undecoded. OpenCV's FFmpeg does this, through `camera_proxy.py`.

Only one thread opens, reads and releases a `cv2.VideoCapture`. Otherwise, a release during a read crashes the process.
"""

import math
import time
from dataclasses import dataclass

from django.conf import settings

from cameras.networks import Network
from cameras.sources import AddressError, CameraSource, check_address
from streaming import conf
from streaming.ingest.access_units import MAX_UNIT_BYTES
from streaming.ingest.camera_proxy import TOO_LARGE, CameraProxy, problem_of
from streaming.ingest.camera_socket import ConnectError
from streaming.ingest.codecs import codec_name
from streaming.ingest.condition import UNREADABLE, Failure, Problem, VideoFacts
from streaming.ingest.opencv import cv2
from streaming.ingest.picture_ends import without_delimiters


class CaptureError(Exception):
    """The camera could not be opened or decoded, or stopped sending.

    The message is for viewers, `reason` for administrators. Without `reason`, the message is for both. Without
    `problem`, `reason` tells the kind of the failure: see `problem_of`. `failure` has all three.
    """

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
    """An open camera that returns its access units (coded pictures) undecoded.

    Only the thread that made it uses and closes it. The constructor opens the camera, or raises CaptureError.
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
        self._later = 0.0  # microseconds from FFmpeg's time of the last read to the right one
        self.is_after_loss = False  # pictures in front of the last read are missing
        self._capture = cv2.VideoCapture(self._proxy.url, cv2.CAP_FFMPEG, parameters)
        if not self._capture.isOpened():
            reason = self._proxy.reason
            self.close()
            raise _error(_why_not_opened(time.monotonic() - started, allowance), reason)

    def read(self) -> bytes:
        """Wait for the next access unit and return it. A few cameras' pictures come in two parts, one in each call.

        Raises CaptureError if nothing comes within the read timeout, the camera disconnects, or the unit is too large.
        """
        done, data = self._capture.read()
        if not done or data is None or not data.size:
            raise _error(self._silence, self._proxy.reason)
        if data.size > self._most:
            raise _error(self._silence, TOO_LARGE)
        self._proxy.picture_came()
        self._silence = "The camera stopped sending pictures."
        unit, self._later, self.is_after_loss = without_delimiters(data.tobytes())
        return unit

    @property
    def extradata(self) -> bytes:
        """The codec parameters in the session description; empty without any. For H.264: parameter sets in Annex B."""
        done, data = self._capture.retrieve(flag=int(self._capture.get(cv2.CAP_PROP_CODEC_EXTRADATA_INDEX)))
        return data.tobytes() if done and data is not None else b""

    @property
    def presented_at(self) -> float:
        """Presentation time of the last read: microseconds from any zero. Jumps back once, at the first RTCP report."""
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1000 + self._later

    @property
    def rate(self) -> float:
        """Frames/s as announced by the camera; 0 if it announces none."""
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        return rate if math.isfinite(rate) and 0 < rate <= 1000 else 0.0

    @property
    def codec(self) -> str:
        """The codec's name, as `codec_name` returns it: FFmpeg's, such as "h264", if it is known."""
        return codec_name(self._capture.get(cv2.CAP_PROP_FOURCC))

    @property
    def facts(self) -> VideoFacts:
        width, height = (self._capture.get(side) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return VideoFacts(self.codec, int(width), int(height), self.rate)

    @property
    def returns_whole_pictures(self) -> bool:
        """Whether each picture so far came in one call of `read`, none in two. False also if that is not known."""
        return self._proxy.returns_whole_pictures

    @property
    def splits_keyframes(self) -> bool:
        """Whether keyframes come in two calls of `read` from now on, as parameter sets come between their slices."""
        return self._proxy.splits_keyframes

    @property
    def camera_delay(self) -> float | None:
        """Average milliseconds from a picture's capture to its arrival here, by the camera's clock.

        None: not known, such as over HTTP or before the first RTCP sender report, or the clock is wrong.
        """
        return self._proxy.camera_delay

    def close(self) -> None:
        self._capture.release()
        self._proxy.close()


def _error(cause: str, reason: str) -> CaptureError:
    """Returns the error with `cause` for viewers and `reason` for administrators. If `reason` is TOO_LARGE, viewers
    get the cause of UNREADABLE instead."""
    return CaptureError(UNREADABLE.cause if reason == TOO_LARGE else cause, reason)


def _why_not_opened(seconds: float, allowance: Allowance) -> str:
    if seconds >= allowance.open_timeout * 0.9:
        return f"The camera did not answer within {allowance.open_timeout:g} s."
    return "The camera refused the connection, the log-in or the address."
