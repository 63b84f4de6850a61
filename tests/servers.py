"""Redis servers and Daphne workers for the acceptance tests. Each is a process that is ended by its id."""

import contextlib
import http.client
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from streaming.store.embedded import server_program
from tests import preloaded

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a long test password"
START_SECONDS = 60.0
# Seconds for what comes at once, on a machine with other load. Less than the lease that frees a lost slot.
PATIENCE = 10.0
Start = Callable[[list[str], dict[str, str], IO[bytes], IO[bytes]], preloaded.Started]


def free_port() -> int:
    """Returns a port of loopback that no other call returns, in this or another process, until this process ends: the
    server that gets it may start much later. It is below those that the system gives to connections and to servers that
    take any."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            _reserve(port)
            probe.bind(("127.0.0.1", port))
            return port


def _reserve(port: int) -> None:
    """Takes the port's name among the machine's abstract sockets. Raises OSError if a process has it."""
    with socket.socket(socket.AF_UNIX) as name:
        name.bind(f"\0nvr-tests-port-{port}")
        name.detach()  # it stays open until this process ends


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Polls until `condition()` holds. Returns the seconds it took. Raises AssertionError after `seconds`."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)  # a condition often asks a worker, which takes milliseconds of both processes
    return time.monotonic() - started


class Process:
    """A program whose output goes to the file `log`."""

    def __init__(
        self, command: list[str], environment: dict[str, str], log: Path, start: Start = preloaded.launch
    ) -> None:
        self.log = log
        self._is_asked = False
        with log.open("ab") as output:
            self.popen = start(command, environment, output, output)

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def wait(self, seconds: float) -> int:
        return self.popen.wait(seconds)

    def ask_to_end(self) -> None:
        """Sends SIGTERM, once: a second one cuts short what a worker does at its end."""
        if not self._is_asked and self.popen.poll() is None:
            self._is_asked = True
            self.popen.send_signal(signal.SIGCONT)
            self.popen.terminate()

    def end(self) -> None:
        self.ask_to_end()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(12)
        finally:  # also if the test's own time is over meanwhile
            if self.popen.poll() is None:
                self.popen.kill()
                self.popen.wait()


class RedisServer:
    """A Redis on a Unix socket. Its data is lost at a restart unless `flags` turn persistence on."""

    program = os.environ.get("NVR_TEST_REDIS") or server_program()

    def __init__(self, folder: Path, **flags: str) -> None:
        self.socket = folder / "r.sock"
        self.url = f"unix://{self.socket}"
        self._folder, self._flags = folder, flags
        self.process: Process | None = None

    def start(self) -> None:
        flags = {"port": "0", "unixsocket": str(self.socket), "save": "", "dir": str(self._folder), **self._flags}
        command = [self.program, *(word for name in flags for word in (f"--{name}", flags[name]))]
        self.process = Process(command, dict(os.environ), self._folder / "redis.log")
        wait_until(self._answers, START_SECONDS, "Redis answers")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(self.socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.signal(signal.SIGCONT)
        self.process.signal(signal.SIGKILL)
        self.process.wait(5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.end()


class Worker:
    """A Daphne process on its own port."""

    def __init__(self, environment: dict[str, str], log: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port), "nvr.asgi:application"]
        self.process = Process(command, environment, log, preloaded.start)

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.status("/readyz") == 200, START_SECONDS, f"a worker is ready; see {self.process.log}")

    def status(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()


class Site:
    """An installation: a folder, a database with users, and the workers that serve it.

    The users have the password `PASSWORD`: admin (superuser), viewer and viewer2 (group Viewers), nobody (no permission),
    staff (may log in to the administration, without a permission there).
    """

    def __init__(self, folder: Path, template: Path, **settings: str) -> None:
        self.folder = folder
        self.database = folder / "nvr.sqlite3"
        self.database.write_bytes(template.read_bytes())
        self.workers: list[Worker] = []
        self.environment = environment_of(folder, **settings)

    def start_worker(self, *, port: int | None = None, **settings: str) -> Worker:
        worker = self._launch_worker(port, settings)
        worker.wait_until_ready()
        return worker

    def start_workers(self, count: int, **settings: str) -> list[Worker]:
        """Starts one, and then the others together: of two that start on a new Redis, one may wait for former holders."""
        first = self.start_worker(**settings)  # type: ignore[arg-type]
        others = [self._launch_worker(None, settings) for _ in range(count - 1)]
        for worker in others:
            worker.wait_until_ready()
        return [first, *others]

    def _launch_worker(self, port: int | None, settings: dict[str, str]) -> Worker:
        log = self.folder / f"worker-{len(self.workers)}.log"
        worker = Worker({**self.environment, **settings}, log, port)
        self.workers.append(worker)
        return worker

    def add_camera(self, name: str, url: str, *, enabled: bool = True, substream: str = "") -> str:
        id = uuid.uuid4()
        self.execute(
            "INSERT INTO cameras_camera (id, name, stream_url, substream_url, username, password, enabled) "
            "VALUES (?, ?, ?, ?, '', '', ?)",
            (id.hex, name, url, substream, enabled),
        )
        return str(id)

    def update_camera(self, id: str, column: str, value: object) -> None:
        self.execute(f"UPDATE cameras_camera SET {column} = ? WHERE id = ?", (value, uuid.UUID(id).hex))  # noqa: S608

    def remove_camera(self, id: str) -> None:
        self.execute("DELETE FROM cameras_camera WHERE id = ?", (uuid.UUID(id).hex,))

    def camera_ids(self) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as connection:
            return [str(uuid.UUID(row[0])) for row in connection.execute("SELECT id FROM cameras_camera")]

    def execute(self, statement: str, values: tuple[object, ...] | dict[str, object] = ()) -> None:
        """Changes the database without an event to the workers."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as connection, connection:
            connection.execute(statement, values)

    def manage(self, *arguments: str, **settings: str) -> str:
        return preloaded.run([sys.executable, "manage.py", *arguments], {**self.environment, **settings})

    def logs(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.process.ask_to_end()
        for worker in self.workers:
            worker.process.end()
        wait_until(lambda: not _uses(self.folder), 10, f"no process uses {self.folder}")


def _uses(folder: Path) -> list[str]:
    """Returns the command lines of other processes that contain `folder`, such as an embedded Redis and its keeper."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in command and int(path.parent.name) != os.getpid():
                found.append(command)
    return found


def environment_of(folder: Path, **settings: str) -> dict[str, str]:
    """Returns the environment of a process: settings of this installation, and none of this machine."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_")}
    return {
        **clean,
        "DJANGO_SETTINGS_MODULE": os.environ.get("NVR_WORKER_SETTINGS", "nvr.settings"),
        "NVR_VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'nvr.sqlite3'}",
        "REDIS_URL": "",
        "PICTURES_REDIS_URL": "",
        "DEBUG": "",
        "SECRET_KEY": "a secret key of the tests' own",
        "CAMERA_KEY": "a camera key of the tests' own",
        "METRICS_TOKEN": "",
        "LOG_FORMAT": "",
        "ALLOWED_HOSTS": "127.0.0.1,localhost,cam.test",
        "STREAM_CHECK_MINUTES": "0",  # else each test's cameras are opened once more
        **settings,
    }


@contextlib.contextmanager
def site(folder: Path, template: Path, **settings: str) -> Iterator[Site]:
    with Site(folder, template, **settings) as installation:
        yield installation
