"""One opening of a camera, with pictures by hand that no simulated camera sends: what is passed on and what is kept."""

import pytest

from streaming.ingest import video
from streaming.ingest.qualities import MAX_FRAME_BYTES
from tests.streaming.ingest.by_hand import SETS, Hand, key, other, units_of_reads


def test_a_frame_carries_the_times_of_its_picture() -> None:
    hand = Hand()
    hand.push(key(), key())  # the first of all is held back, until it is known to be whole
    assert [(frame.presented_at, frame.read_at) for frame in hand.frames] == [(0, 1000), (40_000, 1001)]


def test_a_picture_too_large_for_a_message_is_not_passed_on() -> None:
    hand = Hand()
    assert hand.push(key(1), other(2), other(3) + bytes(MAX_FRAME_BYTES), key(4)) == [
        SETS + key(1),
        other(2),
        SETS + key(4),
    ]


def test_nothing_is_passed_on_that_depends_on_a_picture_that_was_too_large() -> None:
    """They would be decoded against the group before: corruption without an error."""
    hand = Hand()
    reads = key(1), other(2), key(3) + bytes(MAX_FRAME_BYTES), other(4), other(5), key(6), other(7)
    assert hand.push(*reads) == [SETS + key(1), other(2), SETS + key(6), other(7)]


@pytest.mark.parametrize("large", [key(2), other(2)], ids=["key", "other"])
def test_from_a_picture_that_was_too_large_to_the_next_key_jpeg_is_shown(large: bytes) -> None:
    """Of a camera whose key pictures all are, always: else nobody would ever see it at *Original*."""
    hand = Hand()
    hand.push(key(1), large + bytes(MAX_FRAME_BYTES), other(3), other(4))
    assert hand.videos[-1] is False
    hand.push(key(5), other(6))
    assert hand.videos[-1] is True


def test_who_joins_in_a_group_with_a_picture_that_was_too_large_is_shown_jpeg_until_the_next_key() -> None:
    hand = Hand()
    reads = key(1) + bytes(MAX_FRAME_BYTES), other(2), other(3), key(4)
    *before, following = [unit for read in reads for unit in hand.units.push(read, 0.0, 0.0)]
    hand.video.join(before)
    assert (hand.videos[-1], hand.groups, hand.frames) == (False, [[]], [])
    hand.video.take(following)
    assert hand.videos[-1] is True


def test_the_group_kept_for_a_decoder_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_group_that_grew_beyond_its_bounds_comes_back_with_the_next_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "GROUP_BYTES", 1000)
    decoded: list[bytes] = []
    monkeypatch.setattr(video, "Decoder", lambda *_: RecordingDecoder(decoded))
    hand = Hand()
    hand.push(key(1), other(2) + bytes(2000), other(3), key(4), other(5))
    hand.wanted = frozenset({"low"})
    hand.push(other(6))
    assert decoded == [SETS + key(4), other(5), other(6)]


def test_pictures_of_before_are_a_group_for_newcomers_and_the_newest_is_one_of_now() -> None:
    hand = Hand()
    hand.video.join(units_of_reads(key(1), other(2), other(3)))
    assert [[frame.data for frame in group] for group in hand.groups] == [[], [SETS + key(1), other(2)]]
    assert [frame.data for frame in hand.frames] == [other(3)]
    assert hand.videos == [True, True]


def test_of_pictures_of_before_without_a_key_none_is_passed_on_until_one_comes() -> None:
    hand = Hand()
    hand.video.join(units_of_reads(other(1), other(2)))
    for unit in units_of_reads(other(3), key(4), other(5)):
        hand.video.take(unit)
    assert hand.groups == [[]]
    assert [frame.data for frame in hand.frames] == [SETS + key(4), other(5)]


def test_what_lacks_its_predecessors_is_not_passed_on() -> None:
    hand = Hand()
    hand.push(key(1), key(2), other(3))
    hand.video.cut()
    assert hand.push(other(5), key(6), other(7)) == [SETS + key(6), other(7)]


def test_pictures_of_before_are_decoded_for_the_first_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []
    monkeypatch.setattr(video, "Decoder", lambda *_: RecordingDecoder(decoded))
    hand = Hand()
    hand.wanted = frozenset({"low"})
    hand.video.join(units_of_reads(key(1), other(2), other(3)))
    assert decoded == [SETS + key(1), other(2), other(3)]
