"""One capture per camera and its fan-out in every format, on real cameras."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import av
import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.errors import CameraUnreachableError
from streaming.ingest import video
from streaming.ingest.capture import Allowance
from streaming.ingest.condition import Condition, State
from streaming.ingest.frames import Flag, Format, Frame
from streaming.ingest.hub import Feed, Hub
from streaming.ingest.snapshots import Snapshots
from tests.client import eventually
from tests.streaming.ingest.watched import image_size, size_of


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub(Allowance(2, 2), most=2, linger=0.5)
    yield hub
    hub.stop()
    assert await asyncio.to_thread(hub.join, 5)


async def first(feed: Feed) -> Frame:
    async with asyncio.timeout(5):
        return await feed.mailbox.take()


async def test_viewers_of_one_camera_share_one_connection_and_each_encoded_frame(
    hub: Hub, camera: SimulatedCamera
) -> None:
    source = CameraSource(camera.url)
    async with hub.feed("1", source, "low") as one, hub.feed("1", source, "low") as two:
        await first(one)
        one.mailbox.clear()
        two.mailbox.clear()
        assert (await first(one)).data is (await first(two)).data
    assert camera.connections_total == 1


async def test_a_newcomer_gets_a_picture_of_a_running_camera_at_once(hub: Hub, camera: SimulatedCamera) -> None:
    source = CameraSource(camera.url)
    async with hub.feed("1", source, "low") as one:
        await first(one)
        async with hub.feed("1", source, "high") as two:
            async with asyncio.timeout(0):
                assert size_of(await two.mailbox.take()) == (640, 360)


async def test_the_camera_is_left_after_the_linger_and_taken_up_again_within_it(
    hub: Hub, camera: SimulatedCamera
) -> None:
    source = CameraSource(camera.url)
    for _ in range(2):
        async with hub.feed("1", source, "low") as feed:
            await first(feed)
    assert camera.connections_total == 1
    await eventually(lambda: camera.connections == 0, 3)
    assert not hub.conditions()


async def test_a_camera_that_never_came_is_left_at_once(hub: Hub, camera: SimulatedCamera) -> None:
    camera.fault = Fault.REFUSE
    async with hub.feed("1", CameraSource(camera.url), "low") as feed:
        while feed.condition.failures == 0:
            await feed.changed()
        assert "refused" in feed.condition.cause
    assert not hub.conditions()


async def test_a_quality_is_switched_within_the_same_feed(hub: Hub, simulator: Simulator) -> None:
    camera = simulator.add(SimulatedCamera(name="Wide", path="wide", width=1280, height=720, fps=25))
    async with hub.feed("1", CameraSource(camera.url), "low") as feed:
        await first(feed)
        feed.switch("medium")
        async with asyncio.timeout(5):
            while (frame := await feed.mailbox.take()).quality != "medium":
                pass
        assert size_of(frame) == (1280, 720)
    assert camera.connections_total == 1


async def test_a_feed_that_was_left_is_not_taken_up_again_by_a_late_change_of_quality(
    hub: Hub, camera: SimulatedCamera
) -> None:
    async with hub.feed("1", CameraSource(camera.url), "low") as feed:
        await first(feed)
    feed.switch("medium")
    await eventually(lambda: camera.connections == 0, 3)
    assert not hub.conditions()


async def test_a_changed_address_is_followed_by_those_who_watch(hub: Hub, simulator: Simulator) -> None:
    old = simulator.add(SimulatedCamera(name="Old", path="old", width=640, height=360, fps=25))
    new = simulator.add(SimulatedCamera(name="New", path="new", width=320, height=240, fps=25))
    async with hub.feed("1", CameraSource(old.url), "low") as feed:
        await first(feed)
        hub.reopen("1", CameraSource(new.url))
        async with asyncio.timeout(5):
            while size_of(frame := await feed.mailbox.take()) != (320, 240):
                pass
        assert frame.epoch == 1
    await eventually(lambda: old.connections == 0, 2)


async def test_a_lost_camera_is_told_and_comes_back(hub: Hub, camera: SimulatedCamera) -> None:
    async with hub.feed("1", CameraSource(camera.url), "low") as feed:
        await first(feed)
        camera.drop_connections()
        states: list[State] = []
        async with asyncio.timeout(10):
            while State.LIVE not in states[-1:] or State.RECONNECTING not in states:
                states.append((await feed.changed()).state)
    assert states[-2:] == [State.RECONNECTING, State.LIVE]


async def test_no_picture_from_before_follows_the_word_that_a_camera_is_lost(hub: Hub, camera: SimulatedCamera) -> None:
    """To a viewer whose link is slow it would look as if the camera were back."""
    async with hub.feed("1", CameraSource(camera.url), "low") as feed:
        old = await first(feed)
        async with asyncio.timeout(5):
            await feed.mailbox.arrival()
        camera.drop_connections()
        async with asyncio.timeout(10):
            while (await feed.changed()).state is not State.RECONNECTING:
                pass
        assert (await first(feed)).epoch == old.epoch + 1


async def test_more_cameras_than_a_worker_may_open_are_refused_but_an_unwatched_one_makes_room(
    hub: Hub, simulator: Simulator
) -> None:
    cameras = [simulator.add(SimulatedCamera(name=n, path=n, width=320, height=240)) for n in ("a", "b", "c")]
    sources = [CameraSource(camera.url) for camera in cameras]
    async with hub.feed("a", sources[0], "low") as one:
        await first(one)
        async with hub.feed("b", sources[1], "low") as two:
            await first(two)
            with pytest.raises(CameraUnreachableError, match="its most"):
                async with hub.feed("c", sources[2], "low"):
                    pass
        async with hub.feed("c", sources[2], "low") as three:  # b lingers, and goes
            await first(three)


async def test_snapshots_share_one_grab_and_a_failure_is_kept_for_a_moment(hub: Hub, camera: SimulatedCamera) -> None:
    snapshots = Snapshots(hub, patience=5)
    source = CameraSource(camera.url)
    frames = await asyncio.gather(*(snapshots.take("1", source, "low", "ada") for _ in range(5)))
    assert all(frame is frames[0] for frame in frames)
    assert camera.connections_total == 1
    camera.fault = Fault.REFUSE
    camera.drop_connections()
    await eventually(lambda: not hub.conditions(), 3)
    await asyncio.sleep(2.1)  # until the picture kept is too old
    for _ in range(2):
        with pytest.raises(CameraUnreachableError):
            await snapshots.take("1", source, "low", "ada")


# The camera's own video.

BOTH = frozenset({Format.JPEG, Format.H264})
LONG_GROUP = 5.0  # seconds from key to key: far more than a test waits for


def add(simulator: Simulator, **settings: Any) -> SimulatedCamera:
    return simulator.add(SimulatedCamera("Yard", "yard", **{"width": 320, "height": 240, "fps": 25, **settings}))


async def take(feed: Feed, count: int, seconds: float = 5) -> list[Frame]:
    async with asyncio.timeout(seconds):
        return [await feed.mailbox.take() for _ in range(count)]


async def of_format(feed: Feed, format: Format, seconds: float = 5) -> Frame:
    """The next frame of this format; others before it are passed over."""
    async with asyncio.timeout(seconds):
        while (frame := await feed.mailbox.take()).format is not format:
            pass
        return frame


def pictures(frames: list[Frame]) -> list[av.VideoFrame]:
    """What a decoder makes of the frames and of nothing else."""
    context: Any = av.CodecContext.create("h264", "r")
    return [picture for frame in frames for picture in context.decode(av.Packet(frame.data))]


async def test_a_viewer_of_the_original_gets_the_camera_s_own_video_from_a_key_on(
    hub: Hub, camera: SimulatedCamera
) -> None:
    async with hub.feed("1", CameraSource(camera.url), "original", BOTH) as feed:
        frames = await take(feed, 30)
        assert {(frame.format, frame.quality) for frame in frames} == {(Format.H264, "original")}
        assert frames[0].flags & Flag.KEY
        assert not any(frame.flags & (Flag.DISCONTINUITY | Flag.BACKLOG) for frame in frames[1:])
        assert [picture.is_corrupt for picture in pictures(frames)] == [False] * 30


async def test_a_viewer_that_plays_jpeg_only_gets_the_original_as_jpeg(hub: Hub, camera: SimulatedCamera) -> None:
    async with hub.feed("1", CameraSource(camera.url), "original") as feed:
        frames = await take(feed, 3)
        assert {(frame.format, frame.quality) for frame in frames} == {(Format.JPEG, "original")}
        assert size_of(frames[0]) == (640, 360)


@pytest.mark.parametrize("settings", [{"codec": "h265"}, {"codec": "mjpeg"}, {"transport": "http"}], ids=str)
async def test_where_a_camera_sends_no_h264_the_original_is_jpeg(
    hub: Hub, simulator: Simulator, settings: dict[str, Any]
) -> None:
    camera = add(simulator, **settings)
    async with hub.feed("1", CameraSource(camera.url), "original", BOTH) as feed:
        assert {frame.format for frame in await take(feed, 3)} == {Format.JPEG}


async def test_a_newcomer_gets_the_running_group_at_once_and_goes_on_from_there(hub: Hub, simulator: Simulator) -> None:
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
            assert not any(picture.is_corrupt for picture in pictures(backlog + following))


async def test_a_newcomer_that_takes_longer_over_a_long_group_than_to_the_next_picture_keeps_it(
    hub: Hub, simulator: Simulator
) -> None:
    """As each viewer does: after a window of pictures it waits for an acknowledgement."""
    source = CameraSource(add(simulator, gop_seconds=LONG_GROUP).url)
    async with hub.feed("1", source, "original", BOTH) as one:
        await take(one, 30)
        async with hub.feed("1", source, "original", BOTH) as two:
            await take(one, 3)  # meanwhile
            taken = await take(two, 33, seconds=1)
            assert not any(frame.flags & Flag.DISCONTINUITY for frame in taken)


async def test_a_viewer_that_falls_behind_misses_what_waits_and_goes_on_with_the_next_key(
    hub: Hub, simulator: Simulator
) -> None:
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
        assert not any(picture.is_corrupt for picture in pictures(frames))


async def test_a_slow_viewer_of_the_original_costs_the_others_nothing(hub: Hub, camera: SimulatedCamera) -> None:
    source = CameraSource(camera.url)
    async with hub.feed("1", source, "original", BOTH) as quick, hub.feed("1", source, "original", BOTH) as slow:
        frames = await take(quick, 60)
        assert not any(frame.flags & Flag.DISCONTINUITY for frame in frames[1:])
        assert len(slow.mailbox._frames) <= 25


async def test_one_feed_is_switched_between_the_original_and_jpeg(hub: Hub, simulator: Simulator) -> None:
    camera = add(simulator, gop_seconds=LONG_GROUP)
    source = CameraSource(camera.url)
    async with hub.feed("2", source, "low", BOTH) as feed:
        assert (await of_format(feed, Format.JPEG)).quality == "low"
        for _ in range(2):
            feed.switch("original")
            frames = await take(feed, 10, seconds=2)  # before the next key
            assert {frame.format for frame in frames} == {Format.H264}
            assert frames[0].flags & Flag.KEY
            assert not any(picture.is_corrupt for picture in pictures(frames))
            feed.switch("low")
            assert (await take(feed, 1, seconds=2))[0].format is Format.JPEG
    assert camera.connections_total == 1


async def test_video_that_was_not_handled_yet_is_nothing_to_who_watches_jpeg_by_then(
    hub: Hub, simulator: Simulator
) -> None:
    source = CameraSource(add(simulator, gop_seconds=LONG_GROUP).url)
    async with hub.feed("1", source, "original", BOTH) as feed, hub.feed("1", source, "low"):
        await take(feed, 30)
        active = hub._cameras["1"]
        key = active.group[0]
        assert key.flags & Flag.KEY
        active.post(active._fan_out, key, urgent=False)
        feed.switch("low")
        (frame,) = await take(feed, 1)
        assert (frame.format, frame.flags) == (Format.JPEG, Flag.KEY)


async def test_a_newcomer_is_told_of_a_change_that_was_not_handled_yet(hub: Hub, camera: SimulatedCamera) -> None:
    source = CameraSource(camera.url)
    async with hub.feed("1", source, "low") as feed:
        await take(feed, 1)
        active = hub._cameras["1"]
        active.post(active.tell, Condition(State.RECONNECTING, 0), urgent=False)
        async with hub.feed("1", source, "low") as newcomer:
            assert newcomer.condition.state is State.RECONNECTING


async def test_a_newcomer_to_video_that_nobody_watched_has_all_of_it(hub: Hub, simulator: Simulator) -> None:
    source = CameraSource(add(simulator, gop_seconds=LONG_GROUP).url)
    async with hub.feed("1", source, "low") as jpeg:
        await of_format(jpeg, Format.JPEG)
        await asyncio.sleep(1.0)
        read = hub._cameras["1"].capture.frames_read
        async with hub.feed("1", source, "original", BOTH) as feed:
            frames = await take(feed, read)
            assert frames[0].flags & Flag.KEY
            assert not any(picture.is_corrupt for picture in pictures(frames))


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


async def test_only_the_original_being_watched_nothing_is_encoded(hub: Hub, camera: SimulatedCamera) -> None:
    async with hub.feed("1", CameraSource(camera.url), "original", BOTH) as feed:
        await of_format(feed, Format.H264)
        active = hub._cameras["1"]
        await take(feed, 5)
        active.newest.clear()  # what the first moment made, before the camera's codec was known
        await take(feed, 30)
        assert not active.newest


async def test_a_camera_that_turns_out_to_send_no_keys_is_served_as_jpeg_in_the_same_feed(
    hub: Hub, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "WITHOUT_KEY", 1.0)
    monkeypatch.setattr(video, "GROUP_PICTURES", 20)
    camera = add(simulator, intra_refresh=True)
    async with hub.feed("1", CameraSource(camera.url), "original", BOTH) as feed:
        await of_format(feed, Format.H264)
        frame = await of_format(feed, Format.JPEG)
        assert feed.format is Format.JPEG
        assert frame.quality == "original"


async def test_a_camera_that_changes_its_codec_is_followed_and_no_old_group_is_preloaded(
    hub: Hub, simulator: Simulator
) -> None:
    camera = add(simulator)
    source = CameraSource(camera.url)
    async with hub.feed("1", source, "original", BOTH) as feed:
        await of_format(feed, Format.H264)
        camera.change_codec("h265")
        frame = await of_format(feed, Format.JPEG, 10)
        assert frame.epoch == 1
        assert not hub._cameras["1"].group
        camera.change_codec("h264", 160, 96)
        frame = await of_format(feed, Format.H264, 10)
        assert (frame.epoch, bool(frame.flags & Flag.KEY)) == (2, True)
        assert pictures([frame])[0].width == 160


@pytest.mark.parametrize("codec", ["h264", "h265", "mjpeg"])
async def test_a_still_of_the_original_is_a_jpeg_of_the_camera_s_own_size(
    hub: Hub, simulator: Simulator, codec: str
) -> None:
    source = CameraSource(add(simulator, codec=codec).url)
    still = await Snapshots(hub, patience=5).take("1", source, "original", "ada")
    assert image_size(still.data) == (320, 240)
