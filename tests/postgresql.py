"""A PostgreSQL server from Debian's binaries, with its own folder and its own port of loopback."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from tests.folders import remove
from tests.servers import START_SECONDS, free_port, wait_until

USER = "nvr"  # also the name of the database; needs no password
SWITCHES = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "unix_socket_directories=")


def binary(name: str) -> str:
    """Returns the path of a program of the newest PostgreSQL here. Skips the test if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    path = str(found[-1]) if found else shutil.which(name)
    if path is None and os.environ.get("NVR_TESTS_MAY_NOT_SKIP"):
        pytest.fail("PostgreSQL is not installed")
    if path is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return path


class PostgresServer:
    """A server that runs inside a `with` block. PostgreSQL refuses to run as root, so root starts it as another user."""

    def __init__(self, *switches: str) -> None:
        self.port = free_port()
        self.url = self.url_of(USER)
        self._switches = (*SWITCHES, "-c", f"port={self.port}", "-c", "listen_addresses=127.0.0.1", *switches)
        self._as_user: dict[str, Any] = _unprivileged()
        self.process: subprocess.Popen[bytes] | None = None

    def url_of(self, database: str) -> str:
        return f"postgres://{USER}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str = "template1") -> str:
        """Creates a database as a copy of `template`. Returns its URL."""
        server = ("-h", "127.0.0.1", "-p", str(self.port), "-U", USER)
        subprocess.run([binary("createdb"), *server, "-T", template, database], check=True, capture_output=True)
        return self.url_of(database)

    def pause(self) -> None:
        """Makes the server hang, as on a dead disk: it keeps connections and accepts new ones, but never answers."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):  # a connection's process has ended since
                os.kill(pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="nvr-postgresql-"))
        if self._as_user:
            os.chown(self._folder, self._as_user["user"], self._as_user["group"])
        data, log = self._folder / "data", self._folder / "log"
        # Captured so that it does not mix with the test's own output.
        initdb = [binary("initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=self._folder, **self._as_user)
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [binary("postgres"), "-D", str(data), *self._switches],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                **self._as_user,
            )
        wait_until(self._listens, START_SECONDS, f"PostgreSQL listens; see {log}")
        self.create(USER)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.resume()
            self.process.send_signal(signal.SIGINT)  # fast shutdown: it ends connections
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(10)
        remove(self._folder)

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self._folder / "log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return self._is_ready()
        return False

    def _is_ready(self) -> bool:
        command = [binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER]
        return subprocess.run(command, check=False).returncode == 0

    def _pids(self) -> Iterator[int]:
        """Yields the server's process id first, so that it starts no more processes, then those of its children."""
        assert self.process is not None
        yield self.process.pid
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        yield from map(int, children.read_text().split())


def _unprivileged() -> dict[str, Any]:
    """Returns the arguments with which Popen runs PostgreSQL as another user than root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise AssertionError("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
