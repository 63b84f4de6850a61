"""Cameras that refuse, hang, fall silent, trickle, drop or change: viewers are notified, and no resource leaks."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cameras.simulator import Fault, SimulatedCamera
from tests.client import Session, Stream, eventually, in_use
from tests.figures import record
from tests.servers import Site, site


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template) as created:
        created.start_worker(
            STREAM_FIRST_FRAME_SECONDS="4",
            STREAM_READ_TIMEOUT_SECONDS="1",
            STREAM_RECONNECT_SECONDS="4",
        )
        created.start_worker(STREAM_READ_TIMEOUT_SECONDS="1")
        yield created


@pytest.fixture
def patient(installation: Site) -> Session:
    """At a worker that waits for cameras as long as by default."""
    return Session(installation.workers[1].base)


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.TRICKLE, Fault.REFUSE])
async def test_viewers_of_a_faulty_camera_are_told_and_recover_when_it_returns(
    patient: Session, camera: SimulatedCamera, fault: Fault, camera_id: str
) -> None:
    async with Stream(patient, camera_id) as stream:
        await stream.live()
        camera.fault = fault
        await stream.until(lambda stream: stream.last("status")["state"] == "reconnecting")
        camera.fault = Fault.NONE
        returned = time.monotonic()
        await stream.until(lambda stream: stream.last("status")["state"] == "live")
        record(f"camera {fault.value}, returned: live again after", time.monotonic() - returned)
        count = stream.count
        await stream.until(lambda stream: stream.count > count)
        assert stream.close_code is None


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.TRICKLE, Fault.REFUSE, Fault.UNAUTHORIZED])
async def test_viewers_of_a_camera_that_stays_away_get_4503_and_their_slots_are_free(
    session: Session, camera: SimulatedCamera, fault: Fault, camera_id: str
) -> None:
    async with Stream(session, camera_id) as stream:
        await stream.live()
        camera.fault = fault
        faulty = time.monotonic()
        assert await stream.ended(10) == 4503
        record(
            f"camera {fault.value} (limit 4 s, read timeout 1 s): viewers told to go after", time.monotonic() - faulty
        )
        assert stream.last("error")["reason"] == "camera_lost"
    await eventually(lambda: in_use(session) == 0)


async def test_a_camera_that_changes_its_size_goes_on(
    session: Session, camera: SimulatedCamera, camera_id: str
) -> None:
    async with Stream(session, camera_id) as stream:
        await stream.live()
        camera.resize(320, 240)
        camera.drop_connections()
        dropped = time.monotonic()
        await stream.until(lambda stream: stream.pictures[-1].image.shape[:2] == (240, 320))
        record("camera restarts with another size: its picture after", time.monotonic() - dropped)
        assert stream.close_code is None


async def test_a_camera_that_restarts_with_another_codec_goes_on(
    session: Session, camera: SimulatedCamera, camera_id: str
) -> None:
    async with Stream(session, camera_id) as stream:
        await stream.live()
        before = stream.pictures[-1].epoch
        camera.change_codec("h265")
        restarted = time.monotonic()
        await stream.until(lambda stream: stream.pictures[-1].epoch != before)
        record("camera restarts with H.265: its picture after", time.monotonic() - restarted)
        assert stream.pictures[-1].clock_age() is not None
        assert stream.close_code is None


def held(process: psutil.Process) -> tuple[int, int]:
    """Returns the numbers of threads and of descriptors, without those of the database, which may be open or not."""
    targets = []
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            targets.append(str(descriptor.readlink()))
    return process.num_threads(), sum("/nvr.sqlite3" not in target for target in targets)


async def test_fifty_rounds_of_opening_and_losing_leave_no_thread_descriptor_or_connection(
    installation: Site, patient: Session, camera: SimulatedCamera, camera_id: str
) -> None:
    process = psutil.Process(installation.workers[1].process.popen.pid)

    async def one_round(number: int) -> None:
        async with Stream(patient, camera_id) as stream:
            await stream.live()
            if number % 2:
                camera.drop_connections()
            elif number % 5 == 0:
                camera.fault = Fault.REFUSE
        camera.fault = Fault.NONE

    async def quiet() -> None:
        await eventually(lambda: camera.connections == 0, 15)
        await eventually(lambda: in_use(patient) == 0)

    for number in range(3):  # pools and caches are created now
        await one_round(number)
    await asyncio.gather(*(one_round(2) for _ in range(8)))  # and pools reach their full size
    await quiet()
    before = held(process)
    for number in range(50):
        await one_round(number)
    await quiet()

    def left() -> tuple[int, int]:
        threads, descriptors = held(process)
        return threads - before[0], descriptors - before[1]

    # Sockets of this test's own requests are still being closed.
    await eventually(lambda: left()[0] <= 1 and left()[1] <= 3, 10)
    record("camera, 50 rounds: threads left", left()[0], "")
    record("camera, 50 rounds: descriptors left", left()[1], "")
