"""One opening of a camera: its access units in, frames of every format that is watched out. Runs in the capture's thread."""

import math
import time
from collections.abc import Callable

from streaming.access_units import H264, AccessUnit, Passing
from streaming.frames import Flag, Format, Frame
from streaming.pictures import MAX_MESSAGE, QUALITIES, Decoder, encode

GROUP_BYTES = 16_000_000  # of a group of pictures that is kept for newcomers
GROUP_PICTURES = 900
WITHOUT_KEY = 10.0  # seconds after which a camera whose last key picture nobody can start from is served as JPEG
ORIGINAL = "original"


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


class Video:
    """Passes H.264 on as it is, and decodes only while somebody watches JPEG."""

    def __init__(
        self,
        codec: str,
        extradata: bytes,
        next_epoch: Callable[[], int],
        on_frame: Callable[[Frame], None],
        on_video: Callable[[bool], None],
        wanted: Callable[[], frozenset[str]],
    ) -> None:
        self._codec, self._extradata, self._next_epoch, self._wanted = codec, extradata, next_epoch, wanted
        self._on_frame, self._on_video = on_frame, on_video
        self._units = H264(extradata, hold_first=True) if codec == "h264" else Passing(keys=codec == "mjpeg")
        self._epoch = next_epoch()
        self._without_key_since = time.monotonic()
        on_video(codec == "h264")
        self._parameters = b""  # of the running epoch
        self._name = ""  # of the codec with these parameters, as WebCodecs has it
        self._cut = False  # a picture could not be passed on: those that depend on it are left out too
        self._group: list[AccessUnit] = []  # since the last key picture
        self._group_bytes = 0
        self._decoder: Decoder | None = None
        self._pacers: dict[str, Pacer] = {}

    def push(self, data: bytes, presented_at: float, read_at: float) -> None:
        """Take one read: `data`, the camera's time in microseconds, the worker's in Unix milliseconds."""
        for unit in self._units.push(data, presented_at):
            self._collect(unit)
            if self._codec == "h264":
                self._pass_on(unit, read_at)
            self._decode(unit, read_at)

    def _collect(self, unit: AccessUnit) -> None:
        if unit.key:
            self._group, self._group_bytes = [], 0
            if self._parameters and unit.parameters != self._parameters:
                self._epoch = self._next_epoch()
            self._parameters, self._name = unit.parameters, unit.codec
        elif self._group_bytes > GROUP_BYTES or len(self._group) > GROUP_PICTURES:
            self._group, self._group_bytes = [], 0
        if unit.key or self._group:
            self._group.append(unit)
            self._group_bytes += len(unit.data)

    def _pass_on(self, unit: AccessUnit, read_at: float) -> None:
        now = time.monotonic()
        if unit.key:
            self._without_key_since = now
            self._on_video(True)
        elif not self._group and now - self._without_key_since > WITHOUT_KEY:
            self._on_video(False)
        self._cut = len(unit.data) > MAX_MESSAGE or (self._cut and not unit.key)
        if self._name and not self._cut:
            flags = Flag.KEY if unit.key else Flag(0)
            self._on_frame(
                Frame(Format.H264, ORIGINAL, unit.data, read_at, unit.presented_at, self._epoch, flags, self._name)
            )

    def _decode(self, unit: AccessUnit, read_at: float) -> None:
        wanted = self._wanted()
        if not wanted:
            self._decoder = None
            return
        if self._codec == "mjpeg" and ORIGINAL in wanted and len(unit.data) <= MAX_MESSAGE:
            self._send_jpeg(ORIGINAL, unit.data, unit.presented_at, read_at)
            wanted -= {ORIGINAL}
            if not wanted:
                return
        if self._decoder is None:
            self._decoder = Decoder(self._codec, self._extradata)
            for earlier in self._group[:-1]:  # from the last key on: a picture now, and not with the next key
                self._decoder.decode(earlier.data)
        picture = self._decoder.decode(unit.data)
        if picture is None:
            return
        now = time.monotonic()
        for name in wanted:
            if self._pacer(name).due(now):
                data, _, _ = encode(picture, name)
                self._send_jpeg(name, data, unit.presented_at, read_at)

    def _send_jpeg(self, name: str, data: bytes, presented_at: float, read_at: float) -> None:
        self._on_frame(Frame(Format.JPEG, name, data, read_at, presented_at, self._epoch, Flag.KEY))

    def _pacer(self, name: str) -> Pacer:
        if name not in self._pacers:
            self._pacers[name] = Pacer(QUALITIES[name].rate)
        return self._pacers[name]
