"""A whole installation from the files of deploy/, as `make cluster` runs it: supervisor, four workers, nginx, Redis."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets.asyncio.client
from django.core.management.base import CommandError

from cameras.management.commands.cluster import PACKAGES, find_program, worker_is_ready
from cameras.simulator import SimulatedCamera
from tests.acceptance.test_limit import MESSAGE
from tests.client import Session, Stream, eventually
from tests.cluster import WORKERS, Cluster
from tests.servers import PASSWORD, START_SECONDS, Site, wait_until

USAGE = "/admin/streaming/system/usage/"


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    for name in PACKAGES:
        try:
            find_program(name)
        except CommandError as error:
            if os.environ.get("NVR_TESTS_MAY_NOT_SKIP"):
                pytest.fail(str(error))
            pytest.skip(f"What runs behind nginx is not tested: {error}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Cluster]:
    """A cluster with a short lease, because on a new Redis the first viewers wait for most of a lease."""
    with Site(tmp_path_factory.mktemp("site"), template) as site:
        (site.folder / "demo-logins.json").write_text(json.dumps({"admin": PASSWORD, "viewer": PASSWORD}))
        started = Cluster(site, STREAM_LEASE_SECONDS="3")
        try:
            yield started
        finally:
            started.process.end()


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    """An installation in a folder with a short name, because the path of a Unix socket is limited to about 100 bytes."""
    with Site(tmp_path_factory.mktemp("site"), template) as created:
        yield created


@pytest.fixture
def yard(cluster: Cluster, camera: SimulatedCamera) -> Iterator[str]:
    id = cluster.site.add_camera("Yard", camera.url)
    yield id
    cluster.site.remove_camera(id)


@pytest.fixture
def admin(cluster: Cluster) -> Session:
    return Session(cluster.base, "admin")


def workers_of_holders(admin: Session) -> list[str]:
    return [viewer["worker"] for viewer in admin.json(USAGE)["viewers"]]


async def open_streams(stack: contextlib.AsyncExitStack, session: Session, camera: str, count: int) -> list[Stream]:
    """Opens streams one after another. Each has a picture, and all close with `stack`."""
    return [await (await stack.enter_async_context(Stream(session, camera))).live() for _ in range(count)]


def viewing_pid(stream: Stream) -> int:
    """Returns the process id from a viewing id, `<host>-<pid>-<random>:<random>`."""
    return int(stream.last("info")["viewing_id"].split(":")[0].split("-")[-2])


async def reopened(session: Session, camera: str) -> Stream:
    """Opens a stream. Tries again while the old worker still answers `draining`."""
    while True:
        stream = await Stream(session, camera).__aenter__()
        await stream.until(lambda stream: bool(stream.messages) or stream.close_code is not None)
        if stream.messages and stream.messages[0]["type"] != "error":
            return stream
        assert [message["reason"] for message in stream.messages] == ["draining"]
        assert await stream.ended() == 4503


def test_pages_are_served_on_one_port_and_log_ins_are_printed(cluster: Cluster) -> None:
    assert f"Log in as    viewer   password {PASSWORD}\n" in cluster.output()
    session = Session(cluster.base)
    for _ in range(2 * WORKERS):
        assert session.get("/")[0] == 200
        assert session.get("/static/streaming/engine/viewer.js")[0] == 200
        assert session.get("/readyz")[0] == 200


def test_all_workers_report(cluster: Cluster, admin: Session) -> None:
    wait_until(lambda: worker_pids(admin) == {cluster.pid(number) for number in range(WORKERS)}, 10, "all report")


def worker_pids(admin: Session) -> set[int]:
    return {worker["pid"] for worker in admin.json(USAGE)["workers"]}


async def test_ten_viewers_spread_over_all_workers_and_the_eleventh_is_refused_whichever_it_meets(
    cluster: Cluster, yard: str, admin: Session
) -> None:
    session = Session(cluster.base)
    async with contextlib.AsyncExitStack() as stack:
        await open_streams(stack, session, yard, 10)
        await eventually(lambda: len(workers_of_holders(admin)) == 10)
        workers = workers_of_holders(admin)
        assert sorted(workers.count(worker) for worker in set(workers)) == [2, 2, 3, 3]  # the fewest viewers first
        for _ in range(2 * WORKERS):
            async with Stream(session, yard) as refused:
                assert await refused.ended() == 4429
                assert refused.messages[0]["message"] == MESSAGE
                assert (refused.messages[0]["in_use"], refused.messages[0]["limit"]) == (10, 10)
    await eventually(lambda: not workers_of_holders(admin))


async def test_sixty_viewers_at_once_get_exactly_ten_slots(cluster: Cluster, yard: str, admin: Session) -> None:
    session = Session(cluster.base)
    streams = [Stream(session, yard) for _ in range(60)]
    await asyncio.gather(*(stream.__aenter__() for stream in streams))
    await asyncio.gather(
        *(stream.until(lambda stream: stream.count > 0 or stream.close_code is not None, 30) for stream in streams)
    )
    codes = [stream.close_code for stream in streams]
    assert (codes.count(None), codes.count(4429)) == (10, 50)
    await asyncio.gather(*(stream.close() for stream in streams))
    await eventually(lambda: not workers_of_holders(admin))


async def test_the_viewers_address_is_what_nginx_sees_and_not_what_they_claim(
    cluster: Cluster, yard: str, admin: Session
) -> None:
    session = Session(cluster.base)
    async with websockets.asyncio.client.connect(
        f"ws://127.0.0.1:{cluster.port}/api/v1/cameras/{yard}/stream",
        origin=session.base,  # type: ignore[arg-type]
        additional_headers={"Cookie": session.cookie, "X-Forwarded-For": "203.0.113.9", "Daphne-Root-Path": "/api"},
    ) as socket:
        assert json.loads(await socket.recv())["type"] == "info"
        await eventually(lambda: workers_of_holders(admin))
        assert [viewer["address"] for viewer in admin.json(USAGE)["viewers"]] == ["127.0.0.1"]


@pytest.mark.timing("measures a reconnection of less than a second")
async def test_viewers_of_a_worker_that_is_told_to_end_are_told_so_and_taken_by_another_at_once(
    cluster: Cluster, yard: str, admin: Session
) -> None:
    session = Session(cluster.base)
    pid = cluster.pid(1)
    async with contextlib.AsyncExitStack() as stack:
        streams = await open_streams(stack, session, yard, 8)
        os.kill(pid, signal.SIGTERM)
        told = [stream for stream in streams if viewing_pid(stream) == pid]
        others = [stream for stream in streams if stream not in told]
        assert told and others
        for stream in told:
            assert await stream.ended() == 4503
            assert stream.last("error")["reason"] == "draining"
            started = time.monotonic()
            again = await reopened(session, yard)
            stack.push_async_callback(again.close)
            await again.live()
            assert viewing_pid(again) != pid
            assert time.monotonic() - started < 1
        for stream in others:
            count = stream.count
            await stream.until(lambda stream, count=count: stream.count > count, 5)  # type: ignore[misc]
            assert stream.close_code is None
    wait_until(lambda: cluster.pid(1) != pid, START_SECONDS, "supervisor has started another in its place")
    wait_until(lambda: cluster.pid(1) in worker_pids(admin), START_SECONDS, "the new worker reports")


@pytest.mark.timing("measures when a lease ends")
async def test_slots_of_a_killed_worker_are_free_within_the_lease_and_the_site_goes_on(
    cluster: Cluster, yard: str, admin: Session
) -> None:
    session = Session(cluster.base)
    wait_until(lambda: cluster.pid(2) in worker_pids(admin), START_SECONDS, "the worker reports")
    pid = cluster.pid(2)
    async with contextlib.AsyncExitStack() as stack:
        streams = await open_streams(stack, session, yard, 8)
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        lost = [stream for stream in streams if viewing_pid(stream) == pid]
        assert lost and {await stream.ended() for stream in lost} == {1006}
        assert session.get("/")[0] == 200
        await open_streams(stack, session, yard, 2)  # slots are left
        await eventually(lambda: len(workers_of_holders(admin)) == 10 - len(lost), 6)
        assert time.monotonic() - killed < 6  # the lease of 3 s, and time to ask
    wait_until(
        lambda: cluster.pid(2) in worker_pids(admin), START_SECONDS, "supervisor has started another in its place"
    )


@pytest.mark.timing("measures nginx's timeouts")
def test_a_worker_that_hangs_is_passed_over(cluster: Cluster) -> None:
    pid, path = cluster.pid(0), cluster.folder / "worker-0.sock"
    session = Session(cluster.base)
    os.kill(pid, signal.SIGSTOP)
    try:
        # After two requests that waited for its timeout of 9 s and that the next worker answered, nginx passes it over.
        seconds = list(seconds_of_answers(session, 3 * WORKERS))
        slow = [answer for answer in seconds if answer > 2]
        assert len(slow) <= 2 and all(answer < 12 for answer in slow), seconds
        assert not worker_is_ready(path)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: worker_is_ready(path), 10, "the worker is ready again")


def seconds_of_answers(session: Session, count: int) -> Iterator[float]:
    for _ in range(count):
        started = time.monotonic()
        assert session.get("/healthz")[0] == 200
        yield time.monotonic() - started


async def test_ctrl_c_tells_the_viewers_and_leaves_nothing_behind(installation: Site, camera: SimulatedCamera) -> None:
    cluster = Cluster(installation, STREAM_LEASE_SECONDS="1.5")
    id = installation.add_camera("Yard", camera.url)
    async with contextlib.AsyncExitStack() as stack:
        streams = await open_streams(stack, Session(cluster.base), id, 4)
        assert await asyncio.to_thread(cluster.interrupt) == 0
        assert [await stream.ended() for stream in streams] == [4503] * 4
    assert "Traceback" not in cluster.output() + "".join(cluster.log(f"worker-{number}.log") for number in range(4))
    assert not [*cluster.folder.glob("*.pid"), *cluster.folder.glob("*.sock")]
    # `installation` asserts that no process uses the folder.
