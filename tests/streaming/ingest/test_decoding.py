"""Pictures are decoded only while JPEG is watched, and no more often than needed."""

import threading
from types import SimpleNamespace

import pytest

from cameras.simulator import Simulator, age_ms
from streaming.ingest import video
from streaming.ingest.access_units import AccessUnit
from streaming.ingest.frames import Flag, Format
from streaming.ingest.qualities import QUALITIES
from tests.streaming.ingest.by_hand import Hand, key, other, units_of_reads
from tests.streaming.ingest.simulated import FPS, add, until
from tests.streaming.ingest.watched import image_of, watching


def test_nothing_is_decoded_while_nobody_watches_jpeg(simulator: Simulator, decoders: list[threading.Thread]) -> None:
    with watching(add(simulator).url) as watched:
        until(lambda: len(watched.video) >= 2 * FPS, "video is passed on")
        assert not watched.jpegs and not decoders
        watched.capture.want(frozenset({"low"}))
        until(lambda: len(watched.jpegs) >= 2, "pictures come")
        assert decoders == [watched.thread]
        watched.capture.want(frozenset())
        known = watched.capture.frames_read
        until(lambda: watched.capture.frames_read >= known + 3, "the camera is read on")
        pictures = len(watched.jpegs)
        until(lambda: watched.capture.frames_read >= known + FPS, "the camera is read on")
        assert len(watched.jpegs) == pictures


@pytest.mark.timing("measures the age of pictures")
def test_a_new_viewer_gets_a_jpeg_before_the_next_keyframe(simulator: Simulator) -> None:
    with watching(add(simulator, gop_seconds=5).url) as watched:
        until(lambda: len(watched.video) >= 20, "the group runs")
        watched.capture.want(frozenset({"low"}))
        frame = watched.until_jpeg()
        assert [frame.flags for frame in watched.video].count(Flag.KEY) == 1
    age = age_ms(image_of(frame), frame.read_at)
    assert age is not None and age < 1000  # the newest picture, not the keyframe


@pytest.mark.timing("measures frame rates")
def test_each_quality_is_encoded_at_its_own_rate(simulator: Simulator) -> None:
    with watching(add(simulator, fps=25).url, "low", "medium") as watched:
        watched.until_jpeg()
        known = len(watched.frames)
        until(lambda: len(watched.frames) >= known + 75 + 40, "some seconds pass", 15)
    frames = watched.frames[known:]
    seconds = (frames[-1].read_at - frames[0].read_at) / 1000
    counted = [frame.quality for frame in frames if frame.format is Format.JPEG]
    for name in ("low", "medium"):
        assert 0.5 * QUALITIES[name].rate < counted.count(name) / seconds < 1.2 * QUALITIES[name].rate
    assert counted.count("medium") > counted.count("low")


class TimedHand(Hand):
    """A Video with a fake clock, and a decoder that takes `seconds` for each picture."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, codec: str, seconds: float) -> None:
        super().__init__(codec)
        self.wanted = frozenset({"medium"})
        self.now, self.seconds = 100.0, seconds
        self.decoded: list[int] = []
        monkeypatch.setattr(video, "Decoder", lambda *_: self)
        monkeypatch.setattr(video, "encode", lambda picture, name: (picture, 2, 2))
        monkeypatch.setattr("streaming.ingest.video.time", SimpleNamespace(monotonic=lambda: self.now))

    def decode(self, data: bytes) -> bytes:
        self.now += self.seconds
        self.decoded.append(data[0])
        return data

    def take(self, number: int, *, key: bool) -> list[int]:
        """Returns the pictures that are decoded when this one arrives. They arrive every 40 ms."""
        self.now = max(self.now, 100 + number * 0.04)
        known = len(self.decoded)
        self.video.take(AccessUnit(bytes([number]), key, 0.0))
        return self.decoded[known:]


# 10 pictures/s of 25: the first, third, sixth, eighth and eleventh are shown.
@pytest.mark.parametrize(
    ("codec", "seconds", "together"),
    [
        ("h264", 0.001, [[0], [1, 2], [3, 4, 5], [6, 7], [8, 9, 10]]),
        ("h264", 0.002, [[0], [1, 2], [3, 4, 5], [6, 7], [8, 9, 10]]),
        ("h264", 0.004, [[0], [1, 2], [3, 4], [5], [6, 7], [8, 9], [10]]),
        ("h264", 0.006, [[0], [1], [2], [3], [4], [5], [6], [7], [8], [9], [10]]),
        ("mjpeg", 0.020, [[0], [2], [5], [7], [10]]),
    ],
)
def test_pictures_that_are_not_shown_are_decoded_in_batches_and_mjpeg_is_never(
    monkeypatch: pytest.MonkeyPatch, codec: str, seconds: float, together: list[list[int]]
) -> None:
    hand = TimedHand(monkeypatch, codec, seconds)
    done = [hand.take(number, key=codec == "mjpeg") for number in range(11)]
    assert [decoded for decoded in done if decoded] == together
    assert [frame.data[0] for frame in hand.frames if frame.format is Format.JPEG] == [0, 2, 5, 7, 10]


@pytest.mark.parametrize(("codec", "decoded"), [("h264", [0, 2]), ("hevc", [0, 1, 2])])
def test_pictures_that_wait_before_a_keyframe_are_decoded_for_hevc_only(
    monkeypatch: pytest.MonkeyPatch, codec: str, decoded: list[int]
) -> None:
    hand = TimedHand(monkeypatch, codec, 0.001)
    for number in range(3):
        hand.take(number, key=number != 1)
    assert hand.decoded == decoded


def test_a_quality_that_is_due_gets_the_next_decodable_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = iter([None, None, b"picture"])
    monkeypatch.setattr(video, "Decoder", lambda *_: SimpleNamespace(decode=lambda data: next(pictures)))
    monkeypatch.setattr(video, "encode", lambda picture, name: (picture, 2, 2))
    hand = Hand()
    hand.wanted = frozenset({"low"})
    for unit in units_of_reads(key(1), other(2), other(3)):
        hand.video.take(unit)
    assert [frame.data for frame in hand.frames if frame.format is Format.JPEG] == [b"picture"]
