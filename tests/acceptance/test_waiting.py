"""The waiting line with real workers, cameras and sockets: who is refused may wait, and gets a slot in turn."""

import asyncio
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cameras.simulator import SimulatedCamera
from tests.client import Session, Stream, eventually
from tests.servers import Site, Worker, site

LEASE = 3.0
LIMIT = 2


@pytest.fixture
def workers(installation: Site) -> list[Worker]:
    return installation.start_workers(2, STREAM_MAX_CONCURRENT=str(LIMIT), STREAM_LEASE_SECONDS=str(LEASE))


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template) as created:
        yield created


class House:
    """A full house: `LIMIT` viewers watch. Users: viewer, viewer2 and admin."""

    def __init__(self, stack: AsyncExitStack, workers: list[Worker], camera: str) -> None:
        self.stack, self.camera = stack, camera
        self.sessions = [Session(worker.base, name) for worker in workers for name in ("viewer", "viewer2", "admin")]

    async def open(self, number: int, query: str = "") -> Stream:
        """The user changes with each number, and the worker with each third."""
        session = self.sessions[number % len(self.sessions)]
        stream = await self.stack.enter_async_context(Stream(session, self.camera, query))
        return await stream.until(lambda stream: bool(stream.messages))

    async def wait(self, number: int, query: str = "") -> Stream:
        stream = await self.open(number, f"?wait=1{query}")
        return await stream.until(lambda stream: place(stream) is not None)


def place(stream: Stream) -> tuple[int, int] | None:
    """The place in the line that the viewer was told last, and how many wait."""
    waiting = [message for message in stream.messages if message.get("state") == "waiting"]
    return (waiting[-1]["position"], waiting[-1]["waiting"]) if waiting else None


@pytest.fixture
def camera_id(installation: Site, camera: SimulatedCamera) -> str:
    return installation.add_camera("Yard", camera.url)


@pytest.mark.timing("measures a slot that is handed on within a second")
async def test_the_next_in_line_has_a_picture_within_a_second_and_new_viewers_do_not_overtake(
    workers: list[Worker], camera_id: str
) -> None:
    async with AsyncExitStack() as stack:
        house = House(stack, workers, camera_id)
        watching = [await (await house.open(number)).live() for number in range(LIMIT)]
        line = [await house.wait(number) for number in (3, 1, 5)]
        told = line[0].messages[0]
        assert (told["reason"], told["in_use"], told["limit"]) == ("limit_reached", LIMIT, LIMIT)
        assert [place(stream) for stream in line] == [(1, 1), (2, 2), (3, 3)]
        await line[0].until(lambda stream: place(stream) == (1, 3))
        for stream, next in zip(watching, line, strict=False):
            new_viewers = asyncio.gather(*(house.wait(number) for number in range(10)))
            left = time.monotonic()
            await stream.close()
            await next.live(1)
            assert time.monotonic() - left < 1
            assert not any(one.count for one in [*line[line.index(next) + 1 :], *await new_viewers])


@pytest.mark.timing("measures when a lease ends")
async def test_the_slots_of_a_killed_worker_go_to_the_line(workers: list[Worker], camera_id: str) -> None:
    async with AsyncExitStack() as stack:
        house = House(stack, workers, camera_id)
        for number in range(LIMIT):
            await (await house.open(number)).live()  # at the first worker
        line = [await house.wait(number) for number in (3, 4, 5)]  # at the second
        workers[0].process.signal(signal.SIGKILL)
        await asyncio.gather(*(stream.live(LEASE + 2) for stream in line[:LIMIT]))
        assert line[LIMIT].count == 0


async def test_a_refusal_names_one_s_own_viewings_and_one_of_them_hands_its_slot_over(
    workers: list[Worker], camera_id: str
) -> None:
    async with AsyncExitStack() as stack:
        house = House(stack, workers, camera_id)
        mine, others = [await (await house.open(number)).live() for number in (0, 1)]
        waiting = await house.wait(2)
        refused = await house.open(3)
        assert await refused.ended() == 4429
        error = refused.messages[-1]
        assert error["waiting"] == 1
        (yours,) = error["yours"]
        assert (yours["viewing_id"], yours["camera"]) == (mine.last("info")["viewing_id"], camera_id)
        stolen = await house.open(3, f"?replace={others.last('info')['viewing_id']}")
        assert await stolen.ended() == 4429
        again = await (await house.open(3, f"?replace={yours['viewing_id']}")).live()
        assert await mine.ended() == 4411
        assert mine.reason == "replaced"
        assert waiting.count == 0 and others.close_code is None and again.close_code is None


async def test_a_lost_connection_takes_its_slot_again_and_a_reload_keeps_its_turn(
    workers: list[Worker], camera_id: str
) -> None:
    async with AsyncExitStack() as stack:
        house = House(stack, workers, camera_id)
        lost = await (await house.open(0, "?resume=")).live()
        closed = await (await house.open(1)).live()
        line = [await house.wait(number) for number in (2, 4)]
        lost.socket.transport.abort()
        await asyncio.sleep(1)
        assert not any(stream.count for stream in line)
        back = await (await house.open(3, f"?resume={lost.last('info')['resume']}")).live()
        assert not any(stream.count for stream in line)
        await closed.close()  # the first in line takes the slot, and who reloads goes to the front
        await line[0].live()
        reloaded = await house.wait(1, f"&resume={closed.last('info')['resume']}")
        assert place(reloaded) == (1, 2)
        token = line[1].last("status")["resume"]
        await line[1].close()
        kept = await house.wait(4, f"&resume={token}")
        assert place(kept) == (2, 2)
        await back.close()
        await reloaded.live()
        for wrong in ("nonsense", token, closed.last("info")["resume"]):
            assert place(await house.wait(0, f"&resume={wrong}")) is not None


async def test_bad_parameters_are_refused_and_foreign_ones_change_nothing(
    workers: list[Worker], camera_id: str
) -> None:
    async with AsyncExitStack() as stack:
        house = House(stack, workers, camera_id)
        for query in ("?wait=2", "?wait=", "?background=yes"):
            assert await (await house.open(0, query)).ended() == 4422
        await (await house.open(0, f"?replace={uuid.uuid4()}&resume=x")).live()


async def test_a_full_line_takes_nobody(installation: Site, camera_id: str) -> None:
    worker = installation.start_worker(STREAM_MAX_CONCURRENT="1", STREAM_WAIT_MAX="1")
    async with AsyncExitStack() as stack:
        house = House(stack, [worker], camera_id)
        await (await house.open(0)).live()
        await house.wait(1)
        full = await house.open(2, "?wait=1")
        assert (await full.ended(), full.reason) == (4429, "line_full")


async def test_who_has_waited_for_too_long_is_refused(installation: Site, camera_id: str) -> None:
    worker = installation.start_worker(STREAM_MAX_CONCURRENT="1", STREAM_WAIT_SECONDS="2")
    async with AsyncExitStack() as stack:
        house = House(stack, [worker], camera_id)
        await (await house.open(0)).live()
        waiting = await house.wait(1)
        assert (await waiting.ended(), waiting.reason) == (4429, "wait_expired")
        await eventually(lambda: house.sessions[0].json("/api/v1/cameras/stream/metrics")["gate"]["in_use"] == 1)
