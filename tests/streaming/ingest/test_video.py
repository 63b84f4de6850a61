"""One opening of a camera, on simulated cameras of every shape: what is passed on, what is decoded, and when."""

import itertools
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import av
import pytest

from cameras.simulator import SimulatedCamera, Simulator, age_ms, read_clock
from cameras.simulator.coding.nal import split
from streaming.ingest import video
from streaming.ingest.access_units import H264, AccessUnit, units_of
from streaming.ingest.condition import State
from streaming.ingest.frames import Flag, Format, Frame
from streaming.ingest.pictures import Decoder
from streaming.ingest.qualities import MAX_FRAME_BYTES, QUALITIES
from streaming.ingest.video import Pacer, Video
from tests.cameras.simulator.clients import RawRead, read_raw, watch
from tests.servers import wait_until
from tests.streaming.ingest.test_access_units import SETS, key, other
from tests.streaming.ingest.watched import Watched, clocks_of, image_of, size_of, watching

SLICE, IDR, SPS, PPS = 1, 5, 7, 8
FPS = 15


def add(simulator: Simulator, **settings: Any) -> SimulatedCamera:
    return simulator.add(SimulatedCamera("Yard", "yard", **{"width": 640, "height": 360, "fps": FPS, **settings}))


def until(condition: Any, what: str, seconds: float = 10) -> None:
    wait_until(condition, seconds, what)


# The pace.


def passed(rate: float, arrivals: Sequence[float]) -> list[float]:
    pacer = Pacer(rate)
    return [at for at in arrivals if pacer.due(at)]


@pytest.mark.parametrize(("camera", "quality"), [(25, 10), (30, 10), (25, 15), (12.5, 10), (25, 5), (60, 15)])
def test_a_fast_camera_is_thinned_out_to_the_quality_s_rate(camera: float, quality: float) -> None:
    seconds = 20
    shown = passed(quality, [number / camera for number in range(int(camera * seconds))])
    assert len(shown) / seconds == pytest.approx(quality, abs=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_a_camera_of_exactly_the_rate_loses_no_frame_to_jitter(seed: int) -> None:
    late = random.Random(seed)  # noqa: S311 - the same jitter in each run
    arrivals = [number / 10 + late.uniform(0, 0.020) for number in range(600)]
    assert passed(10, arrivals) == arrivals


def test_a_slow_camera_is_shown_whole_and_nothing_is_shown_twice() -> None:
    arrivals = [number / 5 for number in range(100)]
    assert passed(10, arrivals) == arrivals


def test_a_burst_after_a_pause_is_shown_as_one_picture_and_then_the_pace_goes_on() -> None:
    burst = [10 + number / 1000 for number in range(25)]
    after = [10.1 + number / 25 for number in range(50)]
    shown = passed(10, [0.0, *burst, *after])
    assert shown[1:2] == burst[:1]
    assert sum(at <= burst[-1] for at in shown[1:]) == 1
    assert len(shown) - 2 == pytest.approx(20, abs=1)


# The camera's own video.


def slices(units: Sequence[bytes]) -> list[bytes]:
    return [nal for unit in units for nal in split(unit) if nal[0] & 0x1F in (SLICE, IDR)]


def sets(units: Sequence[bytes]) -> set[bytes]:
    return {nal for unit in units for nal in split(unit) if nal[0] & 0x1F in (SPS, PPS)}


def read_beside(camera: SimulatedCamera, watched: Watched, count: int) -> tuple[list[RawRead], list[Frame]]:
    """`count` raw reads of a connection of their own, and all frames when those have come through the capture too."""
    with watch(camera.url, raw=True) as capture:
        reads = read_raw(capture, count)
    last = reads[-1].nals[-1]
    until(lambda: any(last in frame.data for frame in watched.frames[-50:]), "the last picture read comes here too")
    return reads, list(watched.frames)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"b_frames": 2},
        {"slices": 3},
        {"repeat_parameter_sets": "none"},
        {"slices": 2, "repeat_parameter_sets": "slice"},
    ],
    ids=str,
)
def test_h264_is_passed_on_as_the_camera_sends_it(simulator: Simulator, settings: dict[str, Any]) -> None:
    camera = add(simulator, **settings)
    with watching(camera.url) as watched:
        until(lambda: len(watched.video) >= FPS, "the camera is read")
        reads, frames = read_beside(camera, watched, 3 * FPS)
    sent, passed = slices([read.data for read in reads]), slices([frame.data for frame in frames])
    start = passed.index(sent[0])
    assert passed[start : start + len(sent)] == sent
    assert sets([frame.data for frame in frames]) >= sets([read.data for read in reads])


def test_every_key_carries_its_parameter_sets_its_codec_and_its_flag(simulator: Simulator) -> None:
    with watching(add(simulator, repeat_parameter_sets="none").url) as watched:
        until(lambda: len(watched.video) >= 3 * FPS, "three groups come")
    kinds = [[nal[0] & 0x1F for nal in split(frame.data)] for frame in watched.video]
    keys = [frame for frame, types in zip(watched.video, kinds, strict=True) if IDR in types]
    assert len(keys) >= 3
    assert all(types == [SPS, PPS, IDR] for types in kinds if IDR in types)
    assert [frame for frame in watched.video if frame.flags & Flag.KEY] == keys
    assert watched.video[0] is keys[0]
    assert {frame.codec for frame in watched.video} == {f"avc1.{split(keys[0].data)[0][1:4].hex().upper()}"}
    assert {(frame.quality, frame.epoch) for frame in watched.video} == {("original", 0)}


def test_pictures_before_the_first_key_are_not_passed_on(simulator: Simulator) -> None:
    camera = add(simulator, gop_seconds=1.5, idr_on_play=False)
    with watch(camera.url, raw=True) as first:
        read_raw(first, 8)  # within the group
        with watching(camera.url) as watched:
            until(lambda: len(watched.video) >= 5, "pictures are passed on")
    assert watched.video[0].flags & Flag.KEY


def test_a_resize_is_a_new_epoch_that_begins_with_a_key(simulator: Simulator) -> None:
    camera = add(simulator, bit_rate=300_000)
    with watching(camera.url, "low") as watched:
        until(lambda: len(watched.video) >= 5 and bool(watched.jpegs), "the camera is read")
        camera.resize(160, 96)
        until(lambda: any(size_of(frame) == (160, 96) for frame in watched.jpegs[-3:]), "the size has changed")
    epochs = [frame.epoch for frame in watched.video]
    assert epochs == sorted(epochs) and set(epochs) == {0, 1}
    first = watched.video[epochs.index(1)]
    assert first.flags & Flag.KEY
    assert first.codec != watched.video[0].codec
    assert {frame.epoch: size_of(frame) for frame in watched.jpegs} == {0: (640, 360), 1: (160, 96)}
    assert camera.connections_total == 1


def test_a_resize_within_the_same_level_is_a_new_epoch_too(simulator: Simulator) -> None:
    camera = add(simulator, width=320, height=240)
    with watching(camera.url, "low") as watched:
        until(lambda: len(watched.video) >= 5 and bool(watched.jpegs), "the camera is read")
        camera.resize(320, 224)
        until(lambda: any(size_of(frame) == (320, 224) for frame in watched.jpegs[-3:]), "the size has changed")
    assert len({frame.codec for frame in watched.video}) == 1
    assert {frame.epoch for frame in watched.video} == {0, 1}


# Made by hand: what no camera of the simulator sends.


class Hand:
    """A Video without a camera."""

    def __init__(self, codec: str = "h264", extradata: bytes = SETS) -> None:
        self.frames: list[Frame] = []
        self.videos: list[bool] = []
        self.wanted: frozenset[str] = frozenset()
        epochs = itertools.count()
        self.groups: list[list[Frame]] = []
        self.units = units_of(codec, extradata)
        self.video = Video(
            codec,
            extradata,
            lambda: next(epochs),
            self.frames.append,
            self.groups.append,
            self.videos.append,
            lambda: self.wanted,
        )

    def push(self, *reads: bytes) -> list[bytes]:
        """What is passed on of these reads."""
        known = len(self.frames)
        for number, read in enumerate(reads):
            for unit in self.units.push(read, 40_000.0 * number, 1000.0 + number):
                self.video.take(unit)
        return [frame.data for frame in self.frames[known:]]


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


def units_of_reads(*reads: bytes) -> list[AccessUnit]:
    units = H264(SETS)
    return [unit for read in reads for unit in units.push(read, 0)]


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


# Decoded only while JPEG is watched.


class CountedDecoder(Decoder):
    made: list[threading.Thread] = []

    def __init__(self, *codec: Any) -> None:
        super().__init__(*codec)
        self.made.append(threading.current_thread())


@pytest.fixture
def decoders(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """One entry for each decoder that was made: the thread that did."""
    monkeypatch.setattr(CountedDecoder, "made", [])
    monkeypatch.setattr(video, "Decoder", CountedDecoder)
    return CountedDecoder.made


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


def test_who_joins_within_a_group_gets_a_picture_before_the_next_key(simulator: Simulator) -> None:
    with watching(add(simulator, gop_seconds=5).url) as watched:
        until(lambda: len(watched.video) >= 20, "the group runs")
        watched.capture.want(frozenset({"low"}))
        frame = watched.until_jpeg()
        assert [frame.flags for frame in watched.video].count(Flag.KEY) == 1
    age = age_ms(image_of(frame), frame.read_at)
    assert age is not None and age < 1000  # the newest picture, not the group's first


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
    """A Video with a clock that `monkeypatch` lends it, and a decoder that takes `seconds` for each number."""

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
        """What is decoded when the picture of this number comes, one each 40 ms."""
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
def test_what_is_not_shown_is_decoded_with_the_next_that_is_where_that_is_not_too_much_and_mjpeg_never(
    monkeypatch: pytest.MonkeyPatch, codec: str, seconds: float, together: list[list[int]]
) -> None:
    hand = TimedHand(monkeypatch, codec, seconds)
    done = [hand.take(number, key=codec == "mjpeg") for number in range(11)]
    assert [decoded for decoded in done if decoded] == together
    assert [frame.data[0] for frame in hand.frames if frame.format is Format.JPEG] == [0, 2, 5, 7, 10]


@pytest.mark.parametrize(("codec", "decoded"), [("h264", [0, 2]), ("hevc", [0, 1, 2])])
def test_before_a_key_nothing_is_decoded_that_is_not_shown_where_nothing_after_it_needs_that(
    monkeypatch: pytest.MonkeyPatch, codec: str, decoded: list[int]
) -> None:
    hand = TimedHand(monkeypatch, codec, 0.001)
    for number in range(3):
        hand.take(number, key=number != 1)
    assert hand.decoded == decoded


def test_a_quality_that_is_due_has_the_next_picture_that_can_be_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = iter([None, None, b"picture"])
    monkeypatch.setattr(video, "Decoder", lambda *_: SimpleNamespace(decode=lambda data: next(pictures)))
    monkeypatch.setattr(video, "encode", lambda picture, name: (picture, 2, 2))
    hand = Hand()
    hand.wanted = frozenset({"low"})
    for unit in units_of_reads(key(1), other(2), other(3)):
        hand.video.take(unit)
    assert [frame.data for frame in hand.frames if frame.format is Format.JPEG] == [b"picture"]


# What can be passed on at all.


def changes(videos: Sequence[bool]) -> list[bool]:
    return [value for value, _ in itertools.groupby(videos)]


@pytest.mark.parametrize(
    ("settings", "passes"),
    [
        ({}, True),
        ({"codec": "h265"}, False),
        ({"codec": "mjpeg"}, False),
        ({"transport": "http"}, False),
    ],
    ids=str,
)
def test_whether_a_camera_sends_video_for_browsers_is_told(
    simulator: Simulator, settings: dict[str, Any], passes: bool
) -> None:
    with watching(add(simulator, **settings).url) as watched:
        until(lambda: watched.capture.frames_read >= FPS, "the camera is read")
    assert changes(watched.videos) == [passes]
    assert bool(watched.video) is passes


@contextmanager
def first_viewer(camera: SimulatedCamera) -> Iterator[None]:
    """Somebody who had the one key there is."""
    with watch(camera.url, raw=True) as capture:
        read_raw(capture, 2)
        yield


@pytest.mark.parametrize("shape", ["intra_refresh", "open_gop"])
def test_a_camera_that_sends_no_key_is_found_out_and_gives_jpeg(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    monkeypatch.setattr(video, "WITHOUT_KEY", 0.5)
    camera = add(simulator, **{shape: True})
    with first_viewer(camera), watching(camera.url) as watched:
        until(lambda: changes(watched.videos) == [True, False], "the missing of keys is told")
        assert not watched.video
        watched.capture.want(frozenset({"original"}))
        until(lambda: len(watched.jpegs) >= FPS, "pictures come")
    clocks = clocks_of(watched.jpegs[-FPS // 2 :])
    assert None not in clocks
    assert {size_of(frame) for frame in watched.jpegs} == {(640, 360)}


def test_an_mjpeg_camera_s_own_pictures_are_original(simulator: Simulator, decoders: list[threading.Thread]) -> None:
    camera = add(simulator, codec="mjpeg")
    with watching(camera.url, "original") as watched:
        until(lambda: len(watched.jpegs) >= 5, "pictures come")
        reads, frames = read_beside(camera, watched, FPS)
    passed = [frame.data for frame in frames]
    start = passed.index(reads[0].data)
    assert passed[start : start + FPS] == [read.data for read in reads]
    assert not decoders
    assert {(frame.format, frame.quality, frame.flags) for frame in frames} == {(Format.JPEG, "original", Flag.KEY)}


def test_an_mjpeg_camera_over_http_is_passed_on_untouched_and_scaled_for_others(simulator: Simulator) -> None:
    camera = add(simulator, transport="http", width=1280, height=720)
    with watching(camera.url, "original", "low") as watched:
        until(lambda: len([frame for frame in watched.jpegs if frame.quality == "low"]) >= 3, "scaled ones come")
        reads, frames = read_beside(camera, watched, FPS)
    passed = [frame.data for frame in frames if frame.quality == "original"]
    start = passed.index(reads[0].data)
    assert passed[start : start + FPS] == [read.data for read in reads]
    low = [frame for frame in frames if frame.quality == "low"]
    assert {size_of(frame) for frame in low} == {(640, 360)}
    assert None not in clocks_of(low)


# Every shape that cameras send.

SOUND: list[dict[str, Any]] = [
    {},
    {"b_frames": 2},
    {"slices": 2, "repeat_parameter_sets": "slice"},
    {"slices": 2, "repeat_parameter_sets": "none"},
    {"repeat_parameter_sets": "none"},
    {"repeat_parameter_sets": "once"},
    {"profile": "high"},
    {"intra_refresh": True},
    {"open_gop": True},
    {"codec": "h265"},
    {"codec": "mjpeg"},
    {"transport": "http"},
]


def decoded(frames: Sequence[Frame]) -> list[av.VideoFrame]:
    """What a decoder that was given nothing else makes of the frames passed on."""
    context: Any = av.CodecContext.create("h264", "r")
    context.thread_count = 1
    packets = [av.Packet(frame.data) for frame in frames]
    return [picture for packet in [*packets, None] for picture in context.decode(packet)]


@pytest.mark.parametrize("settings", SOUND, ids=str)
def test_a_camera_of_any_shape_is_seen_as_jpeg_and_its_h264_decodes_cleanly(
    simulator: Simulator, settings: dict[str, Any]
) -> None:
    with watching(add(simulator, **settings).url, "low") as watched:
        until(lambda: len(watched.jpegs) >= 8, "pictures come")
    assert [condition.state for condition in watched.conditions] == [State.LIVE]
    clocks = clocks_of(watched.jpegs)
    assert None not in clocks
    assert clocks == sorted(set(clocks))  # type: ignore[type-var]
    ages = [age_ms(image_of(frame), frame.read_at) for frame in watched.jpegs[2:]]
    assert all(age is not None and age < 1500 for age in ages)
    if watched.videos[0]:
        passed = watched.video
        assert passed[0].flags & Flag.KEY
        pictures = decoded(passed)
        assert len(pictures) == len(passed) >= FPS // 2
        assert not any(picture.is_corrupt for picture in pictures)
        drawn = [read_clock(picture.to_ndarray(format="bgr24")) for picture in pictures]
        assert None not in drawn
        assert drawn == sorted(set(drawn))  # type: ignore[type-var]


def test_the_first_picture_of_a_camera_that_splits_its_keys_is_whole(simulator: Simulator) -> None:
    with watching(add(simulator, slices=2, repeat_parameter_sets="slice").url) as watched:
        until(lambda: len(watched.video) >= 5, "video is passed on")
    assert not decoded(watched.video)[0].is_corrupt


@pytest.mark.parametrize(
    "settings",
    [
        {"truncate_every": 4},
        {"lose_every": 4},
        {"codec": "h265", "lose_every": 4},
        {"codec": "mjpeg", "truncate_every": 2},
        {"transport": "http", "truncate_every": 2},
    ],
    ids=str,
)
def test_a_camera_on_a_bad_line_is_seen_again_and_again_without_being_opened_anew(
    simulator: Simulator, settings: dict[str, Any]
) -> None:
    with watching(add(simulator, gop_seconds=0.4, **settings).url, "medium") as watched:
        until(lambda: len(watched.jpegs) >= 30, "pictures come", 15)
    assert [condition.state for condition in watched.conditions] == [State.LIVE]
    ages = [age_ms(image_of(frame), frame.read_at) for frame in watched.jpegs]
    sound = [age is not None and 0 < age < 1500 for age in ages]
    assert all(any(sound[start : start + 10]) for start in range(0, 30, 10)), ages
    if watched.videos[0]:
        assert decoded(watched.video)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {"codec": "h265", "repeat_parameter_sets": "none"},
        {"codec": "h265", "repeat_parameter_sets": "once"},
    ],
    ids=str,
)
def test_an_h265_camera_whose_parameter_sets_are_described_is_seen_by_the_first_and_by_who_comes_later(
    simulator: Simulator, settings: dict[str, Any], late: bool
) -> None:
    with watching(add(simulator, **settings).url, *(() if late else ("low",))) as watched:
        until(lambda: watched.capture.frames_read >= FPS, "the camera is read")
        watched.capture.want(frozenset({"low"}))
        until(lambda: len(watched.jpegs) >= 3, "pictures come", 4)
    assert None not in clocks_of(watched.jpegs)


def test_a_camera_without_keys_whose_parameter_sets_are_described_is_seen_by_who_comes_later(
    simulator: Simulator,
) -> None:
    camera = add(simulator, intra_refresh=True, repeat_parameter_sets="none")
    with first_viewer(camera), watching(camera.url, "low") as watched:
        until(lambda: len(watched.jpegs) >= 5, "pictures come", 4)
