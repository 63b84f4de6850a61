"""One opening of a camera: access units in, frames of every format that is watched out. Runs in the capture's thread."""

import math
import time
from collections.abc import Callable

from streaming.ingest.access_units import AccessUnit
from streaming.ingest.frames import Flag, Format, Frame
from streaming.ingest.pictures import Decoder, encode
from streaming.ingest.qualities import MAX_FRAME_BYTES, ORIGINAL, QUALITIES

GROUP_BYTES = 16_000_000  # of a group of pictures that is kept for newcomers
GROUP_PICTURES = 1800  # a minute of it
WITHOUT_KEY = 10.0  # seconds after which a camera whose last key picture nobody can start from is served as JPEG
LATER = 0.005  # seconds of decoding that may wait for the next picture to be shown: together it takes a seventh less


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
        on_group: Callable[[list[Frame]], None],
        on_video: Callable[[bool], None],
        wanted: Callable[[], frozenset[str]],
    ) -> None:
        self._codec, self._extradata, self._next_epoch, self._wanted = codec, extradata, next_epoch, wanted
        self._on_frame, self._on_group, self._on_video = on_frame, on_group, on_video
        self._epoch = next_epoch()
        self._without_key_since = time.monotonic()
        on_group([])  # what was kept of an earlier opening is nothing to start from
        on_video(codec == "h264")
        self._parameters = b""  # of the running epoch
        self._name = ""  # of the codec with these parameters, as WebCodecs has it
        self._cut = False  # a picture could not be passed on: those that depend on it are left out too
        self.group: list[AccessUnit] = []  # since the last key picture
        self._group_bytes = 0
        self._decoder: Decoder | None = None
        self._undecoded: list[bytes] = []
        self._seconds = 0.0  # that decoding a picture took last
        self._due: set[str] = set()  # qualities that are to have the next picture
        self._pacers: dict[str, Pacer] = {}

    def take(self, unit: AccessUnit) -> None:
        """One picture, at the moment at which it comes."""
        self.collect(unit)
        self.show(unit)

    def show(self, unit: AccessUnit) -> None:
        """To the viewers, what has just been collected."""
        if self._codec == "h264":
            self._pass_on(unit)
        self._decode(unit)

    def cut(self) -> None:
        """Pictures are missing: what depends on them is not passed on."""
        self._cut = True

    def join(self, units: list[AccessUnit]) -> None:
        """The pictures, one at least, of a camera that somebody else reads: all before the newest are history."""
        *before, newest = units
        for unit in before:
            self.collect(unit)
        if self._codec == "h264" and before and not newest.key:
            self._cut = not self.group or not all(map(_fits, self.group))
            self._on_video(not self._cut)
            if not self._cut:
                self._on_group([self._frame(unit) for unit in self.group])
        self.take(newest)

    def collect(self, unit: AccessUnit) -> None:
        """Into the running group."""
        if unit.key:
            self.group, self._group_bytes = [], 0
            if self._parameters and unit.parameters != self._parameters:
                self._epoch = self._next_epoch()
            self._parameters, self._name = unit.parameters, unit.codec
        elif self._group_bytes > GROUP_BYTES or len(self.group) > GROUP_PICTURES:
            self.group, self._group_bytes = [], 0
        if unit.key or self.group:
            self.group.append(unit)
            self._group_bytes += len(unit.data)

    def _pass_on(self, unit: AccessUnit) -> None:
        now, fits = time.monotonic(), _fits(unit)
        if unit.key:
            self._without_key_since = now
        if unit.key or not fits:
            self._on_video(fits)  # from a picture that does not fit to the next key, JPEG is shown
        elif not self.group and now - self._without_key_since > WITHOUT_KEY:
            self._on_video(False)
        self._cut = not fits or (self._cut and not unit.key)
        if self._name and not self._cut:
            self._on_frame(self._frame(unit))

    def _frame(self, unit: AccessUnit) -> Frame:
        flags = Flag.KEY if unit.key else Flag(0)
        return Frame(Format.H264, ORIGINAL, unit.data, unit.read_at, unit.presented_at, self._epoch, flags, self._name)

    def _decode(self, unit: AccessUnit) -> None:
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
            # From the last key on: a picture now, and not with the next key.
            self._undecoded = [earlier.data for earlier in self.group[:-1]]
        if unit.key and self._codec != "hevc":  # whose key pictures may be followed by some that need earlier ones
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
        self._on_frame(Frame(Format.JPEG, name, data, unit.read_at, unit.presented_at, self._epoch, Flag.KEY))

    def _pacer(self, name: str) -> Pacer:
        if name not in self._pacers:
            self._pacers[name] = Pacer(QUALITIES[name].rate)
        return self._pacers[name]


def _fits(unit: AccessUnit) -> bool:
    """Into one message."""
    return len(unit.data) <= MAX_FRAME_BYTES
