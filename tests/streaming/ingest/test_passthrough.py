"""The camera's own video on simulated cameras: H.264 is passed on unchanged, and MJPEG at `original`."""

import itertools
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from cameras.simulator import Simulator
from cameras.simulator.coding.nal import split
from streaming.ingest import video
from streaming.ingest.frames import Flag, Format
from tests.cameras.simulator.clients import read_raw, watch
from tests.streaming.ingest.simulated import FPS, add, first_viewer, read_beside, until
from tests.streaming.ingest.watched import clocks_of, size_of, watching

SLICE, IDR, SPS, PPS = 1, 5, 7, 8


def slices(units: Sequence[bytes]) -> list[bytes]:
    return [nal for unit in units for nal in split(unit) if nal[0] & 0x1F in (SLICE, IDR)]


def sets(units: Sequence[bytes]) -> set[bytes]:
    return {nal for unit in units for nal in split(unit) if nal[0] & 0x1F in (SPS, PPS)}


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


def test_every_keyframe_has_its_parameter_sets_its_codec_and_its_flag(simulator: Simulator) -> None:
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


def test_pictures_before_the_first_keyframe_are_not_passed_on(simulator: Simulator) -> None:
    camera = add(simulator, gop_seconds=1.5, idr_on_play=False)
    with watch(camera.url, raw=True) as first:
        read_raw(first, 8)  # within the group
        with watching(camera.url) as watched:
            until(lambda: len(watched.video) >= 5, "pictures are passed on")
    assert watched.video[0].flags & Flag.KEY


def test_a_resize_is_a_new_epoch_that_begins_with_a_keyframe(simulator: Simulator) -> None:
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


# Whether the video can be passed on.


def changes(formats: Sequence[Format]) -> list[Format]:
    return [value for value, _ in itertools.groupby(formats)]


@pytest.mark.parametrize(
    ("settings", "format"),
    [
        ({}, Format.H264),
        ({"codec": "h265"}, Format.H265),
        ({"codec": "mjpeg"}, Format.JPEG),
        ({"transport": "http"}, Format.JPEG),
    ],
    ids=str,
)
def test_the_listener_is_told_in_which_format_the_video_is_passed_on(
    simulator: Simulator, settings: dict[str, Any], format: Format
) -> None:
    with watching(add(simulator, **settings).url) as watched:
        until(lambda: watched.capture.frames_read >= FPS, "the camera is read")
    assert changes(watched.own_formats) == [format]
    assert {frame.format for frame in watched.frames} == {format} - {Format.JPEG}


@pytest.mark.parametrize("shape", ["intra_refresh", "open_gop"])
def test_a_camera_that_sends_no_keyframe_is_detected_and_gives_jpeg(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    monkeypatch.setattr(video, "LONGEST_GOP", 0.5)
    camera = add(simulator, **{shape: True})
    with first_viewer(camera), watching(camera.url) as watched:
        until(lambda: changes(watched.own_formats) == [Format.H264, Format.JPEG], "the missing of keys is told")
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


def test_mjpeg_over_http_is_passed_on_unchanged_and_scaled_for_other_qualities(simulator: Simulator) -> None:
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
