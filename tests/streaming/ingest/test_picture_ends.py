"""Pictures end at RTP's marker bit where a camera has shown that this is right. test_rtp_pictures.py has FFmpeg too."""

import struct
import time
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.simulator.stream import Codec
from streaming.ingest.picture_ends import PictureEnds, video_types, without_delimiters
from streaming.ingest.rtp_payloads import CODECS
from tests.streaming.ingest.rtp_camera import (
    CHANNEL,
    EPOCH,
    GOP,
    SOURCE,
    TICKS,
    TYPE,
    Packet,
    Shape,
    encoded,
    packets_of,
)

FIRST = 65_520  # sequence numbers wrap soon
RIGHT = [
    Shape(),
    Shape(slices=1),
    Shape(slices=0),
    Shape(size=60),
    Shape(size=1400, aggregated=True, messages=True),
    Shape(delimiters=True, messages=True),
    Shape(padded=True, extended=True, aggregated=True, messages=True, slices=6),
    Shape(sets_marked=True),
    Shape(sets_in_the_middle=True, delimiters=True, messages=True),
    Shape(codec=Codec.H265, slices=1),
    Shape(codec=Codec.H265, slices=1, size=100, aggregated=True, delimiters=True, messages=True),
]
WRONG = [
    Shape(marker="never"),
    Shape(marker="slice"),
    Shape(marker="slice", one_time_per_slice=True),
    Shape(one_time_per_slice=True),
    Shape(sets_in_the_middle=True, aggregated=True),
]


def ends_of(shape: Shape, **options: bool) -> PictureEnds:
    return PictureEnds({TYPE: CODECS[shape.codec.value.upper()]}, **options)


def wired(packets: Iterable[Packet]) -> list[bytes]:
    return [packet.on_wire(number) for number, packet in enumerate(packets, start=FIRST)]


def cut(data: bytes) -> list[bytes]:
    """The packets of what an RTSP connection carries."""
    packets = []
    while data:
        size = 4 + int.from_bytes(data[2:4])
        packets.append(data[:size])
        data = data[size:]
    return packets


def is_delimiter(packet: bytes) -> bool:
    return packet[16:17] == b"\x69" or packet[16:18] == b"\x46\x07"


@pytest.mark.parametrize("shape", RIGHT, ids=str)
def test_each_picture_ends_with_its_last_packet_once_the_camera_is_trusted(shape: Shape) -> None:
    ends, fresh, sent, passed = ends_of(shape), [], [], []
    packets = list(packets_of(encoded(shape.codec, shape.slices, 20), shape))
    lasts = {packet.picture: index for index, packet in enumerate(packets)}
    for index, data in enumerate(wired(packets)):
        sent.append(data)
        passed += cut(bytes(ends.push(data)))
        if index == lasts[packets[index].picture]:
            fresh.append(is_delimiter(passed[-1]))
    first = shape.codec is Codec.H264  # the decoder tells whether it is whole
    assert fresh == [first, False, False] + [True] * 17
    expected = replace(shape, sets_in_the_middle=False)  # repeated sets are dropped
    payloads = [packet.payload for packet in packets_of(encoded(shape.codec, shape.slices, 20), expected)]
    head = 24 if shape.extended else 16
    kept = [packet[head:] for packet in passed if not is_delimiter(packet)]
    assert [data.removesuffix(b"\x00\x00\x00\x04") for data in kept] == payloads


@pytest.mark.parametrize("shape", WRONG, ids=str)
def test_a_camera_whose_marker_bits_do_not_end_pictures_is_read_unchanged(shape: Shape) -> None:
    ends = ends_of(shape)
    sent = wired(packets_of(encoded(shape.codec, shape.slices, 20), shape))
    passed = cut(b"".join(bytes(ends.push(data)) for data in sent))
    assert ends.gave_up and not ends.whole > 1
    assert [packet for packet in passed if not is_delimiter(packet)] == sent
    assert len(passed) - len(sent) <= 2  # behind what seemed to be the first picture


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_trusted_camera_that_changes_its_habits_is_read_unchanged_from_then_on(wrong: Shape) -> None:
    ends = ends_of(wrong)
    pictures = encoded(wrong.codec, wrong.slices, 2 * GOP)
    habits = [*packets_of(pictures[:GOP], Shape()), *packets_of(pictures[GOP:], wrong, first=GOP)]
    sent = wired(habits)
    passed = cut(b"".join(bytes(ends.push(data)) for data in sent))
    assert ends.gave_up and not ends.trusted
    assert [packet for packet in passed if not is_delimiter(packet)] == sent
    assert ends.push(b"anything") == b"anything"


def test_a_camera_without_keyframes_is_trusted_after_more_pictures() -> None:
    ends = ends_of(Shape())
    _, *others = encoded(Codec.H264, 2, GOP)
    for data in wired(packets_of(others * 8, Shape())):
        ends.push(data)
    assert ends.trusted and ends.whole == 8 * len(others) - 1


def test_a_known_camera_is_trusted_from_its_first_picture_on() -> None:
    ends = ends_of(Shape(), trusted=True)
    passed = b"".join(bytes(ends.push(data)) for data in wired(packets_of(encoded(Codec.H264, 2, 1), Shape())))
    assert is_delimiter(cut(passed)[-1])


@settings(deadline=None)
@given(st.data())
def test_what_is_passed_on_does_not_depend_on_how_the_network_cuts_it(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from(RIGHT + WRONG))
    reply = b"RTSP/1.0 200 OK\r\nCSeq: 5\r\nContent-Length: 3\r\n\r\n$$$"
    packets = wired(packets_of(encoded(shape.codec, shape.slices, 12), shape))
    stream = b"".join([reply, *packets[:9], reply, *packets[9:]])
    at_once = bytes(ends_of(shape).push(stream))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=30)))
    ends = ends_of(shape)
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert b"".join(bytes(ends.push(piece)) for piece in pieces) == at_once


@settings(deadline=None)
@given(st.binary(max_size=400), st.integers(0, 50))
def test_anything_may_come(junk: bytes, packets: int) -> None:
    ends = ends_of(Shape())
    sent = wired(packets_of(encoded(Codec.H264, 2, 8), Shape()))[:packets]
    for piece in (*sent, junk, b"$\x00\x00\x04" + junk[:4].ljust(4), junk):
        ends.push(piece)


# Lost packets.


def time_of(packet: bytes) -> int:
    """The number of the packet's picture."""
    return (int.from_bytes(packet[8:12]) - EPOCH) // TICKS


def told_losses(stream: bytes) -> list[int]:
    """The pictures in front of which the stream tells of a loss. The first of a connection may be one."""
    packets = cut(stream)
    told = [number for number, packet in enumerate(packets, start=1) if packet.endswith(b"!.")]
    assert len(told) % 2 == 0, "each is told twice"
    assert all(second == first + 1 for first, second in zip(told[::2], told[1::2], strict=True))
    return [time_of(packets[number]) for number in told[1::2]]


@pytest.mark.parametrize("part", ["first", "middle", "last"])
def test_a_picture_with_a_lost_packet_is_dropped_and_the_next_one_tells_it(part: str) -> None:
    shape, broken = Shape(size=60), 5
    ends = ends_of(shape, trusted=True)
    packets = list(enumerate(packets_of(encoded(shape.codec, shape.slices, GOP), shape), start=FIRST))
    own = [number for number, packet in packets if packet.picture == broken]
    lost = {"first": own[0], "middle": own[len(own) // 2], "last": own[-1]}[part]
    out = b"".join(bytes(ends.push(packet.on_wire(number))) for number, packet in packets if number != lost)
    assert told_losses(out)[1:] == [broken + 1]
    assert {time_of(packet) for packet in cut(out) if not is_delimiter(packet)} == set(range(GOP)) - {broken}


def test_a_lost_picture_is_told_too() -> None:
    ends = ends_of(Shape(), trusted=True)
    packets = enumerate(packets_of(encoded(Codec.H264, 2, GOP), Shape()), start=FIRST)
    out = b"".join(bytes(ends.push(packet.on_wire(number))) for number, packet in packets if packet.picture != 4)
    assert told_losses(out)[1:] == [5]
    assert b"\x69%+d!." % TICKS in out  # one picture later than expected


def test_a_camera_whose_numbers_have_no_order_is_read_unchanged() -> None:
    ends = ends_of(Shape(), trusted=True)
    packets = list(packets_of(encoded(Codec.H264, 2, 40) * 8, Shape()))
    for number, packet in enumerate(packets):
        ends.push(packet.on_wire(number if packet.picture < 10 else number * 7))
    assert ends.gave_up


# Reads, and the times of the camera.


@pytest.mark.parametrize("header", [b"\x69", b"\x46\x07"])
def test_a_read_is_without_the_delimiters(header: bytes) -> None:
    start, unit = b"\x00\x00\x00\x01", b"\x00\x00\x00\x01\x67\x42"
    own = b"\x00\x00\x00\x01\x09\xf0" + unit
    assert without_delimiters(unit) == (unit, 0, False)
    assert without_delimiters(own) == (own, 0, False)
    assert without_delimiters(start + header + b"\xf0" + own) == (own, 0, False)
    assert without_delimiters(start + header + b"\xf0" + start + header + b"+3600." + unit) == (unit, 40_000, False)
    assert without_delimiters(start + header + b"-90!." + unit) == (unit, -1000, True)


def test_only_streams_that_can_be_told_are_followed() -> None:
    h264, h265 = b"a=rtpmap:96 H264/90000\r\n", b"a=rtpmap:97 h265/90000\r\n"
    assert video_types(h264 + h265) == {96: CODECS["H264"], 97: CODECS["H265"]}
    assert video_types(b"m=video 0 RTP/AVP 26\r\n") == {}
    assert video_types(h264 + b"a=fmtp:96 packetization-mode=2\r\n") == {}
    assert video_types(h265 + b"a=fmtp:97 sprop-max-don-diff=2\r\n") == {}
    assert video_types(h265 + b"a=fmtp:97 sprop-max-don-diff=0\r\n")


def report(seconds: float, timestamp: int, source: int = SOURCE) -> bytes:
    """A sender report on the second channel."""
    ntp = int((seconds + 2_208_988_800) * 2**32)
    packet = struct.pack("!BBHIQIII", 0x80, 200, 6, source, ntp, timestamp, 0, 0)
    return struct.pack("!cBH", b"$", CHANNEL + 1, len(packet)) + packet


@pytest.mark.parametrize(
    ("behind", "source", "known"),
    [(0.25, SOURCE, True), (0.25, SOURCE + 1, False), (-0.5, SOURCE, False), (3600, SOURCE, False)],
)
def test_the_delay_since_the_camera_is_told_if_its_clock_is_plausible(behind: float, source: int, known: bool) -> None:
    ends = ends_of(Shape())
    packets = wired(packets_of(encoded(Codec.H264, 2, 1), Shape()))
    assert ends.clock.delay is None
    ends.push(report(time.time() - behind - 1, EPOCH - 90_000 & 0xFFFFFFFF, source) + b"".join(packets))
    assert (ends.clock.delay is not None) == known
    if ends.clock.delay is not None:
        assert ends.clock.delay == pytest.approx(behind * 1000, abs=100)
