"""The main promise: never more streams than the limit, whichever worker a viewer reaches."""

import asyncio
import time

import pytest

from cameras.simulator import SimulatedCamera
from tests.client import Session, Stream, eventually
from tests.servers import Site

MESSAGE = "Maximum concurrent streams reached. Please close another stream first."


async def opened(session: Session, camera: str) -> Stream:
    return await (await Stream(session, camera).__aenter__()).live()


@pytest.mark.timing("five seconds, within which a viewer is refused and a slot is free")
async def test_the_eleventh_viewer_is_refused_on_either_worker_and_enters_when_another_leaves(
    installation: Site, camera: SimulatedCamera
) -> None:
    first, second = installation.start_workers(2)
    id = installation.add_camera("Yard", camera.url)
    session = Session(first.base)
    sessions = [session, session.at(second.base)]
    streams = [await opened(sessions[number % 2], id) for number in range(10)]
    for refused_at in sessions:
        async with Stream(refused_at, id) as refused:
            assert await refused.ended() == 4429
            assert refused.closed - refused.opened < 5
            assert refused.messages == [
                {
                    "type": "error",
                    "code": 4429,
                    "reason": "limit_reached",
                    "message": MESSAGE,
                    "in_use": 10,
                    "limit": 10,
                    "retry_after": refused.messages[0]["retry_after"],
                    "waiting": 0,
                    "yours": refused.messages[0]["yours"],
                }
            ]
            assert refused.messages[0]["retry_after"] >= 1
            assert len(refused.messages[0]["yours"]) == 10
    left = time.monotonic()
    await streams.pop().close()
    other = Session(first.base, "viewer2")
    while True:  # as soon as the slot is free; a refused try tells
        stream = await Stream(other, id).__aenter__()
        await stream.until(lambda stream: bool(stream.messages) or stream.close_code is not None)
        if stream.messages[0]["type"] == "info":
            break
    assert time.monotonic() - left < 5
    streams.append(stream)
    await asyncio.gather(*(stream.close() for stream in streams))


async def test_a_configured_limit_holds(installation: Site, camera: SimulatedCamera) -> None:
    worker = installation.start_worker(STREAM_MAX_CONCURRENT="5")
    id = installation.add_camera("Yard", camera.url)
    session = Session(worker.base)
    streams = [await opened(session, id) for _ in range(5)]
    async with Stream(session, id) as refused:
        assert await refused.ended() == 4429
        assert (refused.messages[0]["in_use"], refused.messages[0]["limit"]) == (5, 5)
    await asyncio.gather(*(stream.close() for stream in streams))


@pytest.mark.timeout(180)
async def test_sixty_viewers_at_once_get_exactly_ten_slots_on_three_workers_five_times_over(
    installation: Site, camera: SimulatedCamera
) -> None:
    workers = installation.start_workers(3)
    id = installation.add_camera("Yard", camera.url)
    session = Session(workers[0].base)
    sessions = [session.at(worker.base) for worker in workers]
    for _ in range(5):
        streams = [Stream(sessions[number % 3], id) for number in range(60)]
        await asyncio.gather(*(stream.__aenter__() for stream in streams))
        await asyncio.gather(
            *(stream.until(lambda stream: stream.count > 0 or stream.close_code is not None, 30) for stream in streams)
        )
        codes = [stream.close_code for stream in streams]
        assert (codes.count(None), codes.count(4429)) == (10, 50)
        await asyncio.gather(*(stream.close() for stream in streams))
        await eventually(lambda: session.json("/api/v1/cameras/stream/metrics")["gate"]["in_use"] == 0)
