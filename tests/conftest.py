"""How this suite works.

There are three levels. `tests/cameras`, `tests/nvr` and `tests/streaming` mirror the applications and run in this process,
with a real Redis and the RTSP cameras of `cameras/simulator`. `tests/acceptance` runs the product as an operator does:
Daphne processes with an installation of their own, and viewers that speak the protocol (`tests/servers.py`,
`tests/client.py`). `tests/browser` adds a real Chromium, and skips if there is none. The database is SQLite.
`tests/test_on_postgresql.py` runs the tests of the database a second time, on PostgreSQL.

A test replaces a real part only if it cannot produce a fault otherwise, and then at the socket. A test waits for events and
not for time. It waits for `PATIENCE`, which costs nothing if the test passes, unless it tests how long something takes.
Settings shorten timeouts. Each server uses a free port of loopback and is ended by its process id. A test
fails if a process still uses its folder. Workers and commands are forked from a process with their libraries
(`tests/preloaded.py`).

`make test` runs the tests with `tests/leaks.py`, which searches all that they wrote for a camera's password. Only tests with
the mark `timing` run a second time after a failure (`tests/retries.py`).
"""

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from cameras.simulator import SimulatedCamera, Simulator, substream_of
from tests import preloaded
from tests.databases import make_template
from tests.promtool import Promtool
from tests.servers import RedisServer, Site, site

pytest_plugins = ("tests.leaks", "tests.retries", "tests.side_by_side")


def pytest_configure() -> None:
    preloaded.enable()


def pytest_unconfigure() -> None:
    preloaded.disable()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    gc.disable()  # a third of the time of collecting the tests was the search for garbage, which it does not make
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_report_header() -> str:
    return f"database: {connection.vendor}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the property `summary` of each test that passed, in whichever process it ran."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(str(value))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not item.nodeid.endswith(item.name):  # all tests of Schemathesis have one id
            item._id = type(item.id).parse(f"{item.nodeid.rpartition('::')[0]}::{item.name}")
    assert len({item.nodeid for item in items}) == len(items)  # xdist runs only one of several tests with the same id


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def installation(tmp_path: Path, template: Path) -> Iterator[Site]:
    """An installation with the embedded Redis, and no worker yet."""
    with site(tmp_path, template) as created:
        yield created


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    path = shutil.which("promtool")
    if path is None and os.environ.get("NVR_TESTS_MAY_NOT_SKIP"):
        pytest.fail("promtool is not installed")
    if path is None:
        pytest.skip("promtool is not installed: the metrics' format is not tested (Debian: apt-get install prometheus)")
    return Promtool(path)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(port=0) as running:
        yield running


@pytest.fixture
def video() -> dict[str, Any]:
    """Settings of `camera`: a small picture, which is quick to encode. Tests that look at size or rates have their own."""
    return {"width": 640, "height": 360, "fps": 15, "bit_rate": 500_000}


@pytest.fixture
def camera(simulator: Simulator, video: dict[str, Any]) -> SimulatedCamera:
    return simulator.add(SimulatedCamera(name="Yard", path="yard", **video))


@pytest.fixture
def main(simulator: Simulator) -> SimulatedCamera:
    """The main stream of a camera with a substream."""
    return simulator.add(SimulatedCamera(name="Yard", path="yard", width=1280, height=720, fps=10))


@pytest.fixture
def sub(simulator: Simulator, main: SimulatedCamera) -> SimulatedCamera:
    return simulator.add(substream_of(main))
