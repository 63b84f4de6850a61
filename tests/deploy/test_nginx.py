"""deploy/nginx.conf and nginx-tls.conf in the system's nginx, with a worker behind it."""

import contextlib
import http.client
import os
import pwd
import re
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
import websockets.asyncio.client
from django.core.management.base import CommandError

from cameras.management.commands.cluster import DEPLOY, find_program, render_site, replaced
from cameras.simulator import SimulatedCamera
from tests.client import Session
from tests.servers import Process, Site, free_port, wait_until


@pytest.fixture(scope="module", autouse=True)
def nginx() -> str:
    try:
        find_program("openssl")
        return find_program("nginx")
    except CommandError as error:
        if os.environ.get("NVR_TESTS_MAY_NOT_SKIP"):
            pytest.fail(str(error))
        pytest.skip(f"nginx's configuration is not tested: {error}")


Answer = tuple[int, Message]  # status, headers


def answer_of(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> Answer:
    with contextlib.closing(connection):
        connection.timeout = 10
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as response:
            response.read()
            return response.status, response.headers


class Front:
    """nginx over HTTP and HTTPS, with one worker behind it."""

    def __init__(self, nginx: str, site: Site) -> None:
        self.http, self.https, self.folder = free_port(), free_port(), site.folder
        (self.folder / "temporary").mkdir()
        certify(self.folder)
        text = render_site((DEPLOY / "nginx.conf").read_text(), self.folder, workers=1, port=self.http)
        text = replaced(text, "# include /etc/nginx/nvr-tls.conf;", f"include {self.folder}/nvr-tls.conf;")
        (self.folder / "site.conf").write_text(text)
        tls = replaced((DEPLOY / "nginx-tls.conf").read_text(), "/etc/ssl/nvr/", f"{self.folder}/")
        tls = replaced(tls, "listen 443 ssl;", f"listen 127.0.0.1:{self.https} ssl;")
        (self.folder / "nvr-tls.conf").write_text(tls)
        (self.folder / "nginx.conf").write_text((DEPLOY / "cluster/nginx.conf").read_text())
        user = pwd.getpwuid(os.getuid()).pw_name
        self._command = [nginx, "-p", f"{self.folder}/", "-c", "nginx.conf", "-e", "nginx.log"]
        self.check = subprocess.run([*self._command, "-t"], capture_output=True, text=True, check=False)
        words = [*self._command, "-g", f"daemon off; user {user};"]
        self.nginx = Process(words, dict(os.environ), self.folder / "nginx-output.log")
        worker = [str(DEPLOY / "worker"), str(self.folder / "worker-0.sock")]
        self.worker = Process(worker, {**site.environment, "HTTPS": "true"}, self.folder / "worker.log")
        wait_until(self._answers, 30, "the site answers")

    def _answers(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def get(self, path: str, **headers: str) -> Answer:
        return answer_of(
            http.client.HTTPSConnection("127.0.0.1", self.https, context=trusting(self.folder)), path, headers
        )

    def request(self, method: str, path: str) -> int:
        connection = http.client.HTTPSConnection("127.0.0.1", self.https, context=trusting(self.folder), timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path)
            with connection.getresponse() as response:
                response.read()
                return response.status

    def end(self) -> None:
        self.nginx.end()
        self.worker.end()


def certify(folder: Path) -> None:
    """Create a certificate for 127.0.0.1 in the files that nginx-tls.conf expects."""
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run(["openssl", "req", "-x509", *key, *subject, *files], check=True, capture_output=True)


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "fullchain.pem"))


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site"), template) as site:
        yield site


@pytest.fixture(scope="module")
def front(nginx: str, installation: Site) -> Iterator[Front]:
    started = Front(nginx, installation)
    try:
        yield started
    finally:
        started.end()


async def test_over_tls_a_viewer_logs_in_and_watches_with_secure_cookies(
    front: Front, installation: Site, camera: SimulatedCamera
) -> None:
    assert "test is successful" in front.check.stderr, front.check.stderr
    assert "warn" not in front.check.stderr
    session = Session(f"https://127.0.0.1:{front.https}", username="")
    handler = urllib.request.HTTPSHandler(context=trusting(front.folder))
    session._opener.add_handler(handler)
    session._opener.handle_open["https"] = [handler]  # type: ignore[attr-defined]
    session.get("/accounts/login/")
    # Django compares the Origin with the scheme from nginx, and refuses a form without a Referer of this origin.
    assert session.post("/accounts/login/", {"username": "viewer", "password": "a long test password"})[0] == 200
    cookies = {cookie.name: cookie for cookie in session._jar}
    assert all(cookies[name].secure for name in ("sessionid", "csrftoken"))
    id = installation.add_camera("Yard", camera.url)
    async with websockets.asyncio.client.connect(
        f"wss://127.0.0.1:{front.https}/api/v1/cameras/{id}/stream",
        origin=session.base,  # type: ignore[arg-type]
        additional_headers={"Cookie": session.cookie},
        ssl=trusting(front.folder),
    ) as socket:
        while isinstance(await socket.recv(), str):
            pass  # info, status, and then a picture


def test_plain_http_is_redirected_to_https(front: Front) -> None:
    plain = http.client.HTTPConnection("127.0.0.1", front.http)
    status, headers = answer_of(plain, "/accounts/login/?next=/", {})
    assert (status, headers["Location"]) == (301, "https://127.0.0.1/accounts/login/?next=/")


def test_answers_name_no_software_version(front: Front) -> None:
    assert front.get("/accounts/login/")[1]["Server"] == "nginx"


def test_a_client_cannot_move_the_site_with_daphnes_own_header(front: Front) -> None:
    assert front.get("/", **{"Daphne-Root-Path": "/elsewhere"})[1]["Location"] == "/accounts/login/?next=/"


def test_log_ins_of_one_address_are_limited_and_other_requests_are_not(front: Front) -> None:
    for path in ("/accounts/login/", "/admin/login/", "/admin//%6cogin/"):
        passed, started = 0, time.monotonic()
        while front.request("POST", path) != 429:
            passed += 1
            assert passed <= 21 + (time.monotonic() - started) / 2, path  # 21 at once, and one more each two seconds
        assert 429 not in [front.request("GET", path) for _ in range(30)]
    assert front.request("POST", "/accounts/logout/") == 403  # from Django: no CSRF token


def seconds(name: str, text: str) -> list[int]:
    return [int(found) for found in re.findall(rf"{name} (\d+)s;", text)]


def test_timeouts_fit_daphnes_pings_and_the_player() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    player = (DEPLOY.parent / "streaming/static/streaming/engine/connection.js").read_text()
    opening = re.search(r"OPEN_TIMEOUT = ([\d_]+); // ms", player)
    assert opening is not None
    ping, look = 5, 2  # deploy/worker's --ping-interval; Daphne checks every two seconds
    location = text.split("/stream$ {")[1]
    (read,) = seconds("proxy_read_timeout", location)
    assert ping + look < read < int(opening[1]) / 1000
    assert min(seconds("proxy_send_timeout", text) + seconds("send_timeout", text)) > ping + look


def test_every_worker_has_its_server_line(tmp_path: Path) -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    assert len(re.findall(r"server unix:", text)) == 4
    workers = re.search(r"numprocs=(\d+)", (DEPLOY / "supervisor.conf").read_text())
    assert workers is not None
    assert workers[1] == "4"
    for count in (1, 7):
        rendered = render_site(text, tmp_path, count, 8080)
        assert rendered.count(f"server unix:{tmp_path}/worker-") == count
        assert "/run/nvr" not in rendered


def test_a_file_that_does_not_match_the_command_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="listen 80"):
        render_site("nothing", tmp_path, 1, 8080)
