"""Workers that are killed, stopped and paused: their slots become free, and the limit always holds."""

import asyncio
import contextlib
import signal
import time

import pytest
from websockets.exceptions import InvalidHandshake

from cameras.simulator import Fault, SimulatedCamera
from tests.client import Session, Stream, eventually, in_use
from tests.figures import record
from tests.servers import Site, Worker

LEASE = 5  # seconds
PAUSE = 2 * LEASE


async def fill(session: Session, camera: str, count: int) -> list[Stream]:
    streams = [await Stream(session, camera).__aenter__() for _ in range(count)]
    for stream in streams:
        await stream.live()
    return streams


async def admitted(session: Session, camera: str, seconds: float) -> Stream:
    """Tries until a stream is admitted."""
    async with asyncio.timeout(seconds):
        while True:
            stream = await Stream(session, camera).__aenter__()
            await stream.until(lambda stream: bool(stream.messages) or stream.close_code is not None)
            if stream.messages and stream.messages[0]["type"] == "info":
                return stream
            await stream.close()
            await asyncio.sleep(0.1)


@pytest.fixture
def pair(installation: Site) -> tuple[Worker, Worker]:
    first, second = installation.start_workers(2, STREAM_LEASE_SECONDS=str(LEASE))
    return first, second


@pytest.mark.timing("measures when a lease ends")
async def test_slots_of_a_killed_worker_are_free_within_the_lease_and_a_second(
    installation: Site, camera: SimulatedCamera, pair: tuple[Worker, Worker]
) -> None:
    id = installation.add_camera("Yard", camera.url)
    session = Session(pair[0].base)
    await fill(session, id, 10)
    killed = time.monotonic()
    pair[0].process.signal(signal.SIGKILL)
    other = session.at(pair[1].base)
    async with Stream(other, id) as refused:
        assert await refused.ended() == 4429
    stream = await admitted(other, id, LEASE + 1)
    record("kill -9: admitted elsewhere after", time.monotonic() - killed)
    assert time.monotonic() - killed < LEASE + 1
    await stream.close()


@pytest.mark.parametrize("state", ["idle", "streaming", "stuck in a camera read", "just asked", "partly gone"])
@pytest.mark.timing("measures the end of a process")
async def test_a_terminated_worker_gives_its_slots_back_within_two_seconds_and_is_gone_within_ten(
    installation: Site, camera: SimulatedCamera, pair: tuple[Worker, Worker], state: str
) -> None:
    id = installation.add_camera("Yard", camera.url)
    session = Session(pair[0].base)
    other = session.at(pair[1].base)
    streams = [] if state == "idle" else await fill(session, id, 3)
    if state == "stuck in a camera read":
        camera.fault = Fault.SILENT
        await asyncio.sleep(0.5)
    if state == "just asked":
        streams += [await Stream(session, id).__aenter__() for _ in range(5)]
    if state == "partly gone":  # one stream has ended with its socket still open, one has left
        async with Stream(session, "00000000-0000-0000-0000-000000000000") as refused:
            await refused.ended()
        await streams.pop().close()
    stopped = time.monotonic()
    pair[0].process.signal(signal.SIGTERM)
    await eventually(lambda: in_use(other) == 0, 2)
    record(f"SIGTERM {state}: slots back after", time.monotonic() - stopped)
    for stream in streams:
        assert await stream.ended() == 4503
        assert stream.last("error")["reason"] == "draining"
    assert await asyncio.to_thread(pair[0].process.wait, 10) is not None
    record(f"SIGTERM {state}: process gone after", time.monotonic() - stopped)
    assert time.monotonic() - stopped < 10
    await eventually(lambda: camera.connections == 0)


async def test_a_socket_that_comes_while_a_worker_drains_gets_no_slot(
    installation: Site, camera: SimulatedCamera, pair: tuple[Worker, Worker]
) -> None:
    id = installation.add_camera("Yard", camera.url)
    session = Session(pair[0].base)
    other = session.at(pair[1].base)
    await fill(session, id, 3)
    pair[0].process.signal(signal.SIGTERM)
    while pair[0].process.popen.poll() is None:
        with contextlib.suppress(OSError, InvalidHandshake):  # the worker no longer listens, or ends before its answer
            late = await Stream(session, id).__aenter__()
            assert await late.ended() in (4503, 1006, None)
            assert not late.pictures
        await asyncio.sleep(0.01)
    await eventually(lambda: in_use(other) == 0, LEASE - 1)


async def test_a_paused_worker_finds_its_slots_taken_and_ends_its_streams_with_4409(
    installation: Site, camera: SimulatedCamera, pair: tuple[Worker, Worker]
) -> None:
    id = installation.add_camera("Yard", camera.url)
    session = Session(pair[0].base)
    other = session.at(pair[1].base)
    paused = await fill(session, id, 10)
    pair[0].process.signal(signal.SIGSTOP)
    most, until = 0, time.monotonic() + PAUSE
    streams: list[Stream] = []
    while time.monotonic() < until or len(streams) < 10:
        used = await asyncio.to_thread(in_use, other)
        most = max(most, used)
        if len(streams) < 10 and used < 10:
            streams.append(await admitted(other, id, 10))
        await asyncio.sleep(0.2)
    before = [stream.count for stream in paused]
    pair[0].process.signal(signal.SIGCONT)
    woken = time.monotonic()
    for stream in paused:
        assert await stream.ended() == 4409
    record(f"SIGSTOP {PAUSE} s: its viewers ended after SIGCONT within", time.monotonic() - woken)
    assert (
        max(stream.count - count for stream, count in zip(paused, before, strict=True)) <= 2
    )  # frames that were already sent
    for _ in range(20):
        most = max(most, await asyncio.to_thread(in_use, other))
        await asyncio.sleep(0.1)
    record(f"SIGSTOP {PAUSE} s: most slots in use", most, "")
    assert most == 10
    for stream in streams:
        assert stream.close_code is None
        await stream.close()
