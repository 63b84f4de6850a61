"""manage.py simulate, started and stopped as by a user."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cameras.simulator import Simulator

from .clients import fourcc, read, watch

PROJECT = Path(__file__).parents[3]

pytestmark = pytest.mark.timeout(60)


@contextmanager
def _simulate(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "manage.py", "simulate", *arguments]
    process = subprocess.Popen(command, cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        try:
            yield process
        finally:
            process.kill()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_printed_addresses_and_ends_cleanly(stop: signal.Signals) -> None:
    with _simulate("--cameras", "2", "--port", "0", "--width", "320", "--height", "180") as process:
        name, _, url = _line(process).partition(": ")
        assert name == "Front door"
        assert re.fullmatch(r"rtsp://127\.0\.0\.1:\d+/front-door", url)
        assert _line(process).startswith("Car park: rtsp://")
        with watch(url) as capture:
            assert read(capture).shape == (180, 320, 3)
        started = time.monotonic()
        process.send_signal(stop)
        assert process.wait() == 0
        assert time.monotonic() - started < 5


def test_with_substreams_it_prints_both_addresses_of_a_camera() -> None:
    with _simulate("--cameras", "1", "--port", "0", "--substreams") as process:
        name, _, urls = _line(process).partition(": ")
        main, sub = urls.split()
        assert (name, sub) == ("Front door", f"{main}-sub")
        with watch(sub) as capture:
            assert read(capture).shape == (360, 640, 3)


@pytest.mark.parametrize(
    ("arguments", "scheme", "name"),
    [(("--codec", "h265"), "rtsp", "hevc"), (("--transport", "http"), "http", "MJPG")],
)
def test_it_serves_the_codec_and_the_transport_of_its_arguments(
    arguments: tuple[str, ...], scheme: str, name: str
) -> None:
    with _simulate("--cameras", "1", "--port", "0", "--width", "320", "--height", "184", *arguments) as process:
        url = _line(process).partition(": ")[2]
        assert url.startswith(f"{scheme}://")
        with watch(url, raw=True) as capture:
            assert fourcc(capture) == name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--cameras", "0"), "--cameras must be at least 1"),
        (("--port", "0", "--file", "missing.mp4"), "missing.mp4 is missing"),
        (("--width", "641"), "even"),
        (("--port", "99999"), "0 to 65535"),
        (("--fault", "tired"), "invalid choice"),
        (("--codec", "vp8"), "invalid choice"),
        (("--codec", "h265", "--transport", "http"), "over HTTP"),
    ],
)
def test_bad_arguments_give_a_clear_message(arguments: tuple[str, ...], message: str) -> None:
    with _simulate(*arguments) as process:
        _, errors = process.communicate()
        assert message in errors
        assert "Traceback" not in errors
        assert process.returncode != 0


def test_a_port_in_use_gives_a_clear_message(simulator: Simulator) -> None:
    with _simulate("--port", str(simulator.port)) as process:
        _, errors = process.communicate()
        assert f"Port {simulator.port} is in use" in errors
        assert "Traceback" not in errors
