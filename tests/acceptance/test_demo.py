"""manage.py demo, started and ended as by somebody who tries the product."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.client import Session
from tests.servers import PASSWORD, ROOT, START_SECONDS, Process, Site, environment_of, free_port, wait_until

EXPLANATION = b"The black and white strip at the top of a picture is a clock"


def is_ready(base: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{base}/readyz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


@contextmanager
def running(folder: Path, cameras: int) -> Iterator[str]:
    """Runs it. Yields the server's URL, without a path. Its output goes to `printed.txt` in `folder`."""
    port = free_port()
    command = [sys.executable, "manage.py", "demo", "--cameras", str(cameras), "--port", str(port)]
    process = Process(command, environment_of(folder), folder / "printed.txt")
    try:
        base = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_ready(base), 2 * START_SECONDS, "the server answers")
        yield base
    finally:
        process.signal(signal.SIGINT)
        process.wait(START_SECONDS)


@contextmanager
def demo(folder: Path) -> Iterator[tuple[bytes, str]]:
    """Runs it with one camera. Yields the page of cards, and the camera's address."""
    with running(folder, 1) as base:
        password = json.loads((folder / "demo-logins.json").read_text())["admin"]
        session = Session(base, "admin", password)
        yield session.get("/")[1], session.json("/api/v1/cameras")["items"][0]["stream_url"]


@pytest.mark.timeout(240)
def test_its_cameras_keep_their_port_and_the_page_explains_their_strip(tmp_path: Path) -> None:
    with demo(tmp_path) as (page, first):
        assert EXPLANATION in page
    with demo(tmp_path) as (_, again):
        assert again == first
    port = int(first.split(":")[2].split("/")[0])
    with socket.create_server(("127.0.0.1", port)), demo(tmp_path) as (page, moved):
        assert moved != first
        assert EXPLANATION in page


@pytest.mark.timeout(240)
def test_without_cameras_it_runs_and_it_prints_no_password_that_was_changed(installation: Site) -> None:
    logins = {"admin": "of-the-last-run", "viewer": PASSWORD}
    (installation.folder / "demo-logins.json").write_text(json.dumps(logins))
    with running(installation.folder, 0) as base:
        assert Session(base, "viewer", PASSWORD).get("/")[0] == 200
    printed = (installation.folder / "printed.txt").read_text()
    assert f"viewer   password {PASSWORD}\n" in printed
    assert "of-the-last-run" not in printed
    assert "manage.py changepassword admin" in printed


def test_fewer_than_no_cameras_are_refused(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "demo", "--cameras", "-1"]
    ended = subprocess.run(command, cwd=ROOT, env=environment_of(tmp_path), capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr == "CommandError: --cameras must be 0 or more, not -1.\n"


def test_a_camera_that_is_not_simulated_has_no_explanation(installation: Site) -> None:
    installation.add_camera("Yard", "rtsp://127.0.0.1:9/yard")
    session = Session(installation.start_worker().base)
    assert EXPLANATION not in session.get("/")[1]
    (installation.folder / "demo-port").write_text("9")
    assert EXPLANATION in session.get("/")[1]
