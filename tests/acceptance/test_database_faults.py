"""A database that hangs: it accepts connections but never answers."""

import asyncio
import contextlib
import http.client
import json
import sqlite3
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from cameras.simulator import SimulatedCamera
from tests.client import Session, Stream, eventually
from tests.databases import seed
from tests.figures import record
from tests.postgresql import USER, PostgresServer
from tests.servers import PASSWORD, PATIENCE, Site, environment_of, wait_until

IN_TIME = 5.0  # seconds


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server whose database is migrated and has the users of `Site`."""
    with PostgresServer() as running:
        environment = environment_of(tmp_path_factory.mktemp("migrating"), DATABASE_URL=running.url)
        seed(environment)
        yield running


@pytest.fixture
def database(server: PostgresServer) -> Iterator[PostgresServer]:
    yield server
    server.resume()


@pytest.fixture
def hanging(installation: Site, database: PostgresServer) -> Site:
    """An installation with a worker, on a copy of the server's database."""
    installation.environment["DATABASE_URL"] = database.create(f"copy_{uuid.uuid4().hex}", USER)
    installation.start_worker(STREAM_RECONNECT_SECONDS="30")
    return installation


def add_camera(installation: Site, url: str) -> str:
    id = str(uuid.uuid4())
    with psycopg.connect(installation.environment["DATABASE_URL"]) as connection:
        connection.execute(
            "INSERT INTO cameras_camera (id, name, stream_url, username, password, enabled)"
            " VALUES (%s, 'Yard', %s, '', '', true)",
            (id, url),
        )
    return id


def connections_of(installation: Site, *, end: bool = False) -> list[int]:
    """Returns the process ids of the installation's connections at the server, and with `end` also ends them."""
    column = "pid, pg_terminate_backend(pid)" if end else "pid"
    own = "datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(installation.environment["DATABASE_URL"]) as connection:
        return [row[0] for row in connection.execute(f"SELECT {column} FROM pg_stat_activity WHERE {own}")]  # noqa: S608


def timed(session: Session, path: str) -> tuple[float, int, str, bytes]:
    """Returns seconds, status, media type and body of a response."""
    started = time.monotonic()
    host = session.base.removeprefix("http://")
    with contextlib.closing(http.client.HTTPConnection(host, timeout=30)) as connection:
        connection.request("GET", path, headers={"Cookie": session.cookie})
        answer = connection.getresponse()
        body = answer.read()
    return time.monotonic() - started, answer.status, answer.headers.get_content_type(), body


@pytest.mark.timing("measures the seconds that are promised")
def test_pages_and_the_api_say_so_within_five_seconds_and_are_back_with_the_database(
    hanging: Site, database: PostgresServer
) -> None:
    session = Session(hanging.workers[0].base, "admin")
    paths = ["/", "/admin/", "/api/v1/cameras", "/api/v1/cameras/stream/metrics", "/admin/streaming/system/usage/"]
    database.pause()
    with ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(lambda path: (path, *timed(session, path)), paths * 12))
    record("database hangs: slowest of 60 pages asked for at once", max(seconds for _, seconds, *_ in answers))
    for path, seconds, status, media_type, body in answers:
        assert (path, status) == (path, 503)
        assert seconds < IN_TIME, path
        if path.startswith("/api/"):
            assert media_type == "application/json"
            assert json.loads(body)["error"]["reason"] == "database_unavailable"
        else:
            assert b"The database does not answer" in body
    database.resume()
    wait_until(lambda: all(timed(session, path)[1] == 200 for path in paths), PATIENCE, "pages are back")
    assert "Internal Server Error" not in hanging.logs()


@pytest.mark.timing("measures the seconds that are promised")
def test_readyz_names_the_database_and_the_process_stays_alive(hanging: Site, database: PostgresServer) -> None:
    session = Session(hanging.workers[0].base, "")
    database.pause()
    seconds, status, _, body = timed(session, "/readyz")
    assert (status, seconds < IN_TIME) == (503, True)
    assert json.loads(body) == {"ready": False, "redis": True, "database": False, "draining": False}
    seconds, status, *_ = timed(session, "/healthz")
    assert (status, seconds < 1) == (200, True)
    database.resume()
    wait_until(lambda: timed(session, "/readyz")[1] == 200, PATIENCE, "the worker is ready again")


@pytest.mark.timing("measures gaps of less than a second")
async def test_handshakes_are_told_in_time_and_running_streams_go_on(
    hanging: Site, database: PostgresServer, camera: SimulatedCamera
) -> None:
    id = add_camera(hanging, camera.url)
    session = Session(hanging.workers[0].base)
    async with Stream(session, id) as running:
        await running.live()
        database.pause()
        started = time.monotonic()
        new_viewers = [Stream(session, id) for _ in range(10)]
        for new_viewer in new_viewers:
            await new_viewer.__aenter__()
        assert time.monotonic() - started < 2, "accepted at once"
        for new_viewer in new_viewers:
            assert await new_viewer.ended() == 4503
            assert new_viewer.last("error")["message"] == "Your log-in cannot be checked right now."
            assert new_viewer.closed - new_viewer.opened < IN_TIME
        longest = 0.0
        while time.monotonic() - started < 25:  # two checks of session and camera, and some pages
            count, before = running.count, time.monotonic()
            await running.until(lambda stream, count=count: stream.count > count, 5)  # type: ignore[misc]
            longest = max(longest, time.monotonic() - before)
            if int(before - started) % 5 == 0:
                await asyncio.to_thread(timed, session, "/healthz")
        record("database hangs: a running stream's longest gap", longest)
        assert longest < 1
        assert running.close_code is None
        database.resume()
        await eventually(lambda: timed(session, "/readyz")[1] == 200)
        async with Stream(session, id) as new_viewer:
            await new_viewer.live()


async def test_viewers_share_one_connection_and_pages_leave_none_open(hanging: Site, camera: SimulatedCamera) -> None:
    id = add_camera(hanging, camera.url)
    session = Session(hanging.workers[0].base)
    used = set()
    started = time.monotonic()
    for _ in range(6):
        async with Stream(session, id) as viewer:
            await viewer.live()
        await eventually(lambda: len(connections_of(hanging)) == 1, 5)  # PostgreSQL lists closed ones a little longer
        used.update(connections_of(hanging))
    assert len(used) <= 2 + (time.monotonic() - started) // 10  # one that is ten seconds old is replaced
    for _ in range(10):
        assert timed(session, "/")[1] == 200
    await eventually(lambda: len(connections_of(hanging)) <= 1, 5)


async def test_a_viewer_is_admitted_although_the_server_has_closed_the_connection(
    hanging: Site, camera: SimulatedCamera
) -> None:
    id = add_camera(hanging, camera.url)
    session = Session(hanging.workers[0].base)
    for _ in range(2):
        async with Stream(session, id) as viewer:
            await viewer.live()
        assert connections_of(hanging, end=True)


async def test_a_worker_that_ends_leaves_all_in_the_file_of_sqlite(installation: Site, camera: SimulatedCamera) -> None:
    id = installation.add_camera("Yard", camera.url)
    worker = installation.start_worker()
    async with Stream(Session(worker.base), id) as viewer:
        await viewer.live()
    worker.process.end()
    assert not installation.database.with_name("nvr.sqlite3-wal").exists()


@pytest.mark.timing("measures the seconds that are promised")
def test_a_sqlite_file_that_another_keeps_locked_holds_a_page_no_longer(installation: Site) -> None:
    session = Session(installation.start_worker().base, "")
    session.get("/accounts/login/")
    with contextlib.closing(sqlite3.connect(installation.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        status, body = session.post("/accounts/login/", {"username": "viewer", "password": PASSWORD})
        assert time.monotonic() - started < IN_TIME
        assert (status, b"The database does not answer" in body) == (503, True)
        other.execute("ROLLBACK")
    assert Session(session.base).get("/")[0] == 200
