"""Workers share one connection to each camera: four workers with viewers, and one camera."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import redis

from cameras.simulator import SimulatedCamera
from tests.client import Session, Stream, eventually
from tests.figures import record
from tests.servers import RedisServer, Site, Worker

ORIGINAL = "?quality=original&formats=jpeg,h264"
LOW = "?quality=low"


@pytest.fixture
def workers(installation: Site) -> list[Worker]:
    return installation.start_workers(4)


@asynccontextmanager
async def watched(workers: list[Worker], id: str) -> AsyncIterator[list[Stream]]:
    """Two viewers on each worker, one of H.264 and one of JPEG. The first worker reads the camera."""
    first = Session(workers[0].base)
    sessions = [first, *(first.at(worker.base) for worker in workers[1:])]
    async with AsyncExitStack() as stack:
        streams = []
        for session in sessions:
            for query in (ORIGINAL, LOW):
                streams.append(await stack.enter_async_context(Stream(session, id, query)))
                await streams[-1].live()
        yield streams


async def longest_wait(streams: list[Stream], since: float) -> float:
    """Returns the seconds from `since` until each stream has a picture that was read later."""
    waits = []
    for stream in streams:
        await stream.until(lambda stream: stream.pictures[-1].arrived - stream.pictures[-1].age / 1000 > since, 10)
        waits.append(stream.pictures[-1].arrived - since)
    return max(waits)


@pytest.mark.timing("a reader that is delayed for a second is replaced")
async def test_viewers_on_all_workers_take_one_connection_and_have_young_pictures(
    installation: Site, camera: SimulatedCamera, workers: list[Worker]
) -> None:
    async with watched(workers, installation.add_camera("Yard", camera.url)) as streams:
        before = [stream.count for stream in streams]
        await eventually(lambda: all(stream.count - count >= 8 for stream, count in zip(streams, before, strict=True)))
        assert camera.connections_total == 1
        record("sharing: oldest picture on arrival", max(stream.pictures[-1].age for stream in streams) / 1000)
    await eventually(lambda: camera.connections == 0, 15)


@pytest.mark.timing("measures how soon another worker reads")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_when_the_reader_dies_another_one_takes_over_within_three_seconds(
    installation: Site, camera: SimulatedCamera, workers: list[Worker], number: signal.Signals
) -> None:
    async with watched(workers, installation.add_camera("Yard", camera.url)) as streams:
        others = streams[2:]
        killed = time.monotonic()
        workers[0].process.signal(number)
        waited = await longest_wait(others, killed + (1 if number is signal.SIGTERM else 0))
        record(f"{number.name} of a camera's reader: pictures everywhere after", waited)
        assert waited < 3
        await eventually(lambda: camera.connections == 1)
        assert camera.connections_total == 2
        assert all(stream.close_code is None for stream in others)


@pytest.mark.timing("a reader that is delayed for a second is replaced")
async def test_a_reader_without_viewers_goes_on_for_the_others(installation: Site, camera: SimulatedCamera) -> None:
    workers = installation.start_workers(2)
    async with watched(workers, installation.add_camera("Yard", camera.url)) as streams:
        for stream in streams[:2]:
            await stream.close()
        await asyncio.sleep(7)  # longer than a camera stays open without viewers
        await longest_wait(streams[2:], time.monotonic())
        assert camera.connections_total == 1


async def test_while_redis_is_away_each_worker_reads_and_afterwards_one(
    installation: Site, camera: SimulatedCamera, redis_server: RedisServer
) -> None:
    workers = installation.start_workers(2, REDIS_URL=redis_server.url)
    async with watched(workers, installation.add_camera("Yard", camera.url)) as streams:
        redis_server.kill()
        stopped = time.monotonic()
        await longest_wait(streams, stopped + 0.5)
        record("Redis stopped: pictures at a worker that followed after", time.monotonic() - stopped)
        await eventually(lambda: camera.connections == 2)
        redis_server.start()
        await eventually(lambda: camera.connections == 1, 10)
        await longest_wait(streams, time.monotonic())
        assert all(stream.close_code is None for stream in streams)


@pytest.fixture
def pictures(tmp_path: Path) -> Iterator[RedisServer]:
    """A separate Redis for pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    with RedisServer(folder) as server:
        yield server


def kill(server: RedisServer) -> None:
    server.kill()


def fill(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1)


@pytest.mark.parametrize("fail", [kill, fill])
async def test_the_gate_goes_on_without_the_pictures_redis_and_each_worker_reads(
    installation: Site,
    camera: SimulatedCamera,
    redis_server: RedisServer,
    pictures: RedisServer,
    fail: Callable[[RedisServer], None],
) -> None:
    workers = installation.start_workers(2, REDIS_URL=redis_server.url, PICTURES_REDIS_URL=pictures.url)
    id = installation.add_camera("Yard", camera.url)
    async with watched(workers, id) as streams:
        await eventually(lambda: camera.connections == 1)
        with redis.Redis.from_url(redis_server.url) as client:
            assert client.keys("*:set:*")
            assert not client.keys("*:units")
        with redis.Redis.from_url(pictures.url) as client:
            assert client.keys("*:units")
            assert not client.keys("*:set:*")
        fail(pictures)
        failed = time.monotonic()
        for worker in workers:
            async with Stream(Session(worker.base, "viewer2"), id) as stream:
                await stream.live()
        await longest_wait(streams, failed + 0.5)
        record("The pictures' Redis gone: pictures at a worker that followed after", time.monotonic() - failed)
        await eventually(lambda: camera.connections == 2)
        assert all(worker.status("/readyz") == 200 for worker in workers)
        assert all(stream.close_code is None for stream in streams)
        said = [line for line in installation.logs().splitlines() if "are not shared between workers" in line]
        assert len(said) == 2  # once for each worker


async def test_switched_off_each_worker_has_a_connection_of_its_own(
    installation: Site, camera: SimulatedCamera
) -> None:
    workers = installation.start_workers(2, STREAM_SHARE_CAMERAS="off")
    async with watched(workers, installation.add_camera("Yard", camera.url)):
        assert camera.connections == 2
