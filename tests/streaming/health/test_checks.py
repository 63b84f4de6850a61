"""The checks in the background, on simulated cameras: what they find, and what they leave alone."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pytest_django import Settings

from cameras.models import Camera
from cameras.simulator import Fault, SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.health import checks, sights
from streaming.health.checks import CameraChecks
from streaming.health.sights import Sights
from streaming.ingest import capture
from streaming.ingest.active_camera import CameraEvents
from streaming.ingest.condition import Condition, VideoFacts
from streaming.ingest.hub import Hub
from streaming.ingest.reader import Allowance
from streaming.ingest.streams import substream_id
from streaming.models import CameraHealth
from streaming.store.scripts import Store
from tests.servers import free_port
from tests.streaming.viewing.harness import until

pytestmark = pytest.mark.django_db(transaction=True)


class Worker:
    """A worker's hub, its sights and its checks."""

    def __init__(self, store: Store, most: int = 4, seconds: float = 10) -> None:
        """`seconds`: for which it waits for a camera."""
        self.sights = Sights(lambda: self.hub.cameras())
        self.failures: list[int] = []  # of each condition
        events = CameraEvents(on_condition=self._hear)
        self.hub = Hub(Allowance(seconds, seconds), most=most, linger=5, events=events)
        self.checks = CameraChecks(self.hub, store, self.sights, lambda: False)

    def _hear(self, camera: str, condition: Condition, facts: VideoFacts | None) -> None:
        self.failures.append(condition.failures)
        self.sights.on_condition(camera, condition, facts)

    async def end(self) -> None:
        self.hub.stop()
        assert await asyncio.to_thread(self.hub.join, 5)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "GAP", 0.01)
    monkeypatch.setattr(checks, "MEASURE", 1.2)


@pytest.fixture
async def worker(store: Store) -> AsyncIterator[Worker]:
    created = Worker(store)
    yield created
    await created.end()


async def add(url: str, **fields: str) -> Camera:
    return await Camera.objects.acreate(name="Yard", stream_url=url, **fields)


async def health(worker: Worker, camera: Camera) -> CameraHealth:
    await worker.sights.write()
    return await CameraHealth.objects.aget(camera=camera)


async def test_a_camera_that_sends_pictures_is_reachable(worker: Worker, camera: SimulatedCamera) -> None:
    stored = await add(camera.url)
    await worker.checks.look()
    row = await health(worker, stored)
    assert (row.state, row.codec, row.width, row.height) == ("reachable", "h264", 640, 360)
    await until(lambda: not camera.connections)
    assert camera.connections_total == 1


@pytest.mark.timing("measures a frame rate")
async def test_the_frame_rate_of_a_reachable_camera_is_recorded(worker: Worker, camera: SimulatedCamera) -> None:
    stored = await add(camera.url)
    await worker.checks.look()
    assert (await health(worker, stored)).frames_per_second == pytest.approx(camera.fps, abs=3)


@pytest.mark.parametrize(
    ("fault", "seconds", "state", "reason"),
    [
        (Fault.UNAUTHORIZED, 10, "wrong_password", "The camera refused the user name or the password."),
        (Fault.SILENT, 1, "unreachable", "The camera did not answer in time."),
        (Fault.HANG, 3, "no_picture", "The camera was opened, but sent no picture in time."),
    ],
)
async def test_a_camera_with_a_problem_is_tried_once_and_recorded_with_its_reason(
    store: Store,
    camera: SimulatedCamera,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    seconds: float,
    state: str,
    reason: str,
) -> None:
    monkeypatch.setattr(capture, "BACK_OFF", (60.0,))
    worker = Worker(store, seconds=seconds)
    camera.fault = fault
    stored = await add(camera.url, username="operator", password="s3cret")
    await worker.checks.look()
    row = await health(worker, stored)
    assert (row.state, row.reason, row.picture_at) == (state, reason, None)
    assert worker.failures == [1]
    await worker.end()


async def test_a_wrong_path_and_a_port_where_nothing_listens_have_their_own_states(
    worker: Worker, simulator: Simulator
) -> None:
    nowhere = await add(f"rtsp://127.0.0.1:{simulator.port}/nowhere")
    closed = await add(f"rtsp://127.0.0.1:{free_port()}/yard")
    await worker.checks.look()
    assert (await health(worker, nowhere)).state == "no_such_path"
    row = await health(worker, closed)
    assert (row.state, row.reason) == ("unreachable", "Connection refused. Check the address and port.")


async def test_a_stored_password_that_cannot_be_decrypted_is_a_problem(worker: Worker, settings: Settings) -> None:
    stored = await add("rtsp://127.0.0.1:9/yard", password="s3cret")
    settings.CAMERA_KEY = "another camera key of the tests"
    await worker.checks.look()
    row = await health(worker, stored)
    assert (row.state, "CAMERA_KEY has changed" in row.reason) == ("wrong_password", True)


async def test_a_stream_tells_the_health_of_its_camera_without_a_check(
    worker: Worker, camera: SimulatedCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sights, "MEASURABLE", 0)
    stored = await add(camera.url)
    async with worker.hub.feed(str(stored.pk), CameraSource(camera.url), "low") as feed:
        await asyncio.wait_for(feed.mailbox.take(), 5)
        assert (await health(worker, stored)).state == "reachable"
        await CameraHealth.objects.all().aupdate(seen_at=None)  # due
        worker.sights.look()
        await worker.sights.write()
        assert (await CameraHealth.objects.aget()).seen_at is not None
    assert camera.connections_total == 1


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.UNAUTHORIZED])
async def test_a_substream_tells_nothing_of_its_camera(
    worker: Worker, camera: SimulatedCamera, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr(sights, "MEASURABLE", 0)
    stored = await add(camera.url)
    camera.fault = fault
    async with worker.hub.feed(substream_id(str(stored.pk)), CameraSource(camera.url), "low"):
        await until(lambda: bool(worker.failures))
        worker.sights.look()
        await worker.sights.write()
    assert not await CameraHealth.objects.aexists()


async def test_what_was_seen_before_a_camera_was_changed_is_forgotten(worker: Worker, camera: SimulatedCamera) -> None:
    stored = await add(camera.url)
    await worker.checks.look()
    worker.sights.forget([str(stored.pk)])
    await worker.sights.write()
    assert not await CameraHealth.objects.aexists()


async def test_one_worker_checks_and_opens_one_camera_at_a_time(
    worker: Worker, simulator: Simulator, store: Store
) -> None:
    cameras = [simulator.add(SimulatedCamera(f"C{n}", f"c{n}", 64, 64)) for n in range(3)]
    for camera in cameras:
        await add(camera.url)
    other, most = Worker(store), 0
    looks = asyncio.gather(worker.checks.look(), other.checks.look())
    while not looks.done():
        most = max(most, sum(camera.connections for camera in cameras))
        await asyncio.sleep(0.01)
    await looks
    assert (most, [camera.connections_total for camera in cameras]) == (1, [1, 1, 1])
    await other.end()


async def test_a_check_takes_no_place_that_a_viewer_may_need(store: Store, camera: SimulatedCamera) -> None:
    small = Worker(store, most=1)
    await add(camera.url)
    await small.checks.look()
    assert camera.connections_total == 0
    await small.end()


async def test_no_camera_is_checked_if_checks_are_off(
    worker: Worker, camera: SimulatedCamera, settings: Settings
) -> None:
    settings.STREAM_CHECK_MINUTES = 0
    await add(camera.url)
    await worker.checks.look()
    assert camera.connections_total == 0


async def test_a_lost_camera_counts_as_one_reconnection(worker: Worker, camera: SimulatedCamera) -> None:
    stored = await add(camera.url)
    async with worker.hub.feed(str(stored.pk), CameraSource(camera.url), "low") as feed:
        await asyncio.wait_for(feed.mailbox.take(), 5)
        camera.drop_connections()
        await until(lambda: camera.connections_total == 2 and feed.condition.state == "live")
    row = await health(worker, stored)
    assert (row.state, sum(row.reconnections.values())) == ("reachable", 1)
