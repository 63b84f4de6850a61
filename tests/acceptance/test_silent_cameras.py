"""Cameras that accept connections but send nothing do not slow other cameras."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cameras.simulator import SimulatedCamera, Simulator
from tests.client import Session, Stream
from tests.figures import record
from tests.servers import Site, site
from tests.streaming.ingest.scripted import SILENT, silent

DISCONTINUITY = 2


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template) as created:
        created.start_worker(STREAM_MAX_CONCURRENT="64")
        yield created


@pytest.fixture
def silent_cameras(installation: Site) -> Iterator[list[str]]:
    """Four of each kind."""
    with contextlib.ExitStack() as held:
        yield [
            installation.add_camera(f"{kind} {number}", held.enter_context(silent(kind)))
            for kind in SILENT
            for number in range(4)
        ]


async def seconds_to_picture(session: Session, camera: str) -> float:
    started = time.monotonic()
    async with Stream(session, camera) as stream:
        await stream.live()
        return time.monotonic() - started


async def seconds_to_still(session: Session, camera: str) -> float:
    started = time.monotonic()
    status, _ = await asyncio.to_thread(session.get, f"/api/v1/cameras/{camera}/stream/snapshot")
    assert status == 200
    return time.monotonic() - started


async def poll(session: Session, camera: str) -> None:
    while True:
        await asyncio.to_thread(session.get, f"/api/v1/cameras/{camera}/stream/snapshot")
        await asyncio.sleep(1)


@pytest.mark.timeout(240)
@pytest.mark.timing("compares two openings that differ by less than a second")
async def test_beside_silent_cameras_a_healthy_one_opens_as_when_it_is_alone_and_streams_lose_nothing(
    installation: Site, simulator: Simulator, silent_cameras: list[str]
) -> None:
    urls = [simulator.add(SimulatedCamera(name, name, 320, 180, 10)).url for name in "abcde"]
    watched, alone, beside, still_alone, still_beside = (installation.add_camera(url[-1], url) for url in urls)
    session = Session(installation.workers[0].base, "admin")
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(32))  # polls wait in threads
    async with contextlib.AsyncExitStack() as held:
        running = [
            await held.enter_async_context(Stream(session, watched, "?quality=original&formats=jpeg,h264", keep=10_000))
            for _ in range(10)
        ]
        for stream in running:
            await stream.live()
        before = await seconds_to_picture(session, alone), await seconds_to_still(session, still_alone)
        for camera in silent_cameras:
            await held.enter_async_context(Stream(session, camera))
        polls = [asyncio.create_task(poll(session, camera)) for camera in silent_cameras]
        held.callback(lambda: [task.cancel() for task in polls])
        await asyncio.sleep(3)
        after = await seconds_to_picture(session, beside), await seconds_to_still(session, still_beside)
        record("20 silent cameras, watched and polled: first picture of a healthy one, later by", after[0] - before[0])
        record("20 silent cameras, watched and polled: still of a healthy one, later by", after[1] - before[1])
        assert after[0] - before[0] < 1
        assert after[1] - before[1] < 1
        for stream in running:
            assert not [picture for picture in stream.pictures if picture.flags & DISCONTINUITY]
            assert stream.close_code is None
