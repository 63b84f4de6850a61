"""The pictures of a rogue (misbehaving) camera: correct and damaged H.264 in RTP. `units` caches its video."""

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import count, cycle

import numpy as np

from cameras.simulator.coding.encoder import open_encoder
from cameras.simulator.coding.repetition import Repetition
from cameras.simulator.server.rtp import RtpStream
from cameras.simulator.stream import AccessUnit, Codec, StreamFormat

RATE = 25  # frames/s
LARGE = 60_000  # bytes of a packet in a flood
HUGE = 16_384  # pixels
PICTURE = 300_000_000  # bytes
SIZES = (320, 240), (640, 480), (128, 96)
FU_A, IDR, FIRST, LAST, MARKER = 28, 5, 0x80, 0x40, 0x80


@cache
def units(width: int = 320, height: int = 240, codec: Codec = Codec.H264) -> tuple[AccessUnit, ...]:
    """Returns two seconds of moving noise, encoded with a keyframe in each second. Made once for each size and
    codec.
    """
    encoder = open_encoder(StreamFormat(width, height, Fraction(RATE), 500_000, 1.0, codec))
    noise = np.random.default_rng(0).integers(0, 255, (height * 3 // 2, width), np.uint8)
    found: list[AccessUnit] = []
    for number in range(2 * RATE):
        found += encoder.encode(np.roll(noise, number, axis=0), number, 0.0, number % RATE == 0)
    return tuple(found)


def sets(width: int = 320, height: int = 240) -> tuple[bytes, ...]:
    """Returns the H.264 parameter sets of the pictures that `units` returns."""
    return units(width, height)[0].sets


Damage = Callable[[AccessUnit, random.Random], AccessUnit]


def pictures(*sizes: tuple[int, int], damage: Damage = lambda unit, _: unit) -> Iterator[bytes]:
    """Yields pictures without end, each as RTP packets interleaved for RTSP. The size changes to the next of `sizes`
    (width, height) every two seconds; without any, it is always 320x240. `damage`: changes each picture before it is
    packed.
    """
    rtp = RtpStream(0, Repetition.KEYFRAME)
    chance = random.Random(0)  # noqa: S311 - has to repeat
    numbers = count()
    for size in cycle(sizes or SIZES[:1]):
        for unit in units(*size):
            damaged = replace(damage(unit, chance), ticks=next(numbers) * 90_000 // RATE)
            yield b"".join(rtp.frames(damaged))


def flipped(unit: AccessUnit, chance: random.Random) -> AccessUnit:
    """Returns the picture with random bits of each NAL unit flipped, headers included: one, and one more for each 2,000
    bytes. In about three of ten pictures this happens to the parameter sets, too.
    """
    return replace(unit, parts=tuple(_flip(part, chance) for part in unit.parts), sets=_flip_sets(unit, chance))


def _flip_sets(unit: AccessUnit, chance: random.Random) -> tuple[bytes, ...]:
    return tuple(_flip(nal, chance) for nal in unit.sets) if chance.random() < 0.3 else unit.sets


def _flip(nal: bytes, chance: random.Random) -> bytes:
    data = bytearray(nal)
    for _ in range(1 + len(data) // 2_000):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def truncated(unit: AccessUnit, chance: random.Random) -> AccessUnit:
    return replace(unit, parts=tuple(part[: chance.randrange(1, len(part))] for part in unit.parts))


def huge_sets(unit: AccessUnit, chance: random.Random) -> AccessUnit:
    return replace(unit, sets=(huge_sps(), *unit.sets[1:]))


def huge_sps() -> bytes:
    """Returns a sequence parameter set of the baseline profile, level 6.2, that announces 16384x16384 pixels."""
    blocks = HUGE // 16 - 1
    fields = (0, 0, 2, 1)  # id, frame number, order of pictures, reference frames
    bits = "".join(map(_exp_golomb, fields)) + "0" + _exp_golomb(blocks) * 2 + "1100" + "1"
    bits += "0" * (-len(bits) % 8)
    return bytes((0x67, 66, 0xC0, 62)) + int(bits, 2).to_bytes(len(bits) // 8, "big")


def _exp_golomb(value: int) -> str:
    binary = f"{value + 1:b}"
    return "0" * (len(binary) - 1) + binary


def endless_unit() -> Iterator[bytes]:
    """Yields RTP packets interleaved for RTSP: one whole picture, then a NAL unit that never ends."""
    return _fragments(lambda sent: 0)


def huge_pictures() -> Iterator[bytes]:
    """Yields RTP packets interleaved for RTSP: one whole picture, then NAL units of 300 MB each."""
    return _fragments(lambda sent: LAST if sent % PICTURE < LARGE else 0)


def _fragments(flags: Callable[[int], int]) -> Iterator[bytes]:
    rtp = RtpStream(0, Repetition.KEYFRAME)
    yield b"".join(rtp.frames(units()[0]))
    payload, sent, ended = b"\xa5" * LARGE, 0, True
    for sequence in count(rtp.sequence):
        flag = FIRST if ended else flags(sent)
        ended = flag == LAST
        sent += LARGE
        header = bytes((0x60 | FU_A, flag | IDR))
        yield packet(header + payload, sequence, rtp.ssrc, sent // PICTURE, marker=ended)


def endless_picture() -> Iterator[bytes]:
    """Returns RTP packets interleaved for RTSP: whole NAL units of a picture that never ends (one time stamp, no marker
    bit).
    """
    slices = bytes((0x61,)) + b"\x9a" * 8_000
    return (packet(slices, sequence, 1, 0) for sequence in count())


def packet(payload: bytes, sequence: int, ssrc: int, ticks: int, *, marker: bool = False) -> bytes:
    kind = 96 | (MARKER if marker else 0)
    head = struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, ticks & 0xFFFFFFFF, ssrc)
    return struct.pack("!cBH", b"$", 0, len(head) + len(payload)) + head + payload


def wrong_lengths() -> Iterator[bytes]:
    """Yields whole pictures as `pictures` does, but the first packet of every fifth has a wrong length in its
    header.
    """
    chance = random.Random(0)  # noqa: S311 - has to repeat
    for number, data in enumerate(pictures()):
        yield data if number % 5 else b"$\0" + struct.pack("!H", chance.choice((0, 1, 11, 65_535))) + data[4:]


def garbage() -> Iterator[bytes]:
    chance = random.Random(0)  # noqa: S311 - has to repeat
    while True:
        yield chance.randbytes(2_000)
