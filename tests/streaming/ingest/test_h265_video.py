"""H.265 is passed on unchanged, from simulated cameras and from access units that no simulated camera sends."""

from typing import Any

import pytest

from cameras.simulator import Simulator, read_clock
from cameras.simulator.coding.nal import split
from cameras.sources import CameraSource
from streaming.ingest.access_units import AccessUnit
from streaming.ingest.frames import VIDEO, Flag, Format
from streaming.ingest.hub import Hub
from tests.streaming.ingest.by_hand import Hand
from tests.streaming.ingest.feeds import BOTH, of_format, take
from tests.streaming.ingest.h265 import CODEC, PPS, SPS, VPS, decode, encode, sets_of, type_of, types
from tests.streaming.ingest.simulated import FPS, add, read_beside, until
from tests.streaming.ingest.watched import watching

ALL = frozenset(Format)


def slices(units: list[bytes]) -> list[bytes]:
    return [nal for unit in units for nal in split(unit) if type_of(nal) < VPS]


@pytest.mark.parametrize("sets", ["keyframe", "none", "once"])
def test_h265_is_passed_on_as_the_camera_sends_it(simulator: Simulator, sets: str) -> None:
    camera = add(simulator, codec="h265", repeat_parameter_sets=sets)
    with watching(camera.url) as watched:
        until(lambda: len(watched.video) >= FPS, "the camera is read")
        reads, frames = read_beside(camera, watched, 3 * FPS)
    sent, passed = slices([read.data for read in reads]), slices([frame.data for frame in frames])
    start = passed.index(sent[0])
    assert passed[start : start + len(sent)] == sent
    assert {frame.format for frame in frames} == {Format.H265}
    assert [types(frame.data)[:3] for frame in frames if frame.flags & Flag.KEY] == [[VPS, SPS, PPS]] * sum(
        bool(frame.flags & Flag.KEY) for frame in frames
    )
    pictures = decode([frame.data for frame in frames])
    assert not any(picture.is_corrupt for picture in pictures)
    clocks = [read_clock(picture.to_ndarray(format="bgr24")) for picture in pictures]
    assert None not in clocks and clocks == sorted(set(clocks))  # type: ignore[type-var]


def test_a_frame_of_h265_has_its_codec_and_a_change_of_the_parameter_sets_is_a_new_epoch() -> None:
    hand = Hand("hevc", b"")
    small, large = encode(3), encode(3, size=(640, 480))
    assert hand.push(*small, *large) == [*small, *large]
    assert {frame.format for frame in hand.frames} == {Format.H265}
    assert [frame.codec for frame in hand.frames] == [CODEC] * 3 + ["hev1.1.6.L90.90"] * 3
    assert [frame.epoch for frame in hand.frames] == [0] * 3 + [1] * 3
    assert [bool(frame.flags & Flag.KEY) for frame in hand.frames] == [True, False, False] * 2
    assert set(hand.own_formats) == {Format.H265}


def test_the_gop_of_h265_is_kept_for_new_viewers() -> None:
    hand, stream = Hand("hevc", b""), encode(4)
    hand.video.join([unit for read in stream for unit in hand.units.push(read, 0)])
    assert [[frame.data for frame in group] for group in hand.groups] == [[], stream[:3]]
    assert [frame.data for frame in hand.frames] == stream[3:]


def test_h265_whose_codec_an_earlier_version_did_not_tell_is_shown_as_jpeg() -> None:
    """While workers are upgraded, one may follow a reader of the earlier version."""
    hand, stream = Hand("hevc", sets_of(encode(1)[0])), encode(3)
    hand.wanted = frozenset({"original"})
    units = [AccessUnit(data, key=not number, presented_at=0) for number, data in enumerate(stream)]
    hand.video.join(units[:2])
    hand.video.take(units[2])
    assert hand.own_formats[-1] is Format.JPEG
    assert {frame.format for frame in hand.frames} == {Format.JPEG}
    assert not any(hand.groups)


# Through the hub.


@pytest.fixture
def source(simulator: Simulator) -> CameraSource:
    return CameraSource(add(simulator, codec="h265", gop_seconds=5).url)


@pytest.mark.parametrize(("formats", "format"), [(ALL, Format.H265), (BOTH, Format.JPEG), ({Format.JPEG}, Format.JPEG)])
async def test_viewers_of_original_get_h265_only_if_they_play_it(
    hub: Hub, source: CameraSource, formats: Any, format: Format
) -> None:
    async with (
        hub.feed("1", source, "original", ALL) as one,
        hub.feed("1", source, "original", frozenset(formats)) as two,
    ):
        await of_format(one, Format.H265)
        await of_format(two, format)
        assert two.format is format


async def test_a_new_viewer_of_h265_gets_the_current_gop_at_once(hub: Hub, source: CameraSource) -> None:
    async with hub.feed("1", source, "original", ALL) as one:
        seen = await take(one, 20)
        seen = [frame for frame in seen if frame.format is Format.H265]
        async with hub.feed("1", source, "original", ALL) as two:
            backlog = await take(two, len(seen), seconds=0)
            assert [frame.data for frame in backlog] == [frame.data for frame in seen]
            assert backlog[0].flags == Flag.KEY | Flag.BACKLOG
            assert not any(picture.is_corrupt for picture in decode([frame.data for frame in backlog]))


async def test_the_hub_knows_in_which_formats_a_camera_s_own_video_may_come(hub: Hub, source: CameraSource) -> None:
    assert hub.own_formats("1") == VIDEO  # not read here
    async with hub.feed("1", source, "original", ALL) as feed:
        assert hub.own_formats("1") == VIDEO  # not opened yet
        await of_format(feed, Format.H265)
        assert hub.own_formats("1") == {Format.H265}
