"""Tells FFmpeg at once where a camera's picture ends. Otherwise FFmpeg sees the end only when the next picture begins.

The last RTP packet of a picture has a marker bit. `PictureEnds` inserts an access unit delimiter (a NAL unit) behind
that packet, which makes FFmpeg return the picture. `PictureEnds` first checks on some pictures whether this camera's
marker bits are right. From then on it buffers each picture until its end, so a picture with lost packets never reaches
FFmpeg. Streams that cannot be parsed, or whose marker bits are wrong, pass unchanged. This module does no I/O.
"""

import re
import struct
from collections.abc import Mapping
from typing import NamedTuple

from streaming.ingest.camera_clock import CLOCK_RATE, REPORT, CameraClock, ticks
from streaming.ingest.interleaved import DOLLAR, Interleaved, UnknownDataError
from streaming.ingest.rtp_payloads import CODECS, Begins, Codec, PackingError

PICTURES = 3  # that must end with their marker bits, a keyframe among them, before those are trusted
WITHOUT_KEY = 50  # the same, of a camera that sends no keyframes
FAULTS = 250  # damaged pictures in a row, beyond which this camera's sequence numbers are not believed

PACKET = struct.Struct("!BBHBBHII")  # $, channel, size; RTP: flags, marker and type, sequence, timestamp, source
SENDER_REPORT = 200
TOLERANCE = 450  # ticks (5 ms) by which a picture's time may be wrong, which is a hint only

RTPMAP = re.compile(rb"(?i)a=rtpmap:([0-9]{1,3})[ \t]+(H26[45])/90000")
REORDERED = re.compile(rb"(?i)packetization-mode=2|sprop-max-don-diff=[1-9]")

# FFmpeg ignores the first packet after a jump of more than 3,000 numbers. So a loss is told twice.
LOSS_TOLD = 2  # times
END = b"\xf0"  # of a delimiter behind a picture
# Delimiters in front of a read. Those in front of a picture tell by how many ticks it differs from the expected time, and
# with "!" that pictures were lost before it.
DELIMITERS = re.compile(rb"(?:\x00\x00\x00\x01(?:\x69|\x46\x07)(?:\xf0|([+-][0-9]{1,10})(!?)\.))+")


class Delimited(NamedTuple):
    """One read from FFmpeg, without the access unit delimiters that `PictureEnds` inserted, and the facts in them."""

    data: bytes
    later: float = 0.0  # microseconds from FFmpeg's time of this picture to the right one
    is_after_loss: bool = False  # pictures in front of it are missing


def without_delimiters(data: bytes) -> Delimited:
    """Returns `data`, one read from FFmpeg, without the delimiters of `PictureEnds` at its front, and their facts.

    These are the microseconds to add to FFmpeg's time of the picture, and whether pictures in front of it are
    missing. Without delimiters: 0.0 and False.
    """
    found = DELIMITERS.match(data)
    if found is None:
        return Delimited(data)
    later = int(found[1] or 0) * 1_000_000 / CLOCK_RATE
    return Delimited(data[found.end() :], later, bool(found[2]))


def video_types(description: bytes) -> dict[int, Codec]:
    """Returns RTP payload type -> codec, for the H.264 and H.265 in a session description (SDP).

    Empty if NAL units may come in another order than that of decoding: then the ends of pictures cannot be found.
    """
    if REORDERED.search(description):
        return {}
    return {int(kind): CODECS[codec.decode().upper()] for kind, codec in RTPMAP.findall(description)}


def payload_of(data: bytearray, at: int, end: int, flags: int) -> tuple[int, int]:
    """Returns start and end of an RTP packet's payload, as indexes of `data`: without header, extension and padding.

    `data[at:end]`: the packet, from RTSP's `$`, channel and size on. `flags`: the first byte of the RTP header.
    In a broken packet, the end may be less than the start, or the start inside an extension that is cut off.
    """
    start = at + PACKET.size + 4 * (flags & 0x0F)
    if flags & 0x10 and start + 4 <= end:  # an extension
        start += 4 + 4 * (data[start + 2] << 8 | data[start + 3])
    return start, end - (data[end - 1] if flags & 0x20 else 0)


class _UnpredictableError(Exception):
    """The RTP packets of this camera do not show reliably where a picture ends. Its stream then passes unchanged."""


class PictureEnds:
    """Marks pictures' ends for FFmpeg in RTSP data after PLAY. Drops damaged pictures once marker bits are trusted."""

    def __init__(self, types: Mapping[int, Codec], *, trusted: bool = False) -> None:
        """`types`: RTP payload type -> codec; empty: everything passes unchanged. `trusted`: rely on marker bits at
        once, as an earlier connection has shown that this camera sets them on the last packet of each picture."""
        self._types, self.trusted = types, trusted
        self.gave_up = not types  # what comes is passed on unchanged
        self.has_dropped_repetitions = False  # of parameter sets
        self.whole = 0  # pictures that have ended with their marker bits
        self.clock = CameraClock()
        self._stream = Interleaved()
        self._is_kept = False  # the current picture is kept until its end
        self._track: tuple[int, int] | None = None  # channel and payload type of the video
        self._source = self._timestamp = self._step = self._next = self._first = 0
        self._has_slice = self._ended = self._is_key = self._after_gap = self._damaged = False
        self._has_key = False  # a keyframe is among the whole pictures
        self._prefixes: set[bytes] = set()  # packets in front of the current picture's slices
        self._faults = 0  # damaged pictures since the last whole one
        self._lost = False  # a picture was lost since the last delimiter
        self._delimited_at: int | None = None  # the timestamp of the last delimiter

    def push(self, data: bytes | memoryview) -> bytes | memoryview:
        """Take bytes from the camera. Returns those for FFmpeg now, perhaps none: a picture may wait for its end."""
        if self.gave_up:
            return data
        try:
            for at, end in self._stream.packets(data):
                self._take(at, end)
        except (_UnpredictableError, UnknownDataError, PackingError):
            self.gave_up, self.trusted, self._is_kept = True, False, False
            self._stream.see_all()
        if not self._is_kept:
            self._stream.pass_on()
        return self._stream.flush()

    def _take(self, at: int, end: int) -> None:
        """Give `self._stream.held[at:end]` to `self.clock` if it is a sender report, to `_take_video` if video."""
        if end - at >= 4 + REPORT.size and self._stream.held[at + 5] == SENDER_REPORT:
            self.clock.reported(REPORT.unpack_from(self._stream.held, at + 4))
        elif end - at >= PACKET.size and (self._stream.held[at + 5] & 0x7F) in self._types:
            self._take_video(at, end)

    def _take_video(self, at: int, end: int) -> None:
        _, channel, _, flags, kind, sequence, timestamp, source = PACKET.unpack_from(self._stream.held, at)
        if self._track is None:  # the first picture may be the rest of one, as after a gap
            self._track, self._timestamp, self._next = (channel, kind & 0x7F), ~timestamp, ~sequence
        elif self._track != (channel, kind & 0x7F):
            raise _UnpredictableError
        is_gap, self._next = sequence != self._next, (sequence + 1) & 0xFFFF
        is_first = timestamp != self._timestamp
        is_lost = is_gap and not is_first  # packets of this picture
        if is_first or (is_lost and self._ended):
            self._begin(at, is_gap=is_gap)
            self._step = ticks(self._timestamp, timestamp) if self.whole else 0
            self._timestamp, self._source = timestamp, source
            if self._delimited_at is not None and not self.trusted:  # behind the first picture
                self._stream.pass_on(at)
                self._lost = False
                self._delimit_beginning(sequence)
                self._delimited_at = None
        elif self._ended:
            raise _UnpredictableError
        self._damaged |= is_lost
        self._has_slice |= is_lost  # the beginning of one may be what is lost
        payload, stop = payload_of(self._stream.held, at, end, flags)
        units = self._types[kind & 0x7F].units(self._stream.held, payload, stop)
        if is_first and is_gap and not units:
            self._has_slice = self._damaged = True
        if units and all(unit is Begins.PREFIX for unit in units):
            self._take_prefix(at, payload, end)
            return  # it ends no picture, though some cameras mark it
        for unit in units:
            self._note(unit)
        if kind & 0x80 and self._has_slice:
            self._end(end)

    def _take_prefix(self, at: int, payload: int, end: int) -> None:
        """Handle the packet `self._stream.held[at:end]`: parameter sets or SEI, from `payload` on. If it follows a slice,
        drop it if it is a repeat, otherwise raise _UnpredictableError unless the picture is damaged."""
        content = bytes(self._stream.held[payload:end])
        if not self._has_slice:
            self._prefixes.add(content)
        elif content in self._prefixes:
            self.has_dropped_repetitions = True
            self._stream.remove(at)
        else:
            self._damaged |= self.trusted and self._after_gap  # the first of them is lost
            if not self._damaged:
                raise _UnpredictableError

    def _begin(self, at: int, *, is_gap: bool) -> None:
        """Begin a picture at `self._stream.held[at]`. `is_gap`: packets before it are missing. Count the previous
        picture if it is whole, or drop it. Raises _UnpredictableError if its end is missing but no packet is."""
        if self._ended and not (is_gap or self._damaged):
            self._confirm(at)
        elif self._has_slice and not self._ended:
            if not (is_gap or self._damaged):
                raise _UnpredictableError
            self._drop(at)
        self._lost |= is_gap
        if self.trusted and not self._is_kept:
            self._stream.pass_on(at)
            self._is_kept, self._first = True, self._next - 1
        self._has_slice = self._ended = self._is_key = self._damaged = False
        self._after_gap, self._prefixes = is_gap, set()

    def _note(self, unit: Begins) -> None:
        """Record that a NAL unit of this kind begins here. Raises _UnpredictableError: out of order without a loss."""
        if unit is Begins.PREFIX and self._has_slice and not self._damaged:
            raise _UnpredictableError
        if unit is not Begins.PREFIX and unit is not Begins.OTHER:
            if unit is Begins.SLICE and not self._has_slice:
                if not (self._after_gap or self._damaged):
                    raise _UnpredictableError
                self._damaged = True
            self._has_slice = True
            self._is_key |= unit is Begins.KEY

    def _confirm(self, at: int) -> None:
        """Count the picture before `self._stream.held[at]`, whose marker bit was right. With enough of them, trust all."""
        self.whole += 1
        self._faults = 0
        self._has_key |= self._is_key
        if not self.trusted and self.whole >= (PICTURES if self._has_key else WITHOUT_KEY):
            self.trusted, self._lost = True, False
            self._stream.pass_on(at)
            self._delimit_end(self._next - 2)

    def _end(self, end: int) -> None:
        """Pass on the kept picture with delimiters, or drop it if damaged. `self._stream.held[end]` is behind it."""
        self._ended = True
        self.clock.arrived(self._source, self._timestamp)
        if self._damaged:
            self._drop(end)
            return
        if self._is_kept:
            self._delimit_beginning(self._first)
        elif not self._is_first_key:  # whose end is told too, although it has been passed on already
            return
        self._stream.pass_on(end)
        self._delimit_end(self._next - 1)
        self._is_kept = False

    @property
    def _is_first_key(self) -> bool:
        """Whether the picture is the first and an H.264 keyframe: its end is marked before marker bits are trusted."""
        is_first = not (self.trusted or self.whole) and self._delimited_at is None
        return is_first and self._is_key and self._track is not None and self._types[self._track[1]].can_be_checked

    def _delimit_end(self, sequence: int) -> None:
        """Insert an access unit delimiter behind a picture. `sequence`: RTP's number of the picture's last packet."""
        self._delimited_at = (self._timestamp + self._step) % 2**32
        self._delimit(END, sequence, self._delimited_at)

    def _delimit_beginning(self, sequence: int) -> None:
        """Insert delimiters before a picture after a loss or of a wrong time. `sequence`: that of its first packet."""
        later = ticks(self._timestamp if self._delimited_at is None else self._delimited_at, self._timestamp)
        if self._lost or abs(later) > TOLERANCE:
            for number in range(sequence - (LOSS_TOLD if self._lost else 1), sequence):
                self._delimit(b"%+d%b." % (later, b"!" if self._lost else b""), number, self._timestamp)
        self._lost = False

    def _drop(self, end: int) -> None:
        """Drop the kept picture, up to `self._stream.held[end]`. Raises _UnpredictableError after FAULTS in a row."""
        if not self._is_kept:
            return
        self._stream.drop(end)
        self._is_kept, self._lost = False, True
        self._faults += 1
        if self._faults > FAULTS:
            raise _UnpredictableError

    def _delimit(self, text: bytes, sequence: int, timestamp: int) -> None:
        """Insert an RTP packet of a delimiter and `text` (see DELIMITERS). By TCP, FFmpeg lets `sequence` repeat."""
        channel, kind = self._track or (0, 0)
        payload = self._types[kind].delimiter + text
        size = PACKET.size - 4 + len(payload)
        header = (DOLLAR, channel, size, 0x80, kind, sequence & 0xFFFF, timestamp, self._source)
        self._stream.insert(PACKET.pack(*header) + payload)
