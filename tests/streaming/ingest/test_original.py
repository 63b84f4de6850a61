"""The quality `original` through the hub: the camera's own video for viewers that play it, else JPEG."""

import asyncio
from typing import Any

import pytest

from cameras.simulator import SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.ingest import video
from streaming.ingest.frames import Flag, Format
from streaming.ingest.hub import Hub
from tests.streaming.ingest.feeds import BOTH, of_format, take, waiting
from tests.streaming.ingest.simulated import decoded_video
from tests.streaming.ingest.watched import size_of

LONG_GROUP = 60.0  # seconds between keyframes: far longer than a test waits


def add(simulator: Simulator, **settings: Any) -> SimulatedCamera:
    return simulator.add(SimulatedCamera("Yard", "yard", **{"width": 320, "height": 240, "fps": 25, **settings}))


async def test_a_viewer_of_original_gets_the_camera_s_own_video_from_a_keyframe_on(
    hub: Hub, camera: SimulatedCamera
) -> None:
    async with hub.feed("1", CameraSource(camera.url), "original", BOTH) as feed:
        frames = await take(feed, 30)
        assert {(frame.format, frame.quality) for frame in frames} == {(Format.H264, "original")}
        assert frames[0].flags & Flag.KEY
        assert not any(frame.flags & (Flag.DISCONTINUITY | Flag.BACKLOG) for frame in frames[1:])
        assert [picture.is_corrupt for picture in decoded_video(frames)] == [False] * 30


async def test_a_viewer_that_plays_jpeg_only_gets_original_as_jpeg(hub: Hub, camera: SimulatedCamera) -> None:
    async with hub.feed("1", CameraSource(camera.url), "original") as feed:
        frames = await take(feed, 3)
        assert {(frame.format, frame.quality) for frame in frames} == {(Format.JPEG, "original")}
        assert size_of(frames[0]) == (640, 360)


@pytest.mark.parametrize("settings", [{"codec": "h265"}, {"codec": "mjpeg"}, {"transport": "http"}], ids=str)
async def test_original_is_jpeg_if_the_camera_sends_no_h264(
    hub: Hub, simulator: Simulator, settings: dict[str, Any]
) -> None:
    camera = add(simulator, **settings)
    async with hub.feed("1", CameraSource(camera.url), "original", BOTH) as feed:
        assert {frame.format for frame in await take(feed, 3)} == {Format.JPEG}


async def test_a_new_viewer_gets_the_current_gop_at_once_and_all_frames_after_it(
    hub: Hub, simulator: Simulator
) -> None:
    source = CameraSource(add(simulator, gop_seconds=LONG_GROUP).url)
    async with hub.feed("1", source, "original", BOTH) as one:
        seen = await take(one, 20)
        async with hub.feed("1", source, "original", BOTH) as two:
            backlog = await take(two, 20, seconds=0)
            assert [frame.data for frame in backlog] == [frame.data for frame in seen]
            assert backlog[0].flags == Flag.KEY | Flag.BACKLOG
            assert {frame.flags for frame in backlog[1:-1]} == {Flag.BACKLOG}
            assert backlog[-1].flags == Flag(0)
            following = await take(two, 5)
            assert [frame.data for frame in following] == [frame.data for frame in await take(one, 5)]
            assert not any(picture.is_corrupt for picture in decoded_video(backlog + following))


async def test_a_new_viewer_that_is_slow_with_a_long_gop_loses_none_of_it(hub: Hub, simulator: Simulator) -> None:
    """As each viewer is: after a window of frames it waits for an acknowledgement."""
    source = CameraSource(add(simulator, gop_seconds=LONG_GROUP).url)
    async with hub.feed("1", source, "original", BOTH) as one:
        await take(one, 30)
        async with hub.feed("1", source, "original", BOTH) as two:
            await take(one, 3)  # meanwhile
            taken = await take(two, 33, seconds=1)
            assert not any(frame.flags & Flag.DISCONTINUITY for frame in taken)


async def test_a_viewer_that_falls_behind_continues_with_the_next_keyframe(hub: Hub, simulator: Simulator) -> None:
    camera = add(simulator, gop_seconds=1.6)  # longer than a mailbox
    async with hub.feed("1", CameraSource(camera.url), "original", BOTH) as feed:
        first = (await take(feed, 1))[0]
        async with asyncio.timeout(5):
            while not feed.mailbox.dropped:
                await asyncio.sleep(0.01)
        frames = await take(feed, 10)
        assert frames[0].flags == Flag.KEY | Flag.DISCONTINUITY
        assert frames[0].presented_at > first.presented_at
        assert not any(frame.flags for frame in frames[1:])
        assert not any(picture.is_corrupt for picture in decoded_video(frames))


async def test_a_slow_viewer_of_original_does_not_affect_others(hub: Hub, camera: SimulatedCamera) -> None:
    source = CameraSource(camera.url)
    async with hub.feed("1", source, "original", BOTH) as quick, hub.feed("1", source, "original", BOTH) as slow:
        frames = await take(quick, 60)
        assert not any(frame.flags & Flag.DISCONTINUITY for frame in frames[1:])
        assert len(await waiting(slow)) <= 25


async def test_a_feed_can_be_switched_between_original_and_jpeg(hub: Hub, simulator: Simulator) -> None:
    camera = add(simulator, gop_seconds=LONG_GROUP)
    source = CameraSource(camera.url)
    async with hub.feed("2", source, "low", BOTH) as feed:
        assert (await of_format(feed, Format.JPEG)).quality == "low"
        for _ in range(2):
            feed.switch("original")
            frames = await take(feed, 10)  # before the next key
            assert {frame.format for frame in frames} == {Format.H264}
            assert frames[0].flags & Flag.KEY
            assert not any(picture.is_corrupt for picture in decoded_video(frames))
            feed.switch("low")
            assert (await take(feed, 1))[0].format is Format.JPEG
    assert camera.connections_total == 1


async def test_viewers_of_all_formats_share_one_connection(hub: Hub, camera: SimulatedCamera) -> None:
    source = CameraSource(camera.url)
    async with (
        hub.feed("1", source, "low") as low,
        hub.feed("1", source, "original", BOTH) as original,
        hub.feed("1", source, "original") as jpeg,
    ):
        assert (await of_format(original, Format.H264)).quality == "original"
        assert (await of_format(low, Format.JPEG)).quality == "low"
        async with asyncio.timeout(5):
            while (frame := await jpeg.mailbox.take()).quality != "original":
                pass
        assert frame.format is Format.JPEG
    assert camera.connections_total == 1


async def test_nothing_is_encoded_while_only_original_is_watched(hub: Hub, camera: SimulatedCamera) -> None:
    async with hub.feed("1", CameraSource(camera.url), "original", BOTH) as feed:
        await of_format(feed, Format.H264)
        await take(feed, 5)
        newest = dict(hub.newest("1") or {})  # of the first moment, before the camera's codec was known
        await take(feed, 30)
        assert hub.newest("1") == newest


async def test_a_camera_that_sends_no_keyframes_any_more_is_served_as_jpeg_in_the_same_feed(
    hub: Hub, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "LONGEST_GOP", 1.0)
    monkeypatch.setattr(video, "GROUP_PICTURES", 20)
    camera = add(simulator, intra_refresh=True)
    async with hub.feed("1", CameraSource(camera.url), "original", BOTH) as feed:
        await of_format(feed, Format.H264)
        frame = await of_format(feed, Format.JPEG)
        assert feed.format is Format.JPEG
        assert frame.quality == "original"


async def test_a_change_of_the_codec_is_followed_and_no_old_gop_is_preloaded(hub: Hub, simulator: Simulator) -> None:
    camera = add(simulator)
    source = CameraSource(camera.url)
    async with hub.feed("1", source, "original", BOTH) as feed:
        await of_format(feed, Format.H264)
        camera.change_codec("h265")
        frame = await of_format(feed, Format.JPEG, 10)
        assert frame.epoch == 1
        async with hub.feed("1", source, "original", BOTH) as new_viewer:
            assert (await take(new_viewer, 1))[0].format is Format.JPEG
        camera.change_codec("h264", 160, 96)
        frame = await of_format(feed, Format.H264, 10)
        assert (frame.epoch, bool(frame.flags & Flag.KEY)) == (2, True)
        assert decoded_video([frame])[0].width == 160
