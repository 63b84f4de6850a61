"""Turns the access units (coded pictures) of one connection to a camera into frames for viewers, unchanged or as JPEG.

Runs in the camera's thread.
"""

import math
import time
from collections.abc import Callable
from typing import Protocol

from streaming.ingest.access_units import AccessUnit
from streaming.ingest.frames import Flag, Format, Frame
from streaming.ingest.pictures import Decoder, encode, size_of
from streaming.ingest.qualities import MAX_FRAME_BYTES, ORIGINAL, QUALITIES
from streaming.ingest.streams import Shape

GROUP_BYTES = 16_000_000  # of a GOP that is kept for new viewers
GROUP_PICTURES = 1800  # of such a GOP: a minute of 30 frames/s
LONGEST_CUT = 4.0  # seconds between keyframes; with rarer ones, damaged pictures are better than none
LONGEST_GOP = 10.0  # seconds without a keyframe, after which a camera whose GOP is not kept is served as JPEG
OWN_FORMATS = {"h264": Format.H264, "hevc": Format.H265}  # FFmpeg's name -> format of video that is passed on
LATER = 0.005  # seconds of decoding that may wait for the next picture to show: batches take a seventh less


class Pacer:
    """Chooses frames so that at most `rate` of them are used per second, by their time of arrival. Never waits."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._next = -math.inf

    def due(self, now: float) -> bool:
        """Returns whether to use the frame that arrives at `now` (time.monotonic()). If so, counts the frame."""
        # A frame may be a quarter of an interval early. Otherwise a camera of exactly this rate would lose frames to jitter.
        if now < self._next - self._interval / 4:
            return False
        on_time = now - self._next < self._interval
        self._next = (self._next if on_time else now) + self._interval
        return True


class VideoListener(Protocol):
    """Callbacks that receive a camera's frames. They run in the camera's thread, not on the event loop."""

    def on_frame(self, frame: Frame) -> None: ...

    def on_group(self, group: list[Frame]) -> None:
        """Replace the GOP that is kept for new viewers by `group`, and deliver it to the present viewers of the
        camera's own video. Empty: a new connection has none yet."""

    def on_own_format(self, format: Format) -> None:
        """Called, perhaps repeatedly, with the format in which viewers may get frames of the quality "original".

        JPEG if the camera's codec is neither H.264 nor H.265. Also JPEG until the next keyframe that fits into a
        message, if a picture did not fit, or if the GOP is too long or not complete in memory.
        """

    def on_shape(self, shape: Shape) -> None:
        """Called with codec and size of the camera's own video at its first keyframe, and at new parameter sets.
        MJPEG has none: later changes are not noticed. Never called for codecs other than H.264, H.265 and MJPEG."""


class Video:
    """Turns the access units of one connection to a camera into frames: H.264 and H.265 unchanged, and JPEG.

    Encodes JPEG only in the qualities that viewers want. For JPEG, `take`, `show` and `join` raise DecodingError if
    FFmpeg has no decoder for the codec.
    """

    def __init__(
        self,
        codec: str,
        extradata: bytes,
        next_epoch: Callable[[], int],
        wanted: Callable[[], frozenset[str]],
        listener: VideoListener,
    ) -> None:
        """`codec`: FFmpeg's name. `extradata`: codec parameters from the session description. `wanted`: returns the
        qualities to encode as JPEG. `next_epoch`: returns the next number for `Frame.epoch`, which tells viewers'
        decoders that the connection or the codec parameters are new.
        """
        self._codec, self._extradata, self._next_epoch, self._wanted = codec, extradata, next_epoch, wanted
        self._listener = listener
        self._format = OWN_FORMATS.get(codec, Format.JPEG)  # of the camera's own video; JPEG: it is not passed on
        self._epoch = next_epoch()
        self._last_key_at = time.monotonic()  # before the first keyframe: of the connection
        self._key_interval = 0.0  # seconds between the last two keyframes
        listener.on_group([])  # discard the GOP of the previous connection
        listener.on_own_format(self._format)
        self._parameters = b""  # parameter sets of this epoch
        self._shaped: bytes | None = None  # the parameter sets whose shape the listener knows
        self._unshaped: AccessUnit | None = None  # a keyframe with other ones
        self._codec_name = ""  # WebCodecs' name of the codec with these parameters
        self._is_cut = False  # a picture was not passed on, so those that depend on it must not be either
        self.group: list[AccessUnit] = []  # the current GOP; empty if it is too long to be kept
        self._group_bytes = 0
        self._decoder: Decoder | None = None
        self._undecoded: list[bytes] = []  # pictures that wait to be decoded together
        self._seconds = 0.0  # the last decoding time of one picture
        self._due: set[str] = set()  # qualities that get the next picture
        self._pacers: dict[str, Pacer] = {}

    def take(self, unit: AccessUnit) -> None:
        """Add a picture that has just arrived to the current GOP, and deliver it to the listener."""
        self.collect(unit)
        self.show(unit)

    def show(self, unit: AccessUnit) -> None:
        """Deliver `unit`, the picture that was passed to `collect` last: unchanged if it can be passed on, and as
        JPEG in the wanted qualities."""
        if self._format is not Format.JPEG:
            self._pass_on(unit)
        if self._unshaped is not None:  # not before: the first picture is not delayed
            self._tell_shape(self._unshaped)
        self._decode(unit)

    def cut(self) -> None:
        """Note that pictures are missing: pass on no H.264 or H.265 until the next keyframe."""
        self._is_cut = True

    def cut_if_short(self) -> None:
        """Note that pictures are missing: pass on no H.264 or H.265 until the next keyframe, if keyframes are frequent.

        If they are more than LONGEST_CUT seconds apart, damaged pictures are passed on.
        """
        if max(self._key_interval, time.monotonic() - self._last_key_at) < LONGEST_CUT:
            self.cut()

    def join(self, units: list[AccessUnit]) -> None:
        """Begin with pictures from the worker that reads the camera: one or more, oldest first, from the last keyframe
        on if that worker keeps the GOP. Only the newest is shown. The others are for decoding it."""
        *before, newest = units
        for unit in before:
            self.collect(unit)
        if self._format is not Format.JPEG and before and not newest.key:
            self._is_cut = not self.group or not all(map(_fits, self.group)) or not self._codec_name
            self._tell_own_format(not self._is_cut)
            if not self._is_cut:
                self._listener.on_group([self._frame(unit) for unit in self.group])
        self.take(newest)

    def collect(self, unit: AccessUnit) -> None:
        """Add a picture to the current GOP, without delivering it. Empties a GOP that grows too long to be kept."""
        if unit.key:
            self.group, self._group_bytes = [], 0
            if self._parameters and unit.parameters != self._parameters:
                self._epoch = self._next_epoch()
            if unit.parameters != self._shaped:
                self._unshaped = unit
            self._parameters, self._codec_name = unit.parameters, unit.codec
        elif self._group_bytes > GROUP_BYTES or len(self.group) > GROUP_PICTURES:
            self.group, self._group_bytes = [], 0
        if unit.key or self.group:
            self.group.append(unit)
            self._group_bytes += len(unit.data)

    def _tell_shape(self, keyframe: AccessUnit) -> None:
        self._shaped, self._unshaped = keyframe.parameters, None
        width, height = size_of(self._codec, self._extradata, keyframe.data)
        if width:
            self._listener.on_shape(Shape(self._codec, width, height))

    def _pass_on(self, unit: AccessUnit) -> None:
        """Deliver a picture unchanged, if it fits into a message and the pictures that it depends on were delivered."""
        now, fits = time.monotonic(), _fits(unit)
        if unit.key:
            self._key_interval, self._last_key_at = now - self._last_key_at, now
        if unit.key or not fits:
            # A picture that is too large: JPEG until the next keyframe. A reader of an earlier version names no H.265.
            self._tell_own_format(fits and bool(self._codec_name))
        elif not self.group and now - self._last_key_at > LONGEST_GOP:
            self._tell_own_format(False)
        self._is_cut = not fits or (self._is_cut and not unit.key)
        if self._codec_name and not self._is_cut:
            self._listener.on_frame(self._frame(unit))

    def _tell_own_format(self, passes: bool) -> None:
        self._listener.on_own_format(self._format if passes else Format.JPEG)

    def _frame(self, unit: AccessUnit) -> Frame:
        flags = Flag.KEY if unit.key else Flag(0)
        return Frame(
            self._format, ORIGINAL, unit.data, unit.read_at, unit.presented_at, self._epoch, flags, self._codec_name
        )

    def _decode(self, unit: AccessUnit) -> None:
        """Deliver a picture as JPEG in each wanted quality whose frame rate allows one now. If none does, the
        picture may wait, to be decoded together with the next picture. MJPEG that fits into a message is
        delivered unchanged as "original", at any rate."""
        wanted = self._wanted()
        if not wanted:
            self._decoder = None
            return
        if self._codec == "mjpeg" and ORIGINAL in wanted and _fits(unit):
            self._send_jpeg(ORIGINAL, unit.data, unit)
            wanted -= {ORIGINAL}
            if not wanted:
                return
        now = time.monotonic()
        self._due = {name for name in wanted if name in self._due or self._pacer(name).due(now)}
        if self._decoder is None:
            self._decoder = Decoder(self._codec, self._extradata)
            # Decode from the last keyframe on, to have a picture at once.
            self._undecoded = [earlier.data for earlier in self.group[:-1]]
        if unit.key and self._codec != "hevc":  # pictures after an HEVC keyframe may still refer to earlier ones
            self._undecoded = []
        self._undecoded.append(unit.data)
        if not self._due and (self._codec == "mjpeg" or len(self._undecoded) * self._seconds < LATER):
            return
        for data in self._undecoded:
            picture = self._decoder.decode(data)
        self._seconds = (time.monotonic() - now) / len(self._undecoded)
        self._undecoded = []
        if picture is None:
            return
        for name in self._due:
            data, _, _ = encode(picture, name)
            self._send_jpeg(name, data, unit)
        self._due = set()

    def _send_jpeg(self, name: str, data: bytes, unit: AccessUnit) -> None:
        self._listener.on_frame(Frame(Format.JPEG, name, data, unit.read_at, unit.presented_at, self._epoch, Flag.KEY))

    def _pacer(self, name: str) -> Pacer:
        if name not in self._pacers:
            self._pacers[name] = Pacer(QUALITIES[name].rate)
        return self._pacers[name]


def _fits(unit: AccessUnit) -> bool:
    """Whether the picture fits into one WebSocket message (MAX_FRAME_BYTES)."""
    return len(unit.data) <= MAX_FRAME_BYTES
