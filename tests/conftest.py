"""How this suite works.

Three floors. `tests/cameras` and `tests/streaming` mirror the applications and run in this process, on a real Redis and
real RTSP cameras of `cameras/simulator`. `tests/acceptance` runs the product as an operator does: Daphne processes with
an installation of their own, and viewers that speak the protocol (`tests/servers.py`, `tests/client.py`).
`tests/browser` adds a real Chromium; without one it skips. The database is SQLite; `tests/test_postgresql.py` runs the
tests that ask it once more on PostgreSQL, and the last lines say so.

Nothing is faked but what reality cannot produce on demand, and then at the socket. A test waits for events, not for
time; where time is the subject, settings shrink it. Every server takes a free port of loopback and is ended by its
process id, and a test folder that a process still uses fails the test.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from cameras.simulator import SimulatedCamera, Simulator
from tests.promtool import Promtool
from tests.servers import RedisServer, Site, make_template, site

pytest_plugins = ("tests.leaks", "tests.retries")


def pytest_report_header() -> str:
    return f"database: {connection.vendor}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a test has to say to who reads the last lines, also when it passed, in whichever process."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(str(value))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's tests last, in each process: once Playwright's synchronous interface runs, no other event loop starts.
    Their longest files first, so that the processes end together."""
    for item in items:
        if not item.nodeid.endswith(item.name):  # Schemathesis's, which all have one id
            item._id = type(item.id).parse(f"{item.nodeid.rpartition('::')[0]}::{item.name}")
    assert len({item.nodeid for item in items}) == len(items)  # of tests with one id, several processes run one only
    sizes = Counter(item.path for item in items if "tests/browser" in str(item.path))
    items.sort(key=lambda item: (item.path in sizes, -sizes[item.path]))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def installation(tmp_path: Path, template: Path) -> Iterator[Site]:
    """An installation without a worker yet, on the embedded Redis."""
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
        pytest.skip(
            "promtool is not installed: what Prometheus reads is not tested (Debian: apt-get install prometheus)"
        )
    return Promtool(path)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(port=0) as running:
        yield running


@pytest.fixture
def camera(simulator: Simulator) -> SimulatedCamera:
    """A small one: what is tested is seldom the picture."""
    return simulator.add(SimulatedCamera(name="Yard", path="yard", width=640, height=360, fps=25))
