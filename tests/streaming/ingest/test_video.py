"""One opening of a camera, with access units that no simulated camera sends."""

import pytest

from streaming.ingest import video
from streaming.ingest.frames import Format
from streaming.ingest.qualities import MAX_FRAME_BYTES
from tests.streaming.ingest.by_hand import SETS, Hand, key, other, units_of_reads


def test_a_frame_carries_the_times_of_its_picture() -> None:
    hand = Hand()
    hand.push(key(), key())  # the first one is held until it is known to be complete
    assert [(frame.presented_at, frame.read_at) for frame in hand.frames] == [(0, 1000), (40_000, 1001)]


def test_a_picture_too_large_for_one_frame_is_not_passed_on() -> None:
    hand = Hand()
    assert hand.push(key(1), other(2), other(3) + bytes(MAX_FRAME_BYTES), key(4)) == [
        SETS + key(1),
        other(2),
        SETS + key(4),
    ]


def test_pictures_that_depend_on_a_too_large_one_are_not_passed_on() -> None:
    """They would be decoded with the GOP before: corruption without an error."""
    hand = Hand()
    reads = key(1), other(2), key(3) + bytes(MAX_FRAME_BYTES), other(4), other(5), key(6), other(7)
    assert hand.push(*reads) == [SETS + key(1), other(2), SETS + key(6), other(7)]


@pytest.mark.parametrize("large", [key(2), other(2)], ids=["key", "other"])
def test_jpeg_is_shown_from_a_too_large_picture_to_the_next_keyframe(large: bytes) -> None:
    """A camera with too large keyframes only is always shown as JPEG."""
    hand = Hand()
    hand.push(key(1), large + bytes(MAX_FRAME_BYTES), other(3), other(4))
    told = [hand.own_formats[-1]]
    hand.push(key(5), other(6))
    assert [*told, hand.own_formats[-1]] == [Format.JPEG, Format.H264]


def test_joining_in_a_gop_with_a_too_large_picture_shows_jpeg_until_the_next_keyframe() -> None:
    hand = Hand()
    reads = key(1) + bytes(MAX_FRAME_BYTES), other(2), other(3), key(4)
    *before, following = [unit for read in reads for unit in hand.units.push(read, 0.0, 0.0)]
    hand.video.join(before)
    assert (hand.own_formats[-1], hand.groups, hand.frames) == (Format.JPEG, [[]], [])
    hand.video.take(following)
    assert hand.own_formats[-1] is Format.H264


def test_the_gop_that_is_kept_for_a_decoder_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "GROUP_PICTURES", 10)
    decoded: list[bytes] = []
    monkeypatch.setattr(video, "Decoder", lambda *_: RecordingDecoder(decoded))
    hand = Hand()
    hand.push(key(1), *(other(number) for number in range(2, 40)))
    hand.wanted = frozenset({"low"})
    hand.push(other(40))
    assert len(decoded) <= 10


class RecordingDecoder:
    def __init__(self, decoded: list[bytes]) -> None:
        self._decoded = decoded

    def decode(self, data: bytes) -> None:
        self._decoded.append(data)


def test_a_gop_is_kept_again_from_the_next_keyframe_on_after_one_was_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "GROUP_BYTES", 1000)
    decoded: list[bytes] = []
    monkeypatch.setattr(video, "Decoder", lambda *_: RecordingDecoder(decoded))
    hand = Hand()
    hand.push(key(1), other(2) + bytes(2000), other(3), key(4), other(5))
    hand.wanted = frozenset({"low"})
    hand.push(other(6))
    assert decoded == [SETS + key(4), other(5), other(6)]


def test_earlier_pictures_are_a_gop_for_new_viewers_and_the_newest_is_live() -> None:
    hand = Hand()
    hand.video.join(units_of_reads(key(1), other(2), other(3)))
    assert [[frame.data for frame in group] for group in hand.groups] == [[], [SETS + key(1), other(2)]]
    assert [frame.data for frame in hand.frames] == [other(3)]
    assert hand.own_formats == [Format.H264, Format.H264]


def test_earlier_pictures_without_a_keyframe_are_not_passed_on() -> None:
    hand = Hand()
    hand.video.join(units_of_reads(other(1), other(2)))
    for unit in units_of_reads(other(3), key(4), other(5)):
        hand.video.take(unit)
    assert hand.groups == [[]]
    assert [frame.data for frame in hand.frames] == [SETS + key(4), other(5)]


def test_pictures_with_missing_reference_frames_are_not_passed_on() -> None:
    hand = Hand()
    hand.push(key(1), key(2), other(3))
    hand.video.cut()
    assert hand.push(other(5), key(6), other(7)) == [SETS + key(6), other(7)]


@pytest.mark.parametrize(("longest", "passed"), [(60.0, [SETS + key(6)]), (0.0, [other(5), SETS + key(6)])])
def test_after_a_loss_viewers_wait_for_a_keyframe_that_is_near(
    longest: float, passed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "LONGEST_CUT", longest)
    hand = Hand()
    hand.push(key(1), key(2), other(3))
    hand.video.cut_if_short()
    assert hand.push(other(5), key(6)) == passed


def test_earlier_pictures_are_decoded_for_the_first_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []
    monkeypatch.setattr(video, "Decoder", lambda *_: RecordingDecoder(decoded))
    hand = Hand()
    hand.wanted = frozenset({"low"})
    hand.video.join(units_of_reads(key(1), other(2), other(3)))
    assert decoded == [SETS + key(1), other(2), other(3)]
