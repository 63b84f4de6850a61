"""Encoded pictures as RTP packets, with what cameras do differently, right or wrong."""

import functools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, cast

import av
import numpy as np

from cameras.simulator.coding.nal import SYNTAX, split
from cameras.simulator.stream import Codec

WIDTH, HEIGHT = 128, 96
GOP = 8  # pictures
TICKS = 3600  # of a picture at 25 frames/s
EPOCH = 10 * TICKS  # time stamp of the first picture
SOURCE, TYPE, CHANNEL = 0x1234ABCD, 96, 0
LIBRARIES = {Codec.H264: "libx264", Codec.H265: "libx265"}
FRAGMENT, AGGREGATE = {Codec.H264: 28, Codec.H265: 49}, {Codec.H264: 24, Codec.H265: 48}
DELIMITER = {Codec.H264: b"\x09\xf0", Codec.H265: b"\x46\x01\x50"}
MESSAGE = {Codec.H264: b"\x06\x05\x01\x01\x80", Codec.H265: b"\x4e\x01\x05\x01\x01\x80"}


class Picture(NamedTuple):
    sets: tuple[bytes, ...]  # of a keyframe
    slices: tuple[bytes, ...]

    @property
    def key(self) -> bool:
        return bool(self.sets)


class Packet(NamedTuple):
    picture: int  # its number
    payload: bytes
    marker: bool
    timestamp: int
    flags: int = 0x80
    tail: bytes = b""  # padding

    def on_wire(self, sequence: int) -> bytes:
        """The packet as it is sent on an RTSP connection."""
        kind = self.marker << 7 | TYPE
        header = struct.pack("!BBHII", self.flags, kind, sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, SOURCE)
        extension = b"\xab\xac\x00\x01\x01\x02\x03\x04" if self.flags & 0x10 else b""
        packet = header + extension + self.payload + self.tail
        return struct.pack("!cBH", b"$", CHANNEL, len(packet)) + packet


@dataclass(frozen=True)
class Shape:
    """How a camera sends its pictures."""

    codec: Codec = Codec.H264
    slices: int = 2  # of a picture; 0: their number changes
    size: int = 400  # bytes of a payload, at most
    delimiters: bool = False  # its own access unit delimiters
    messages: bool = False  # SEI
    sets_in_the_middle: bool = False  # parameter sets before each slice of a keyframe
    sets_marked: bool = False  # a marker bit on parameter sets too
    padded: bool = False
    extended: bool = False  # RTP header extensions
    aggregated: bool = False  # small units share a packet
    marker: str = "picture"  # or "slice", "never"
    one_time_per_slice: bool = False

    @property
    def is_right(self) -> bool:
        """Whether the marker bits end pictures, and FFmpeg returns each picture as one."""
        unusual = self.sets_marked + self.aggregated + self.sets_in_the_middle > 1
        return self.marker == "picture" and not (unusual or self.one_time_per_slice)


@functools.cache
def encoded(codec: Codec, slices: int, count: int, seed: int = 1) -> tuple[Picture, ...]:
    """Pictures of noise and movement. A GOP begins with every eighth."""
    context = cast(av.VideoCodecContext, av.CodecContext.create(LIBRARIES[codec], "w"))
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.framerate, context.time_base, context.thread_count = Fraction(25), Fraction(1, 25), 1
    cut = f"slices={slices}" if slices else "slice-max-size=350"
    options = {Codec.H264: f"{cut}:scenecut=0", Codec.H265: f"slices={slices}:scenecut=0:log-level=none:info=0"}
    name = {Codec.H264: "x264-params", Codec.H265: "x265-params"}[codec]
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "g": str(GOP),
        "forced-idr": "1",
        name: options[codec],
    }
    random = np.random.default_rng(seed)
    noise = random.integers(60, 180, (HEIGHT * 3 // 2, WIDTH), np.uint8)
    packets = []
    for number in range(count):
        image = np.roll(noise, 3 * number, axis=1)
        image[:8, :] = random.integers(0, 255, (8, WIDTH), np.uint8)
        frame = av.VideoFrame.from_ndarray(image, format="yuv420p")
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    return tuple(_picture(codec, bytes(packet)) for packet in packets)


def _picture(codec: Codec, data: bytes) -> Picture:
    syntax, units = SYNTAX[codec], split(data)
    return Picture(tuple(filter(syntax.is_set, units)), tuple(filter(syntax.is_slice, units)))


def packets_of(pictures: Sequence[Picture], shape: Shape, first: int = 0) -> Iterator[Packet]:
    """The packets of `pictures`, whose numbers begin with `first`."""
    for number, picture in enumerate(pictures, start=first):
        units = list(_units(picture, shape))
        payloads = [list(_fragments(unit, shape)) for unit in units]
        if shape.aggregated:
            payloads = _aggregated(payloads, shape)
        for index, parts in enumerate(payloads):
            is_slice = SYNTAX[shape.codec].is_slice(units[min(index, len(units) - 1)])
            for part, payload in enumerate(parts):
                last = part == len(parts) - 1
                ends = last and (index == len(payloads) - 1 or (shape.marker == "slice" and is_slice))
                marker = shape.marker != "never" and (ends or (shape.sets_marked and last and not is_slice))
                later = TICKS // 10 * index if shape.one_time_per_slice else 0
                flags, tail = 0x80 | shape.extended << 4, b""
                if shape.padded:
                    flags, tail = flags | 0x20, b"\x00\x00\x00\x04"
                yield Packet(number, payload, marker, EPOCH + number * TICKS + later, flags, tail)


def _units(picture: Picture, shape: Shape) -> Iterator[bytes]:
    if shape.delimiters:
        yield DELIMITER[shape.codec]
    if shape.messages:
        yield MESSAGE[shape.codec]
    for index, unit in enumerate(picture.slices):
        if index == 0 or shape.sets_in_the_middle:
            yield from picture.sets
        yield unit


def _fragments(unit: bytes, shape: Shape) -> Iterator[bytes]:
    header = SYNTAX[shape.codec].header
    if len(unit) <= shape.size:
        yield unit
        return
    kind = SYNTAX[shape.codec].type_of(unit)
    first = unit[0] & 0xE0 | 28 if shape.codec is Codec.H264 else unit[0] & 0x81 | 49 << 1
    for start in range(header, len(unit), shape.size):
        flags = (start == header) << 7 | (start + shape.size >= len(unit)) << 6
        yield bytes((first,)) + unit[1:header] + bytes((flags | kind,)) + unit[start : start + shape.size]


def _aggregated(payloads: list[list[bytes]], shape: Shape) -> list[list[bytes]]:
    """Put the small units at the beginning into one packet."""
    small = 0
    while small < len(payloads) and len(payloads[small]) == 1:
        small += 1
    if small < 2:
        return payloads
    header = b"\x78" if shape.codec is Codec.H264 else b"\x60\x01"
    packet = header + b"".join(len(part).to_bytes(2, "big") + part for (part,) in payloads[:small])
    return [[packet], *payloads[small:]]
