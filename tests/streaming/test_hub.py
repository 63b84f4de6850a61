"""One capture per camera, on real RTSP cameras."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.capture import State, Timeouts
from streaming.errors import CameraUnreachableError
from streaming.hub import Feed, Hub
from streaming.snapshots import Snapshots
from tests.client import eventually


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub(Timeouts(2, 2), most=2, linger=0.5)
    yield hub
    hub.stop()
    assert await asyncio.to_thread(hub.join, 5)


async def first(feed: Feed) -> object:
    async with asyncio.timeout(5):
        frame, _ = await feed.mailbox.take()
        return frame


async def test_viewers_of_one_camera_share_one_connection_and_each_encoded_frame(
    hub: Hub, camera: SimulatedCamera
) -> None:
    source = CameraSource(camera.url)
    async with hub.feed("1", source, "low") as one, hub.feed("1", source, "low") as two:
        await first(one)
        one.mailbox.clear()
        two.mailbox.clear()
        assert await first(one) is await first(two)
    assert camera.connections_total == 1


async def test_a_newcomer_gets_a_picture_of_a_running_camera_at_once(hub: Hub, camera: SimulatedCamera) -> None:
    source = CameraSource(camera.url)
    async with hub.feed("1", source, "low") as one:
        await first(one)
        async with hub.feed("1", source, "high") as two:
            assert two.mailbox._frame is not None


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
            while (frame := (await feed.mailbox.take())[0]).quality != "medium":
                pass
        assert (frame.width, frame.height) == (1280, 720)
    assert camera.connections_total == 1


async def test_a_changed_address_is_followed_by_those_who_watch(hub: Hub, simulator: Simulator) -> None:
    old = simulator.add(SimulatedCamera(name="Old", path="old", width=640, height=360, fps=25))
    new = simulator.add(SimulatedCamera(name="New", path="new", width=320, height=240, fps=25))
    async with hub.feed("1", CameraSource(old.url), "low") as feed:
        await first(feed)
        hub.reopen("1", CameraSource(new.url))
        async with asyncio.timeout(5):
            while (frame := (await feed.mailbox.take())[0]).width != 320:
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
    frames = await asyncio.gather(*(snapshots.take("1", source, "low") for _ in range(5)))
    assert all(frame is frames[0] for frame in frames)
    assert camera.connections_total == 1
    camera.fault = Fault.REFUSE
    camera.drop_connections()
    await eventually(lambda: not hub.conditions(), 3)
    await asyncio.sleep(2.1)  # until the picture kept is too old
    for _ in range(2):
        with pytest.raises(CameraUnreachableError):
            await snapshots.take("1", source, "low")
