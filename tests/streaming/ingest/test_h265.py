"""Reads of an H.265 camera in, access units out: the codec's name, parameter sets and keyframes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.simulator.coding.nal import split
from streaming.ingest import nal_syntax
from streaming.ingest.access_units import H265, START, AccessUnit, nal_units, units_of
from tests.streaming.ingest.by_hand import only
from tests.streaming.ingest.h265 import (
    CODEC,
    CRA,
    DELIMITER,
    PPS,
    SPS,
    VPS,
    decode,
    encode,
    sets_of,
    types,
    unit_of_type,
    without_sets,
)

STREAM = encode(6)
SETS = sets_of(STREAM[0])


def key(number: int = 0, *, kind: int = 20, goes_on: bool = False) -> bytes:
    return unit_of_type(kind, 0x00 if goes_on else 0x80, number, 0xAA)


def other(number: int = 0, *, goes_on: bool = False) -> bytes:
    return key(number, kind=1, goes_on=goes_on)


def pushed(units: H265, *reads: bytes) -> list[bytes]:
    return [unit.data for read in reads for unit in units.push(read, 0)]


def assembled(reads: list[bytes], extradata: bytes = b"") -> list[AccessUnit]:
    units = H265(extradata)
    return [unit for number, read in enumerate(reads) for unit in units.push(read, number)]


# The codec's name (ISO/IEC 14496-15, E.3).


@pytest.mark.parametrize(
    ("options", "pixels", "size", "codec"),
    [
        ("", "yuv420p", (320, 240), "hev1.1.6.L60.90"),
        ("", "yuv420p", (1280, 720), "hev1.1.6.L93.90"),
        ("", "yuv420p10le", (1280, 720), "hev1.2.4.L93.90"),
        ("", "yuv444p", (320, 240), "hev1.4.10.L60.9E.8"),
        ("level-idc=5.1:high-tier=1:vbv-maxrate=90000:vbv-bufsize=90000", "yuv420p", (320, 240), "hev1.1.6.H153.90"),
    ],
)
def test_the_codec_is_named_after_profile_tier_and_level(
    options: str, pixels: str, size: tuple[int, int], codec: str
) -> None:
    assert only(assembled(encode(1, options, pixels, size))).codec == codec


@pytest.mark.parametrize(
    ("profile", "codec"),
    [
        ("01 60000000 b00000000000 5d", "hev1.1.6.L93.B0"),
        ("42 20000000 900000000000 78", "hev1.A2.4.L120.90"),
        ("e1 00000001 000000000001 99", "hev1.C1.80000000.H153.0.0.0.0.0.1"),
        ("01 60000000 000000000000 1e", "hev1.1.6.L30"),
    ],
)
def test_the_name_has_the_profile_s_space_and_no_zeros_at_its_end(profile: str, codec: str) -> None:
    escaped = re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", bytes.fromhex(profile))
    assert nal_syntax.H265.codec_of(b"\x42\x01\x01" + escaped + b"\xa0") == codec


def test_a_sequence_parameter_set_that_is_cut_off_names_no_codec_and_makes_no_keyframe() -> None:
    vps, sps, pps = split(SETS)
    for length in range(2, 15):
        assert nal_syntax.H265.codec_of(sps[:length]) == ""
    assert not only(assembled([START + vps + START + sps[:9] + START + pps + key()])).key


# Parameter sets.


def test_a_complete_keyframe_is_unchanged() -> None:
    first, *others = assembled(STREAM)
    assert (first.data, first.key, first.codec, first.parameters) == (STREAM[0], True, CODEC, b"".join(split(SETS)))
    assert [(unit.data, unit.key, unit.codec) for unit in others] == [(read, False, "") for read in STREAM[1:]]


@pytest.mark.parametrize("delimiters", [0, 1])
def test_keyframes_get_missing_parameter_sets_behind_the_delimiter(delimiters: int) -> None:
    stream = encode(6, f"keyint=3:aud={delimiters}")
    bare = [without_sets(unit) for unit in stream]
    units = assembled(bare, sets_of(stream[0]))
    head = [DELIMITER] * delimiters
    assert [types(unit.data)[: delimiters + 3] for unit in units if unit.key] == [[*head, VPS, SPS, PPS]] * 2
    assert [types(unit.data)[:-1] for unit in units if not unit.key] == [head] * 4
    assert not any(picture.is_corrupt for picture in decode([unit.data for unit in units]))
    assert len(decode([unit.data for unit in units[3:]])) == 3


def test_only_missing_parameter_sets_are_added_and_later_ones_are_kept() -> None:
    vps, sps, pps = split(SETS)
    units = H265(SETS)
    assert pushed(units, START + sps + key(1)) == [START + vps + START + pps + START + sps + key(1)]
    larger = encode(1, size=(640, 480))[0]
    pushed(units, *(START + nal for nal in split(sets_of(larger))), other(2))
    unit = only(units.push(key(3), 0))
    assert (unit.data, unit.codec) == (sets_of(larger) + key(3), "hev1.1.6.L90.90")


def test_a_keyframe_without_known_parameter_sets_is_none() -> None:
    vps, sps, pps = split(SETS)
    for known in ((), (vps, sps), (vps, pps), (sps, pps)):
        assert not only(assembled([b"".join(START + nal for nal in known) + key()])).key


LAYERED = bytes.fromhex("420105 0160ffffff90ffffffffff5a d000") + bytes(13 * [0xAA])  # three layers, level and profile


@pytest.mark.parametrize(
    ("kind", "unit", "identifier"),
    [
        (VPS, b"\x40\x01\x0c", 0),
        (VPS, b"\x40\x01\x5c", 5),
        (PPS, b"\x44\x01\xc0", 0),
        (PPS, b"\x44\x01\x2f", 4),
        (SPS, split(SETS)[1], 0),
        (SPS, LAYERED + b"\x80", 0),
        (SPS, LAYERED + b"\x60", 2),
        (SPS, LAYERED[:17], 0),
        (VPS, b"\x40", 0),
    ],
)
def test_a_parameter_set_replaces_the_one_of_its_number(kind: int, unit: bytes, identifier: int) -> None:
    assert nal_syntax.H265.identifier_of(kind, unit) == identifier


# Keyframes.


@pytest.mark.parametrize("kind", range(32))
def test_intra_random_access_points_are_keyframes(kind: int) -> None:
    """Types 16 to 21: BLA, IDR and CRA pictures (ITU-T H.265, 7.4.2.2)."""
    assert only(assembled([SETS + key(kind=kind)])).key is (16 <= kind <= 21)


def test_decoding_can_start_at_a_keyframe_that_is_no_idr_picture() -> None:
    stream = encode(12, "keyint=5:min-keyint=5:open-gop=1:scenecut=0:bframes=2:b-adapt=0:rc-lookahead=8")
    units = assembled(stream)
    kinds = [types(unit.data)[-1] for unit in units]
    assert CRA in kinds[1:], kinds
    start = kinds.index(CRA, 1)
    assert units[start].key
    pictures = decode([unit.data for unit in units[start:]])
    assert pictures and not any(picture.is_corrupt for picture in pictures)


# Pictures in several reads.


def test_a_picture_of_several_slices_in_one_read_is_one_unit() -> None:
    read = SETS + key(1) + key(2, goes_on=True)
    assert only(assembled([read])).data == read


def test_the_halves_of_a_split_keyframe_are_joined_without_parameter_sets_between_them() -> None:
    units = units_of("hevc", b"")
    assert isinstance(units, H265)
    assert pushed(units, SETS + key(1), SETS + key(2, goes_on=True)) == []
    assert pushed(units, other(3)) == [SETS + key(1) + key(2, goes_on=True), other(3)]


def test_a_camera_that_sends_parameter_sets_between_the_slices_of_its_pictures_decodes_without_errors() -> None:
    stream = encode(8, "pools=1:slices=2:keyint=4", size=(640, 480))
    sets, reads = sets_of(stream[0]), []
    for unit in stream:
        *_, first, second = split(unit)
        reads += [sets + START + first, sets + START + second]
    units = assembled(reads)
    assert [types(unit.data)[-2:] for unit in units] == [[PPS, 20], [21, 21], [1, 1], [1, 1]]  # a half, then whole ones
    pictures = decode([unit.data for unit in units[1:]])
    assert len(pictures) == 3
    assert not any(picture.is_corrupt for picture in pictures)


def test_nal_units_without_a_slice_belong_to_the_next_picture() -> None:
    units, delimiter = H265(), unit_of_type(DELIMITER, 0x50)
    assert pushed(units, delimiter, SETS) == []
    assert pushed(units, key(), other()) == [delimiter + SETS + key(), other()]


# Any bytes.

PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([START, START[1:], SETS, *(START + nal for nal in split(SETS)), b"\x00"]),
    st.builds(key, st.integers(0, 255), kind=st.integers(0, 40), goes_on=st.booleans()),
)


@given(st.binary(max_size=60), st.lists(st.lists(PIECES, max_size=5).map(b"".join), max_size=20))
def test_any_bytes_raise_nothing_and_each_keyframe_can_be_decoded_alone(extradata: bytes, reads: list[bytes]) -> None:
    for unit in assembled(reads, extradata):
        kinds = {kind for kind, _, _ in nal_units(unit.data, nal_syntax.H265)}
        assert any(kind < 32 for kind in kinds)
        assert not unit.key or (kinds >= {VPS, SPS, PPS} and kinds & set(range(16, 22)))
        assert bool(unit.codec) is unit.key
