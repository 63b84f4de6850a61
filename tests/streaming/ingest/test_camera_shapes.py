"""Cameras of every shape that the simulator can send, and cameras on a bad line."""

from typing import Any

import pytest

from cameras.simulator import Simulator, age_ms, read_clock
from streaming.ingest.condition import State
from streaming.ingest.frames import Flag, Format
from tests.streaming.ingest.simulated import FPS, add, decoded_video, first_viewer, until
from tests.streaming.ingest.watched import clocks_of, image_of, watching

SHAPES: list[dict[str, Any]] = [
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


@pytest.mark.timing("measures the age of pictures")
@pytest.mark.parametrize("settings", SHAPES, ids=str)
def test_a_camera_of_any_shape_gives_jpeg_and_its_video_decodes_without_errors(
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
    if watched.own_formats[0] is not Format.JPEG:
        passed = watched.video
        assert passed[0].flags & Flag.KEY
        pictures = decoded_video(passed)
        assert len(pictures) == len(passed) >= FPS // 2
        assert not any(picture.is_corrupt for picture in pictures)
        drawn = [read_clock(picture.to_ndarray(format="bgr24")) for picture in pictures]
        assert None not in drawn
        assert drawn == sorted(set(drawn))  # type: ignore[type-var]


def test_the_first_picture_of_a_camera_that_splits_its_keyframes_is_complete(simulator: Simulator) -> None:
    with watching(add(simulator, slices=2, repeat_parameter_sets="slice").url) as watched:
        until(lambda: len(watched.video) >= 5, "video is passed on")
    assert not decoded_video(watched.video)[0].is_corrupt


@pytest.mark.timing("measures the age of pictures")
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
def test_a_camera_on_a_bad_line_gives_pictures_without_being_reopened(
    simulator: Simulator, settings: dict[str, Any]
) -> None:
    with watching(add(simulator, gop_seconds=0.4, **settings).url, "medium") as watched:
        until(lambda: len(watched.jpegs) >= 30, "pictures come", 15)
    assert [condition.state for condition in watched.conditions] == [State.LIVE]
    ages = [age_ms(image_of(frame), frame.read_at) for frame in watched.jpegs]
    sound = [age is not None and 0 < age < 1500 for age in ages]
    assert all(any(sound[start : start + 10]) for start in range(0, 30, 10)), ages
    if watched.own_formats[0] is not Format.JPEG:
        assert decoded_video(watched.video)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {"codec": "h265", "repeat_parameter_sets": "none"},
        {"codec": "h265", "repeat_parameter_sets": "once"},
    ],
    ids=str,
)
def test_h265_with_parameter_sets_in_the_session_description_is_shown_to_first_and_later_viewers(
    simulator: Simulator, settings: dict[str, Any], late: bool
) -> None:
    with watching(add(simulator, **settings).url, *(() if late else ("low",))) as watched:
        until(lambda: watched.capture.frames_read >= FPS, "the camera is read")
        watched.capture.want(frozenset({"low"}))
        until(lambda: len(watched.jpegs) >= 3, "pictures come")
    assert None not in clocks_of(watched.jpegs)


def test_a_camera_without_keyframes_is_shown_to_later_viewers(
    simulator: Simulator,
) -> None:
    camera = add(simulator, intra_refresh=True, repeat_parameter_sets="none")
    with first_viewer(camera), watching(camera.url, "low") as watched:
        until(lambda: len(watched.jpegs) >= 5, "pictures come")
