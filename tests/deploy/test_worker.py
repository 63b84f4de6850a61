"""deploy/worker and deploy/ready.py, which supervisor, systemd and containers run."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from daphne.cli import CommandLineInterface

from streaming import runtime
from tests.servers import ROOT, Process, Site, wait_until

WORKER = ROOT / "deploy" / "worker"
READY = [sys.executable, str(ROOT / "deploy" / "ready.py")]


def daphne_options() -> list[str]:
    """Options of deploy/worker for Daphne."""
    command = WORKER.read_text().split("-m daphne", 1)[1].replace("\\\n", " ")
    return command.replace('"', "").replace("$socket", "/run/nvr/worker-0.sock").split()


def ask(path: Path, question: str = "/readyz") -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*READY, str(path), question], capture_output=True, text=True, check=False)


def start(installation: Site, path: Path, log: str) -> Process:
    return Process([str(WORKER), str(path)], installation.environment, installation.folder / log)


def test_daphne_has_the_options_and_the_comments_are_right() -> None:
    options = CommandLineInterface().parser.parse_args(daphne_options())
    assert options.websocket_timeout == -1
    assert (options.ping_interval, options.ping_timeout) == (5, 5)
    assert options.proxy_headers
    assert options.server_name == ""


def test_a_worker_has_time_to_drain_before_it_is_killed() -> None:
    needs = runtime.DRAIN + runtime.STOP
    supervisor = re.search(r"^stopwaitsecs=(\d+)$", (ROOT / "deploy/supervisor.conf").read_text(), re.M)
    systemd = re.search(r"^TimeoutStopSec=(\d+)$", (ROOT / "deploy/systemd/nvr-worker@.service").read_text(), re.M)
    container = re.search(r"stop_grace_period: (\d+)s$", (ROOT / "deploy/compose.yaml").read_text(), re.M)
    for found in (supervisor, systemd, container):
        assert found is not None
        assert int(found[1]) > needs + 2


def test_a_worker_serves_its_socket_and_reports_whether_it_is_ready(installation: Site) -> None:
    path = installation.folder / "worker-0.sock"
    assert ask(path).returncode == 1
    worker = start(installation, path, "worker.log")
    try:
        wait_until(lambda: ask(path).returncode == 0, 30, "the worker is ready")
        assert ask(path).stdout.startswith('200 {"ready": true')
        assert ask(path, "/healthz").stdout == '200 {"status": "ok"}\n'
        assert ask(path, "/nothing").returncode == 1
        second = start(installation, path, "second.log")
        assert second.wait(10) == 1
        assert "Another worker listens" in second.log.read_text()
        assert ask(path).returncode == 0  # the first one is not affected
        worker.signal(signal.SIGTERM)
        assert worker.wait(10) == 0
    finally:
        worker.end()


def test_a_killed_worker_can_be_started_again_on_its_socket(installation: Site) -> None:
    path = installation.folder / "worker-0.sock"
    for _ in range(2):
        worker = start(installation, path, "worker.log")
        try:
            wait_until(lambda: ask(path).returncode == 0, 30, "the worker is ready")
            worker.signal(signal.SIGKILL)
            worker.wait(5)
        finally:
            worker.end()
    assert path.exists()  # the old file does not prevent a start


def test_a_worker_that_hangs_is_not_ready(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        answer = ask(tmp_path / "s")
    assert (answer.returncode, answer.stdout) == (1, "0 timed out\n")


@pytest.mark.parametrize("name", ["worker", "ready.py"])
def test_started_files_are_executable(name: str) -> None:
    assert os.access(ROOT / "deploy" / name, os.X_OK)
