"""Requests that no browser sends: a worker without a proxy limits them, and logs no error."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cameras.simulator import SimulatedCamera
from nvr.requests import MAX_BODY
from tests.client import Session, Stream
from tests.servers import Site, Worker, site

TIMEOUT = 8  # seconds from the first byte of a request to its last


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    hurried = {"DJANGO_SETTINGS_MODULE": "tests.hurried_settings", "NVR_TEST_REQUEST_SECONDS": str(TIMEOUT)}
    with site(tmp_path_factory.mktemp("site"), template) as created:
        created.start_worker(**hurried)  # type: ignore[arg-type]
        yield created


@pytest.fixture
def worker(installation: Site) -> Worker:
    return installation.workers[0]


def said_to(worker: Worker, *pieces: bytes, pause: float = 0.0, most: float = 15.0) -> bytes:
    """Returns all that the worker sends until it closes the connection."""
    answer = b""
    with socket.create_connection(("127.0.0.1", worker.port), timeout=most) as connection:
        with contextlib.suppress(OSError):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(65_536):
                answer += data
    return answer


POST = b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"


def test_a_body_above_a_megabyte_is_refused_before_it_has_come(worker: Worker) -> None:
    assert said_to(worker, POST + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1)).startswith(b"HTTP/1.1 413 ")
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    assert said_to(worker, POST + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 40).startswith(b"HTTP/1.1 413 ")
    allowed = POST + b"Content-Length: %d\r\n\r\n" % MAX_BODY + bytes(MAX_BODY)
    assert said_to(worker, allowed).startswith(b"HTTP/1.1 403 ")  # from Django, because of the missing token


async def test_a_request_that_drips_is_ended_wherever_it_has_got_to(worker: Worker) -> None:
    starts = (b"GE", POST, POST + b"Content-Length: 1000\r\n\r\n", POST + b"Transfer-Encoding: chunked\r\n\r\n")

    async def ended_after(start: bytes) -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", worker.port)
        began = time.monotonic()
        writer.write(start)
        with contextlib.suppress(OSError):
            for piece in [b"a", *[b"1"] * 60]:
                writer.write(piece)
                try:
                    if not await asyncio.wait_for(reader.read(), 1):
                        break
                except TimeoutError:
                    pass
        writer.close()
        return time.monotonic() - began

    for seconds in await asyncio.gather(*map(ended_after, starts)):
        assert TIMEOUT - 2 < seconds < TIMEOUT + 10


def test_a_connection_serves_one_request_after_another(worker: Worker) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n"
    answers = said_to(worker, request % b"", request % b"", request % b"Connection: close\r\n", pause=0.2)
    assert answers.count(b"HTTP/1.1 200 ") == 3


@pytest.mark.parametrize("kind", ["ping", "pong"])
async def test_a_flood_of_ping_or_pong_frames_closes_as_one_of_messages_does(
    installation: Site, worker: Worker, camera: SimulatedCamera, kind: str
) -> None:
    id = installation.add_camera("Yard", camera.url)
    async with Stream(Session(worker.base), id) as stream:
        await stream.live()
        for number in range(500):
            await getattr(stream.socket, kind)(str(number).encode())
        assert await stream.ended() == 4422
        assert stream.last("error")["reason"] == "protocol_error"


def test_what_anybody_can_provoke_is_a_warning_in_one_line(installation: Site, worker: Worker) -> None:
    said_to(worker, b"GET / HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n")
    staff = Session(worker.base, "staff")
    assert staff.get("/admin/cameras/camera/")[0] == 403
    assert staff.post("/admin/cameras/camera/add/", {"name": "x"})[0] == 403
    for line in (b"G\xffT / HTTP/1.1", b"GET /\xff HTTP/1.1", b"GET /?\xff HTTP/1.1", b"GET http://[/ HTTP/1.1", b"\0"):
        said_to(worker, line + b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    for header in (
        b"Daphne-Root-Path: \xff",
        b"X: \xff",
        b"Cookie: \xff",
        b"Upgrade: websocket",
        b"Content-Length: -1",
    ):
        said_to(worker, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + header + b"\r\n\r\n")
    said_to(worker, POST + b"Content-Type: multipart/form-data\r\nContent-Length: 1\r\n\r\na")
    log = worker.process.log.read_text()
    assert "Traceback" not in log
    assert " ERROR " not in log
    (foreign,) = (line for line in log.splitlines() if "evil.test" in line)
    assert " WARNING django.security.DisallowedHost: " in foreign
    assert log.count(" WARNING django.request: Forbidden (Permission denied): /admin/cameras/camera/") == 2
