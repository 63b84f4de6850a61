"""Viewers that vanish, stop reading, chat or flood: their slots become free, and the worker's memory is bounded."""

import asyncio
import time

import psutil
import pytest

from cameras.simulator import SimulatedCamera
from tests.client import Session, Stream, eventually, in_use
from tests.figures import record
from tests.proxy import TcpProxy
from tests.servers import Site

SECONDS = 12  # until the slot of such a viewer is free, at most


@pytest.mark.timing("measures when the slot of a vanished viewer is free")
async def test_a_viewer_that_vanishes_without_a_word_frees_its_slot(
    installation: Site, camera: SimulatedCamera
) -> None:
    worker = installation.start_worker()
    id = installation.add_camera("Yard", camera.url)
    session = Session(worker.base)
    with TcpProxy(worker.port) as network:
        far = session.at(f"http://127.0.0.1:{network.port}")
        stream = await Stream(far, id).__aenter__()
        await stream.live()
        network.silence()
        silent = time.monotonic()
        await eventually(lambda: in_use(session) == 0, SECONDS)
        record("viewer vanishes: slot free after", time.monotonic() - silent)
        network.restore()
        await stream.close()


@pytest.mark.timing("measures when a viewer that does not read is ended")
async def test_twenty_viewers_that_stop_reading_silent_or_chatting_cost_the_worker_less_than_five_megabytes_each(
    installation: Site, camera: SimulatedCamera
) -> None:
    worker = installation.start_worker(STREAM_MAX_CONCURRENT="20")
    id = installation.add_camera("Yard", camera.url)
    session = Session(worker.base)
    async with Stream(session, id) as first:
        await first.live()  # so that the memory for the camera is in use before
        process = psutil.Process(worker.process.popen.pid)
        before = process.memory_info().rss
        streams = [Stream(session, id, acknowledges=False) for _ in range(19)]
        await asyncio.gather(*(stream.__aenter__() for stream in streams))
        most = 0
        async with asyncio.timeout(SECONDS):
            while any(stream.close_code is None for stream in streams):
                await asyncio.gather(*(stream.send({"type": "ping", "time": 1}) for stream in streams[:10]))
                most = max(most, process.memory_info().rss - before)
                await asyncio.sleep(0.5)
        assert [stream.close_code for stream in streams] == [4408] * 19
        await eventually(lambda: in_use(session) == 1)
    record("viewer stops reading: worker memory", most / 19 / 1e6, "MB a viewer")
    assert most / 19 < 5_000_000


async def test_a_flood_of_large_messages_is_cut_off_and_costs_little(
    installation: Site, camera: SimulatedCamera
) -> None:
    worker = installation.start_worker()
    id = installation.add_camera("Yard", camera.url)
    session = Session(worker.base)
    async with Stream(session, id) as watching:
        await watching.live()
        process = psutil.Process(worker.process.popen.pid)
        before = process.memory_info().rss
        async with Stream(session, id) as flooding:
            await flooding.live()
            message = "x" * 65536
            for _ in range(3000):
                try:
                    await flooding.socket.send(message)
                except Exception:  # noqa: BLE001 - cut off, as it should be
                    break
            assert await flooding.ended() in (4422, 1006)
        grown = process.memory_info().rss - before
        record("flood of 64 kB messages: worker memory", grown / 1e6, "MB")
        assert grown < 100_000_000
        count = watching.count
        await watching.until(lambda stream: stream.count > count + 5)
    await eventually(lambda: in_use(session) == 0)
