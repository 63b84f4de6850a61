"""Sign-in by a reverse proxy's header: pages, API and streams, and who is not believed."""

import contextlib
import http.client
import json
import re
import socket
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets.asyncio.client
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Origin

from cameras.simulator import SimulatedCamera
from tests.client import HEADER
from tests.oidc import user_on
from tests.servers import START_SECONDS, Process, Site, Worker, wait_until

SECRET = "$ecret-of-the-proxy"
PROXY, STRANGER = "127.0.0.2", "127.0.0.1"
SETTINGS = {
    "PROXY_USER_HEADER": "Remote-User",
    "PROXY_USER_FROM": f"{PROXY}/32",
    "PROXY_USER_SECRET": SECRET,
    "PROXY_USER_CREATE": "true",
    "PROXY_USER_GROUPS_HEADER": "Remote-Groups",
    "PROXY_USER_GROUPS": "nvr-users=Viewers",
    "PROXY_USER_LOGOUT_URL": "https://auth.example.com/logout",
}
WATCHES = {"Remote-User": "ada", "X-NVR-Proxy-Secret": SECRET, "Remote-Groups": "staff|nvr-users"}


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.text = response.status, response.headers, response.read().decode()


def ask(
    worker: Worker, path: str, headers: dict[str, str], source: str = PROXY, form: dict[str, str] | None = None
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=20, source_address=(source, 0))
    try:
        if form is None:
            connection.request("GET", path, headers=headers)
        else:
            typed = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", path, urllib.parse.urlencode(form), {**headers, **typed})
        return Answer(connection.getresponse())
    finally:
        connection.close()


async def stream_code(worker: Worker, camera: str, headers: dict[str, str], source: str = PROXY) -> int | str:
    """Returns "live" as soon as the stream is admitted, or the code with which it is refused."""
    url = f"{worker.base.replace('http', 'ws')}/api/v1/cameras/{camera}/stream"
    async with websockets.asyncio.client.connect(
        url, origin=Origin(worker.base), additional_headers=headers, local_addr=(source, 0), max_size=None
    ) as opened:
        with contextlib.suppress(ConnectionClosedError):
            await until_admitted(opened)
            return "live"
    return opened.close_code or 0


async def until_admitted(opened: websockets.asyncio.client.ClientConnection) -> None:
    """Raises ConnectionClosedError if the stream is refused."""
    while True:
        message = await opened.recv()
        if isinstance(message, str) and json.loads(message)["type"] == "info":
            return


@pytest.fixture
def worker(installation: Site) -> Iterator[Worker]:
    yield installation.start_worker(**SETTINGS)  # type: ignore[arg-type]


async def test_the_proxy_s_user_has_pages_api_and_streams_without_a_session(
    installation: Site, worker: Worker, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    page = ask(worker, "/", WATCHES)
    assert (page.status, user_on(page.text) == "ada", "Yard" in page.text) == (200, True, True)
    assert "sessionid" not in (page.headers["Set-Cookie"] or "")
    assert ask(worker, "/api/v1/cameras/stream/metrics", WATCHES).status == 200
    assert "cameras.view_camera" in ask(worker, "/api/v1/cameras", WATCHES).text
    assert id in ask(worker, "/api/v1/cameras", WATCHES | {"Remote-User": "admin"}).text
    assert await stream_code(worker, id, WATCHES) == "live"
    assert ask(worker, "/", WATCHES | {"Remote-Groups": ""}).text.count("Yard") == 0
    assert await stream_code(worker, id, WATCHES) == 4403  # its groups are read with pages
    assert SECRET not in installation.logs()


@pytest.mark.parametrize(
    ("headers", "source"),
    [
        ({}, STRANGER),
        ({"X-Forwarded-For": PROXY}, STRANGER),
        ({"X-NVR-Proxy-Secret": SECRET[:-1]}, PROXY),
        ({"X-NVR-Proxy-Secret": ""}, PROXY),
        ({"X-NVR-Proxy-Secret": f"guess,{SECRET}"}, PROXY),
        ({"Remote-User": "\xff"}, PROXY),
    ],
    ids=["address", "forwarded", "wrong-secret", "no-secret", "two-secrets", "no-text"],
)
async def test_the_header_of_others_is_not_believed(
    installation: Site, worker: Worker, camera: SimulatedCamera, headers: dict[str, str], source: str
) -> None:
    id = installation.add_camera("Yard", camera.url)
    assert ask(worker, "/", WATCHES).status == 200
    tried = WATCHES | headers
    assert ask(worker, "/", tried, source).status == 302
    assert ask(worker, "/api/v1/cameras", tried, source).status == 401
    assert await stream_code(worker, id, tried, source) == 4401
    assert "A header with a user's name is not believed" in installation.logs()


def test_the_header_decides_and_not_the_session(worker: Worker) -> None:
    page = ask(worker, "/accounts/login/", {})
    token = str(re.search(r"csrftoken=(\w+)", page.headers["Set-Cookie"] or "")[1])  # type: ignore[index]
    form = {"username": "admin", "password": "a long test password", "csrfmiddlewaretoken": token}
    done = ask(worker, "/accounts/login/", {"Cookie": f"csrftoken={token}"}, form=form)
    cookie = {"Cookie": "sessionid=" + str(re.search(r"sessionid=(\w+)", str(done.headers))[1])}  # type: ignore[index]
    own = ask(worker, "/", cookie).text
    assert (user_on(own), 'title="Change password"' in own) == ("admin", True)
    assert user_on(ask(worker, "/", WATCHES | cookie).text) == "ada"
    assert ask(worker, "/admin/", WATCHES | cookie).status == 302
    other = WATCHES | cookie | {"Remote-User": "viewer2"}
    assert user_on(ask(worker, "/", other).text) == "viewer2"


@pytest.mark.parametrize("path", ["/accounts/logout/", "/admin/logout/"])
def test_log_out_leads_to_the_proxy_s_own(worker: Worker, path: str) -> None:
    page = ask(worker, "/", WATCHES)
    assert "form-action 'self' https://auth.example.com" in page.headers["Content-Security-Policy"]
    token = str(re.search(r"csrftoken=(\w+)", page.headers["Set-Cookie"] or "")[1])  # type: ignore[index]
    done = ask(worker, path, WATCHES | {"Cookie": f"csrftoken={token}"}, form={"csrfmiddlewaretoken": token})
    assert (done.status, done.headers["Location"]) == (302, "https://auth.example.com/logout")


def test_an_unknown_user_who_is_not_to_be_made_reads_why(installation: Site) -> None:
    worker = installation.start_worker(**{**SETTINGS, "PROXY_USER_CREATE": "false"})  # type: ignore[arg-type]
    page = ask(worker, "/accounts/login/?next=/", WATCHES)
    assert "You are signed in as <b>ada</b>, but this site has no active account of that name." in page.text
    assert 'type="password"' not in page.text
    assert ask(worker, "/", WATCHES).status == 302
    assert ask(worker, "/", WATCHES | {"Remote-User": "viewer"}).status == 200


async def test_a_stream_of_the_proxy_s_user_ends_when_the_account_does(
    installation: Site, worker: Worker, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    assert ask(worker, "/", WATCHES).status == 200
    url = f"{worker.base.replace('http', 'ws')}/api/v1/cameras/{id}/stream"
    async with websockets.asyncio.client.connect(
        url, origin=Origin(worker.base), additional_headers=WATCHES, local_addr=(PROXY, 0), max_size=None
    ) as opened:
        await until_admitted(opened)
        installation.execute("UPDATE auth_user SET is_active = 0 WHERE username = 'ada'")
        with contextlib.suppress(ConnectionClosedError):
            async for message in opened:
                if isinstance(message, bytes):
                    await opened.send(json.dumps({"type": "ack", "seq": HEADER.unpack_from(message)[4]}))
        assert opened.close_code == 4401


def over_socket(path: Path, headers: dict[str, str]) -> int:
    lines = ["GET / HTTP/1.1", "Host: 127.0.0.1", "Connection: close"] + [
        f"{name}: {headers[name]}" for name in headers
    ]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        return int(connection.recv(64).split()[1])


@pytest.mark.parametrize(("trusted", "status"), [("unix", 200), ("127.0.0.0/8", 302)])
def test_a_proxy_on_the_worker_s_socket_is_believed_if_unix_is_named(
    installation: Site, trusted: str, status: int
) -> None:
    path = installation.folder / "w.sock"
    command = [sys.executable, "-m", "daphne", "--endpoint", f"unix:{path}", "--proxy-headers", "nvr.asgi:application"]
    environment = {**installation.environment, **SETTINGS, "PROXY_USER_FROM": trusted}
    process = Process(command, environment, installation.folder / "worker.log")
    try:
        wait_until(path.exists, START_SECONDS, "the worker listens")
        assert over_socket(path, WATCHES | {"X-Forwarded-For": "127.0.0.1"}) == status
        assert over_socket(path, WATCHES | {"X-NVR-Proxy-Secret": "guess"}) == 302
    finally:
        process.end()
