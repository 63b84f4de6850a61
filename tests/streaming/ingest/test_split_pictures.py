"""Pictures of H.264 that come in several reads are joined."""

from streaming.ingest.access_units import H264, nal_units
from streaming.ingest.nal_syntax import IDR, PPS, SPS
from tests.streaming.ingest.by_hand import SETS, key, only, other, pushed


def test_the_first_split_keyframe_is_dropped_with_its_gop_and_the_next_ones_are_joined() -> None:
    units = H264()
    assert pushed(units, SETS + key(1)) == [SETS + key(1)]  # not known yet to be split
    assert pushed(units, key(1, goes_on=True), other(2), other(3)) == []
    assert pushed(units, SETS + key(4), key(4, goes_on=True)) == []  # held
    assert pushed(units, other(5)) == [SETS + key(4) + key(4, goes_on=True), other(5)]
    assert pushed(units, other(6)) == [other(6)]  # other pictures are not held


def test_a_joined_keyframe_has_the_time_and_the_codec_of_its_first_half() -> None:
    units = H264()
    pushed(units, SETS + key(1), key(1, goes_on=True))
    units.push(SETS + key(2), 100)
    units.push(key(2, goes_on=True), 101)
    first, second = units.push(other(3), 200)
    assert (first.key, first.presented_at, first.codec) == (True, 100, "avc1.42C01E")
    assert (second.key, second.presented_at) == (False, 200)


def test_a_keyframe_of_three_parts_is_joined_too() -> None:
    units = H264()
    pushed(units, SETS + key(1), key(2, goes_on=True), key(3, goes_on=True))
    pushed(units, SETS + key(4), key(5, goes_on=True), key(6, goes_on=True))
    merged = SETS + key(4) + key(5, goes_on=True) + key(6, goes_on=True)
    assert pushed(units, other(7)) == [merged, other(7)]


def test_consecutive_split_keyframes_are_each_joined() -> None:
    units = H264()
    pushed(units, SETS + key(1), key(1, goes_on=True), SETS + key(2), key(2, goes_on=True))
    assert pushed(units, SETS + key(3), key(3, goes_on=True)) == [SETS + key(2) + key(2, goes_on=True)]
    assert pushed(units, other(4)) == [SETS + key(3) + key(3, goes_on=True), other(4)]


def test_a_keyframe_that_is_not_split_is_delayed_by_one_read_and_not_lost() -> None:
    units = H264()
    pushed(units, SETS + key(1), key(1, goes_on=True))
    assert pushed(units, SETS + key(2)) == []
    assert pushed(units, other(3)) == [SETS + key(2), other(3)]


def test_other_pictures_are_joined_too_after_the_first_split_one() -> None:
    units = H264()
    assert pushed(units, SETS + key(1), other(2)) == [SETS + key(1), other(2)]
    assert pushed(units, other(2, goes_on=True), other(3), other(3, goes_on=True), other(4)) == []  # up to the next key
    assert pushed(units, SETS + key(5)) == [SETS + key(5)]
    assert pushed(units, other(6), other(6, goes_on=True), other(7)) == [other(6) + other(6, goes_on=True)]


def test_a_joined_picture_has_no_parameter_sets_between_its_slices() -> None:
    """For a decoder of NAL units such sets begin the next picture (7.4.1.2.3)."""
    units = H264()
    halves = SETS + key(1), SETS + key(1, goes_on=True)
    merged = only([unit for read in (*halves, *halves, other(2)) for unit in units.push(read, 0) if unit.key][1:])
    kinds = [kind for kind, _, _ in nal_units(merged.data)]
    assert kinds == [SPS, PPS, IDR, IDR]


def test_the_first_keyframe_can_be_held_until_it_is_complete() -> None:
    units = H264(hold_first=True)
    assert pushed(units, SETS + key(1)) == []
    assert pushed(units, other(2)) == [SETS + key(1), other(2)]
    assert pushed(units, other(3), SETS + key(4)) == [other(3), SETS + key(4)]  # from now on nothing is held


def test_a_first_keyframe_that_is_held_is_joined_and_so_are_the_next_ones() -> None:
    units = H264(hold_first=True)
    assert pushed(units, SETS + key(1), SETS + key(1, goes_on=True)) == []
    assert pushed(units, other(2)) == [SETS + key(1) + key(1, goes_on=True), other(2)]
    assert pushed(units, SETS + key(3), SETS + key(3, goes_on=True)) == []
    assert pushed(units, other(4)) == [SETS + key(3) + key(3, goes_on=True), other(4)]


def test_pictures_before_the_first_keyframe_are_not_held() -> None:
    units = H264(hold_first=True)
    assert pushed(units, other(1), other(2)) == [other(1), other(2)]
    assert pushed(units, SETS + key(3)) == []
    assert pushed(units, other(4)) == [SETS + key(3), other(4)]


def test_the_rest_of_a_picture_without_its_beginning_is_dropped() -> None:
    units = H264()
    assert pushed(units, key(1, goes_on=True), other(2)) == []
    pushed(units, SETS + key(3))
    assert pushed(units, other(4)) == [SETS + key(3), other(4)]


def test_an_endless_picture_is_dropped_with_its_gop() -> None:
    units = H264(hold_first=True, largest=1000)
    more = [key(goes_on=True)] * 200
    assert pushed(units, SETS + key(1), *more, other(1), SETS + key(2), other(2), other(3)) == [
        SETS + key(2),
        other(2),
        other(3),
    ]
