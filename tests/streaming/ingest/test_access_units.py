"""Reads of a camera in, access units out: parameter sets, keyframes, and any bytes at all."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.ingest.access_units import H264, START, AccessUnit, Passing, nal_units
from streaming.ingest.nal_syntax import IDR, PPS, SLICE, SPS
from tests.streaming.ingest.by_hand import DELIMITER, MESSAGE, PICTURE_SET, SET, SETS, facts, key, only, other, pushed

OTHER_SET, OTHER_PICTURE_SET = b"\x67\x64\x00\x28\xac", b"\x68\xee\x01"


# NAL units.


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []),
        (b"no start code", []),
        (b"\x00\x00\x01", []),
        (b"\x00\x00\x00\x01\x65\x88", [(5, b"\x65\x88")]),
        (b"\x00\x00\x01\x67\x01\x00\x00\x01\x68\x02", [(7, b"\x67\x01"), (8, b"\x68\x02")]),
        (b"rest\x00\x00\x01\x41", [(1, b"\x41")]),
        (b"\x00\x00\x01\x00\x00\x01\x41", [(1, b"\x41")]),
    ],
)
def test_nal_units_are_found_behind_start_codes_of_three_or_four_bytes(
    data: bytes, found: list[tuple[int, bytes]]
) -> None:
    assert [(kind, data[first:end]) for kind, first, end in nal_units(data)] == found


# Parameter sets.


def test_a_complete_keyframe_is_unchanged() -> None:
    unit = only(H264().push(SETS + key(), 40_000))
    assert facts(unit) == (SETS + key(), True, 40_000, "avc1.42C01E")


def test_a_keyframe_without_parameter_sets_gets_those_of_the_session_description() -> None:
    unit = only(H264(extradata=SETS).push(key(), 0))
    assert (unit.data, unit.key, unit.codec) == (SETS + key(), True, "avc1.42C01E")


def test_a_keyframe_without_parameter_sets_gets_the_latest_ones() -> None:
    units = H264(extradata=SETS)
    changed = START + OTHER_SET + START + OTHER_PICTURE_SET
    units.push(changed + key(1), 0)
    unit = only(units.push(key(2), 0))
    assert (unit.data, unit.codec) == (changed + key(2), "avc1.640028")


def test_only_missing_parameter_sets_are_added() -> None:
    unit = only(H264(extradata=SETS).push(START + PICTURE_SET + key(), 0))
    assert unit.data == SETS + key()


def test_missing_parameter_sets_follow_an_access_unit_delimiter() -> None:
    """It must be the first unit of its picture (ITU-T H.264, 7.4.1.2.3)."""
    assert only(H264(extradata=SETS).push(DELIMITER + key(), 0)).data == DELIMITER + SETS + key()
    assert only(H264(extradata=SETS).push(DELIMITER[1:] + b"\x00" + MESSAGE + key(), 0)).data == (
        DELIMITER[1:] + SETS + b"\x00" + MESSAGE + key()
    )
    units = H264(extradata=SETS)
    assert pushed(units, DELIMITER, START + PICTURE_SET, key()) == [
        DELIMITER + START + SET + START + PICTURE_SET + key()
    ]


def test_start_codes_of_three_bytes_leave_no_zero_at_the_end_of_a_parameter_set() -> None:
    short = SETS.replace(START, START[1:])
    assert only(H264(extradata=short).push(key(), 0)).data == SETS + key()
    assert only(H264(extradata=SETS + b"\x00").push(key(), 0)).data == SETS + key()


def test_other_pictures_get_no_parameter_sets_and_no_codec() -> None:
    unit = only(H264(extradata=SETS).push(other(), 0))
    assert facts(unit) == (other(), False, 0, "")


def test_an_idr_picture_without_known_parameter_sets_is_no_keyframe() -> None:
    units = H264()
    assert not only(units.push(key(1), 0)).key
    assert not only(units.push(START + SET + key(2), 0)).key
    assert only(units.push(START + PICTURE_SET + key(3), 0)).key


def test_a_keyframe_gets_all_of_several_picture_parameter_sets() -> None:
    described = SETS + START + b"\x68\x5e\x3c\x80"  # pic_parameter_set_id 0 and 1
    assert only(H264(extradata=described).push(key(), 0)).data == described + key()


@pytest.mark.parametrize(
    ("parameters", "codec"),
    [
        (b"\x67\x42\xc0\x1e\xab", "avc1.42C01E"),
        (b"\x67\x4d\x40\x29\xab", "avc1.4D4029"),
        (b"\x67\x64\x00\x0a\xac", "avc1.64000A"),
    ],
)
def test_the_codec_is_named_after_profile_constraints_and_level(parameters: bytes, codec: str) -> None:
    assert only(H264().push(START + parameters + START + PICTURE_SET + key(), 0)).codec == codec


# Keyframes.


def test_a_recovery_point_that_is_no_idr_picture_is_no_keyframe() -> None:
    unit = only(H264().push(SETS + MESSAGE + other(), 0))
    assert facts(unit) == (SETS + MESSAGE + other(), False, 0, "")


def test_a_picture_of_several_slices_in_one_read_is_one_unit() -> None:
    read = SETS + key(1) + key(2, goes_on=True)
    assert only(H264().push(read, 0)).data == read


# Units without a slice.


def test_nal_units_without_a_slice_belong_to_the_next_picture() -> None:
    units = H264()
    assert pushed(units, DELIMITER, SETS, MESSAGE) == []
    unit = only(units.push(key(), 7))
    assert facts(unit) == (DELIMITER + SETS + MESSAGE + key(), True, 7, "avc1.42C01E")
    assert pushed(units, other()) == [other()]


def test_parameter_sets_in_a_separate_read_are_the_latest() -> None:
    units = H264(extradata=SETS)
    pushed(units, START + OTHER_SET, START + OTHER_PICTURE_SET, other())
    assert only(units.push(key(), 0)).codec == "avc1.640028"


def test_a_camera_that_sends_no_slices_costs_no_memory() -> None:
    units = H264()
    megabyte = MESSAGE + bytes(1_000_000)
    for _ in range(40):
        units.push(megabyte, 0)
    assert sum(len(unit.data) for unit in units.push(SETS + key(), 0)) < 20_000_000


@pytest.mark.parametrize("number", [0, 1, 7, 31])
def test_a_parameter_set_replaces_the_one_with_its_identifier_only(number: int) -> None:
    identified = int(f"{number + 1:b}".rjust(2 * (number + 1).bit_length() - 1, "0").ljust(16, "0"), 2)
    one, other_one = (b"\x68" + identified.to_bytes(2, "big") + end for end in (b"\x80", b"\xc0"))
    fixed = START + SET + START + b"\x68\x19\x80"  # pic_parameter_set_id 11
    units = H264(extradata=fixed + START + one)
    only_now = only(units.push(START + other_one + key(), 0))
    assert START + other_one in only_now.data and START + SET in only_now.data
    assert b"\x68\x19\x80" in only_now.data
    assert START + one not in only_now.data


# Any bytes.

PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([START, START[1:], SETS, START + SET, START + PICTURE_SET, MESSAGE, DELIMITER, b"\x00"]),
    st.builds(key, st.integers(0, 255), goes_on=st.booleans()),
    st.builds(other, st.integers(0, 255), goes_on=st.booleans()),
)
READS = st.lists(st.lists(PIECES, max_size=5).map(b"".join), max_size=20)


@given(st.binary(max_size=60), READS)
def test_any_bytes_raise_nothing_and_each_keyframe_can_be_decoded_alone(extradata: bytes, reads: list[bytes]) -> None:
    units = H264(extradata)
    for number, read in enumerate(reads):
        for unit in units.push(read, number):
            kinds = {kind for kind, _, _ in nal_units(unit.data)}
            assert kinds & {SLICE, IDR}
            assert not unit.key or kinds >= {SPS, PPS, IDR}
            assert bool(unit.codec) is unit.key
            assert unit.presented_at <= number


def test_the_codec_is_named_in_full_or_not_at_all() -> None:
    unit = only(H264().push(START + b"\x67\x42" + START + PICTURE_SET + key(), 0))
    assert re.fullmatch(r"(avc1\.[0-9A-F]{6})?", unit.codec)


@given(READS)
def test_no_picture_is_invented_repeated_or_reordered(reads: list[bytes]) -> None:
    """All slices of the input come out in order. Only parameter sets are added."""
    units, position = H264(SETS), 0
    sent = b"".join(reads)
    for read in reads:
        for unit in units.push(read, 0):
            slices = [unit.data[first:end] for kind, first, end in nal_units(unit.data) if kind in (SLICE, IDR)]
            for one in slices:
                position = sent.index(one.rstrip(b"\x00"), position)


@given(st.binary(max_size=200))
def test_nal_units_of_any_bytes_do_not_overlap(data: bytes) -> None:
    end = 0
    for kind, first, last in nal_units(data):
        assert end + 3 <= first < last <= len(data)
        assert kind == data[first] & 0x1F
        end = last


# Other codecs.


@pytest.mark.parametrize(("codec", "key"), [("mjpeg", True), ("mpeg4", False)])
def test_each_read_of_another_codec_is_one_picture(codec: str, key: bool) -> None:
    assert Passing(codec).push(b"a picture", 5, 7) == [AccessUnit(b"a picture", key, 5, read_at=7)]
