"""One capture per camera for all its viewers: start, linger, switch, loss and room for others."""

import asyncio

import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.errors import CameraUnreachableError
from streaming.ingest import active_camera
from streaming.ingest.active_camera import Feed
from streaming.ingest.condition import State
from streaming.ingest.frames import Frame
from streaming.ingest.hub import Hub
from streaming.ingest.streams import Streams
from tests.client import eventually
from tests.streaming.ingest.watched import size_of


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


async def test_a_new_viewer_gets_a_frame_of_a_running_camera_at_once(
    hub: Hub, camera: SimulatedCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active_camera, "FRESH", 60)
    source = CameraSource(camera.url)
    async with hub.feed("1", source, "low") as one:
        await first(one)
        async with hub.feed("1", source, "high") as two:
            async with asyncio.timeout(0):
                assert size_of(await two.mailbox.take()) == (640, 360)


async def test_the_camera_is_closed_after_the_linger_and_reused_within_it(hub: Hub, camera: SimulatedCamera) -> None:
    source = CameraSource(camera.url)
    for _ in range(2):
        async with hub.feed("1", source, "low") as feed:
            await first(feed)
    assert camera.connections_total == 1
    await eventually(lambda: camera.connections == 0)
    assert not hub.conditions()


async def test_a_camera_that_was_never_live_is_closed_at_once(hub: Hub, camera: SimulatedCamera) -> None:
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


async def test_a_late_switch_does_not_reopen_a_closed_feed(hub: Hub, camera: SimulatedCamera) -> None:
    async with hub.feed("1", CameraSource(camera.url), "low") as feed:
        await first(feed)
    feed.switch("medium")
    await eventually(lambda: camera.connections == 0)
    assert not hub.conditions()


async def test_viewers_see_the_camera_s_new_address(hub: Hub, simulator: Simulator) -> None:
    old = simulator.add(SimulatedCamera(name="Old", path="old", width=640, height=360, fps=25))
    new = simulator.add(SimulatedCamera(name="New", path="new", width=320, height=240, fps=25))
    async with hub.feed("1", CameraSource(old.url), "low") as feed:
        await first(feed)
        hub.change_sources(Streams("1", CameraSource(new.url)))
        async with asyncio.timeout(5):
            while size_of(frame := await feed.mailbox.take()) != (320, 240):
                pass
        assert frame.epoch == 1
    await eventually(lambda: old.connections == 0)


async def test_a_feed_is_told_when_its_camera_is_lost_and_when_it_is_back(hub: Hub, camera: SimulatedCamera) -> None:
    async with hub.feed("1", CameraSource(camera.url), "low") as feed:
        await first(feed)
        camera.fault = Fault.REFUSE
        states: list[State] = []
        async with asyncio.timeout(10):
            while State.RECONNECTING not in states:
                states.append((await feed.changed()).state)
            camera.fault = Fault.NONE
            while states[-1] is not State.LIVE:
                states.append((await feed.changed()).state)
    assert states[-2:] == [State.RECONNECTING, State.LIVE]


async def test_no_old_frame_is_delivered_after_a_camera_is_lost(hub: Hub, camera: SimulatedCamera) -> None:
    """On a slow link it would look as if the camera were back."""
    async with hub.feed("1", CameraSource(camera.url), "low") as feed:
        old = await first(feed)
        async with asyncio.timeout(5):
            await feed.mailbox.arrival()
        camera.fault = Fault.REFUSE
        async with asyncio.timeout(10):
            while (await feed.changed()).state is not State.RECONNECTING:
                pass
        camera.fault = Fault.NONE
        assert (await first(feed)).epoch == old.epoch + 1


async def test_one_camera_too_many_is_refused_unless_an_unwatched_one_makes_room(
    hub: Hub, simulator: Simulator
) -> None:
    cameras = [simulator.add(SimulatedCamera(name=n, path=n, width=320, height=240)) for n in ("a", "b", "c")]
    sources = [CameraSource(camera.url) for camera in cameras]
    async with hub.feed("a", sources[0], "low") as one:
        await first(one)
        async with hub.feed("b", sources[1], "low") as two:
            await first(two)
            with pytest.raises(CameraUnreachableError, match="the most it may"):
                async with hub.feed("c", sources[2], "low"):
                    pass
        async with hub.feed("c", sources[2], "low") as three:  # b lingers, and is closed
            await first(three)
