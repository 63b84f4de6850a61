"""Damaged streams against a decoder: no picture that is passed on is half a picture.

Each round is a camera of a random shape that loses, swaps or repeats packets, or changes while it runs. The product reads it
through its proxy and FFmpeg. Each picture that it passes on must have all slices of one of the camera's pictures, and decode
to the same pixels as without damage.
"""

import functools
import itertools
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import av
import numpy as np

from cameras.simulator.coding.nal import SYNTAX, split
from cameras.simulator.stream import Codec
from tests.servers import PATIENCE, wait_until
from tests.streaming.ingest.rtp_camera import GOP, Packet, Picture, Shape, encoded, packets_of
from tests.streaming.ingest.scripted import SDP, Script, rtsp, rtsp_reply, server
from tests.streaming.ingest.watched import watching

PICTURES = 48
SOUND = 10  # pictures at the beginning that arrive undamaged: the camera's habits are learned from them
QUIET = 0.15  # seconds without a picture, after which no more is expected
HALF = -1
START = b"\x00\x00\x00\x01"


@dataclass(frozen=True)
class Round:
    """A camera and what happens to its packets."""

    pictures: tuple[Picture, ...]
    packets: tuple[Packet, ...]  # all that are sent, in this order
    numbers: tuple[int, ...]  # their sequence numbers
    fault: str
    shape: Shape


def playing(codec: Codec, send: Callable[[socket.socket], None]) -> Script:
    """A camera that calls `send` after PLAY."""
    description = SDP.replace(b"H264", codec.value.upper().encode())
    headers = b"Content-Type: application/sdp\r\n"
    setup = rtsp(DESCRIBE=lambda request: rtsp_reply(request, headers=headers, body=description))

    def script(connection: socket.socket) -> None:
        setup(connection)
        send(connection)

    return script


UNDAMAGED = ("none", "change")
FAULTS = ("none", "lose", "lose pictures", "swap", "repeat", "change")


def make_round(seed: int, fault: str = "", shape: Shape | None = None) -> Round:
    """A round that depends on nothing but the arguments. By default, the seed chooses fault and shape."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    shape = shape or _any_shape(chance)
    fault = fault or chance.choice(FAULTS)
    if fault != "none" and not shape.is_right:  # such a camera is read as FFmpeg reads it
        fault = "none"
    pictures = encoded(shape.codec, shape.slices, PICTURES)
    packets = list(packets_of(pictures, shape))
    if fault == "change":
        other = replace(shape, slices=chance.choice((1, 2, 4)), size=chance.choice((60, 400)), aggregated=False)
        at = chance.randrange(2, 4) * GOP
        changed = encoded(shape.codec, other.slices, PICTURES - at, seed=2)
        pictures = pictures[:at] + changed
        packets = [packet for packet in packets if packet.picture < at] + list(packets_of(changed, other, first=at))
    numbered = list(enumerate(packets, start=chance.randrange(65536)))
    return Round(pictures, *_damaged(numbered, fault, chance), fault, shape)


def _any_shape(chance: random.Random) -> Shape:
    return Shape(
        slices=chance.choice((0, 1, 2, 3, 6)),
        size=chance.choice((60, 137, 400, 1400)),
        delimiters=chance.random() < 0.3,
        messages=chance.random() < 0.3,
        sets_in_the_middle=chance.random() < 0.15,
        sets_marked=chance.random() < 0.15,
        padded=chance.random() < 0.2,
        extended=chance.random() < 0.2,
        aggregated=chance.random() < 0.3,
        marker=chance.choice(("picture",) * 8 + ("slice", "never")),
        one_time_per_slice=chance.random() < 0.05,
    )


def _damaged(
    numbered: list[tuple[int, Packet]], fault: str, chance: random.Random
) -> tuple[tuple[Packet, ...], tuple[int, ...]]:
    """The packets and their numbers after the fault."""
    often = chance.choice((0.005, 0.02, 0.05))
    lost = {number for number in range(SOUND, PICTURES) if chance.random() < 0.1}
    sent: list[tuple[int, Packet]] = []
    for number, packet in numbered:
        hit = packet.picture >= SOUND and chance.random() < often
        if (fault == "lose" and hit) or (fault == "lose pictures" and packet.picture in lost):
            continue
        sent.append((number, packet))
        if fault == "repeat" and hit:
            sent.append((number, packet))
        if fault == "swap" and hit and len(sent) > 1:
            sent[-2:] = reversed(sent[-2:])
    return tuple(packet for _, packet in sent), tuple(number for number, _ in sent)


def sending(round: Round, done: threading.Event, enough: threading.Event) -> Callable[[socket.socket], None]:
    """A camera that sends the packets, sets `done`, and hangs up at `enough`: else its reader waits for the timeout."""

    def send(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chance = random.Random(len(round.packets))  # noqa: S311 - no secret
        for _, group in itertools.groupby(
            zip(round.packets, round.numbers, strict=True), key=lambda pair: pair[0].picture
        ):
            data = b"".join(packet.on_wire(number) for packet, number in group)
            cut = chance.randrange(len(data) + 1)
            connection.sendall(data[:cut])
            time.sleep(0.001)
            connection.sendall(data[cut:])
            time.sleep(0.002)
        done.set()
        enough.wait(20)
        connection.shutdown(socket.SHUT_RDWR)

    return send


def slices_of(codec: Codec, data: bytes) -> tuple[bytes, ...]:
    return tuple(unit.rstrip(b"\x00") for unit in split(data) if SYNTAX[codec].is_slice(unit))


@functools.cache
def images(codec: Codec, pictures: Sequence[Picture]) -> list[Any]:
    """The pictures, decoded without damage."""
    streams = (START + START.join(picture.sets + picture.slices) for picture in pictures)
    return [image for image, _ in decoded(codec, streams)]


def decoded(codec: Codec, units: Iterator[bytes]) -> list[tuple[Any, bool]]:
    """Each unit's picture, and whether the decoder calls it corrupt."""
    name = {Codec.H264: "h264", Codec.H265: "hevc"}[codec]
    decoder = cast(av.VideoCodecContext, av.CodecContext.create(name, "r"))
    decoder.options = {"flags": "low_delay"}
    decoder.thread_count = 1
    found = []
    for data in units:
        for picture in decoder.decode(av.Packet(data)):
            found.append((picture.to_ndarray(format="gray"), picture.is_corrupt))
    return found


def check(round: Round) -> int:
    """Returns how many pictures were passed on. Raises AssertionError for half a picture."""
    done, enough = threading.Event(), threading.Event()
    codec = round.shape.codec
    with server(playing(codec, sending(round, done, enough))) as camera:
        with watching(f"rtsp://127.0.0.1:{camera.port}/") as watched:
            assert done.wait(20)
            if round.fault in UNDAMAGED:
                wait_until(lambda: bool(watched.video), PATIENCE, "a picture comes")
            count = -1
            while count != len(watched.frames):
                count = len(watched.frames)
                time.sleep(QUIET)
            enough.set()
        frames = list(watched.video)
    numbers = {
        tuple(unit.rstrip(b"\x00") for unit in picture.slices): number for number, picture in enumerate(round.pictures)
    }
    passed = [numbers.get(slices_of(codec, frame.data), HALF) for frame in frames]
    assert HALF not in passed, f"half a picture: number {passed.index(HALF)} of {len(passed)} after {passed[:5]}"
    expected = images(codec, round.pictures)
    for number, (image, corrupt) in zip(passed, decoded(codec, (frame.data for frame in frames)), strict=True):
        assert not corrupt, f"picture {number} is corrupt"
        assert np.array_equal(image, expected[number]), f"picture {number} is not the camera's"
    if round.fault in UNDAMAGED:
        assert passed and passed == sorted(set(passed)), passed
    return len(passed)
