"""manage.py cluster: run a whole installation on this machine: nginx, workers (server processes), Redis and supervisor.

Simulated cameras run, too. The command uses the configuration files of deploy/: `render_site` and `render_workers`
adapt those of nginx and of the workers. deploy/cluster/ replaces the system's own configuration of nginx and
supervisor. Everything listens on loopback or on sockets in one folder, runs without root and ends with this process.
"""

import ctypes
import fcntl
import grp
import os
import pwd
import re
import shutil
import signal
import socket
import string
import subprocess
import sys
import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from cameras.management.commands import demo

DEPLOY = Path(settings.BASE_DIR) / "deploy"
START_SECONDS = 60.0  # many workers on few cores
STOP_SECONDS = 45.0  # supervisor stops workers, nginx and Redis in this order, and kills each after its timeout
SOCKET_PATH = 100  # bytes: the limit for the path of a Unix socket is 107
PACKAGES = {"nginx": "nginx", "redis-server": "redis-server"}  # program -> Debian package


class Command(demo.Command):
    help = "Run several workers behind nginx on this machine, with simulated cameras, and print how to log in."
    ends = "the workers, nginx, Redis and the cameras"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workers", type=int, default=4, help="number of workers (default 4)")
        parser.add_argument("--port", type=int, default=8000, help="port of nginx on 127.0.0.1 (default 8000)")
        parser.add_argument("--cameras", type=int, default=4, help="number of simulated cameras (default 4)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["workers"] <= 100:
            raise CommandError("--workers must be 1 to 100.")
        programs = {name: find_program(name) for name in PACKAGES}
        require_free(options["port"])
        folder = make_folder(settings.VAR_DIR / "cluster")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        with suppress(KeyboardInterrupt), only_one(folder), self._cameras(options["cameras"]) as logins:
            render(folder, programs, options["workers"], options["port"])
            with supervised(folder) as supervisor:
                wait_until_ready(supervisor, folder, options["workers"], options["port"])
                self._greet(options["port"], logins)
                supervisor.wait()
                raise CommandError(f"supervisor ended unexpectedly; see {folder / 'supervisord.log'}")


# Requirements.


def find_program(name: str) -> str:
    path = shutil.which(name) or shutil.which(
        name, path="/usr/sbin:/usr/local/sbin:/sbin"
    )  # often missing in a user's PATH
    if path is None:
        raise CommandError(f"{name} is not installed (Debian and Ubuntu: apt-get install {PACKAGES.get(name, name)}).")
    return path


def require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(f"Port {port} cannot be used ({error.strerror}). Choose another with --port.") from error


def make_folder(folder: Path) -> Path:
    """Create the cluster's folder unless it exists, and return it.

    Raises CommandError for a path that is too long for sockets. Raises it, too, if this path, the project's or Python's
    has characters that the configuration files cannot hold.
    """
    for path in (folder, Path(settings.BASE_DIR), Path(sys.executable)):
        if not re.fullmatch(r"[\w./+@-]+", str(path), re.ASCII):
            raise CommandError(f"The configuration files cannot hold the path {path}: use letters and digits only.")
    if len(os.fsencode(folder / "supervisor.sock.12345")) > SOCKET_PATH:
        raise CommandError(f"{folder} is too long for Unix sockets. Set NVR_VAR_DIR to a shorter path.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "temporary").mkdir(exist_ok=True)
    return folder


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Lock the folder until the `with` block ends. Raises CommandError if another cluster runs in it."""
    with open(folder / "cluster.lock", "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(f"A cluster is already running in {folder}.") from error
        yield


# The files of deploy/ with the names of this machine.


def render(folder: Path, programs: dict[str, str], workers: int, port: int) -> None:
    """Write all configuration files to `folder`. `workers`: number of workers (server processes). `port`: of nginx.

    `programs` maps "nginx" and "redis-server" to their paths. Raises CommandError if a file of deploy/ does not
    contain a text that has to be adapted.
    """
    user = pwd.getpwuid(os.getuid()).pw_name
    (folder / "site.conf").write_text(render_site((DEPLOY / "nginx.conf").read_text(), folder, workers, port))
    (folder / "workers.conf").write_text(
        render_workers((DEPLOY / "supervisor.conf").read_text(), folder, workers, user)
    )
    names = {
        "user": user,
        "group": grp.getgrgid(os.getgid()).gr_name,
        "var": str(settings.VAR_DIR),
        "redis": programs["redis-server"],
        "nginx": programs["nginx"],
    }
    main = string.Template((DEPLOY / "cluster" / "supervisord.conf").read_text())
    (folder / "supervisord.conf").write_text(main.substitute(names))
    shutil.copyfile(DEPLOY / "cluster" / "nginx.conf", folder / "nginx.conf")
    shutil.copyfile(DEPLOY / "redis.conf", folder / "redis.conf")


def render_site(text: str, folder: Path, workers: int, port: int) -> str:
    """Returns `text`, deploy/nginx.conf, adapted: it listens at `port` and has a socket in `folder` for each worker.

    Raises CommandError if the text to adapt is not in the file.
    """
    text = replaced(text, "    listen 80;", f"    listen 127.0.0.1:{port};")
    line = r"    server unix:/run/nvr/worker-0\.sock (.*;)\n(    server unix:.*\n)*"
    lines = "".join(rf"    server unix:{folder}/worker-{number}.sock \1\n" for number in range(workers))
    text, count = re.subn(line, lines, text)
    if count != 1:
        raise CommandError("This command does not find the list of workers in deploy/nginx.conf.")
    return text


def render_workers(text: str, folder: Path, workers: int, user: str) -> str:
    """Returns `text`, deploy/supervisor.conf, adapted to this machine. Sockets and logs of the workers are in `folder`.

    `workers` is their number, `user` the operating system's user that runs them. Raises CommandError if the text to
    adapt is not in the file.
    """
    for installed, here in {
        "numprocs=4": f"numprocs={workers}",
        "user=nvr": f"user={user}",
        "/run/nvr/": f"{folder}/",
        "/var/log/nvr/": f"{folder}/",
        "/opt/nvr": str(settings.BASE_DIR),
    }.items():
        text = replaced(text, installed, here)
    return text


def replaced(text: str, installed: str, here: str) -> str:
    """Returns `text`, a file of deploy/, with `installed` (text for a real installation) replaced by `here`.

    Raises CommandError if the file does not contain `installed`.
    """
    if installed not in text:
        raise CommandError(f"This command does not find {installed!r} in deploy/.")
    return text.replace(installed, here)


# Running.


@contextmanager
def supervised(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run supervisor, which runs nginx, Redis and the workers, until the `with` block ends. Yields its process.

    `folder` has its configuration. At the end, this process ignores Ctrl-C for good and waits until all have
    stopped. Raises subprocess.TimeoutExpired if that takes longer than STOP_SECONDS.
    """
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(folder / "supervisord.conf")],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # a terminal's Ctrl-C reaches only this process, which then stops all in order
        preexec_fn=_end_with_parent,
    )
    try:
        yield supervisor
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        supervisor.terminate()
        supervisor.wait(STOP_SECONDS)


def _end_with_parent() -> None:
    """Let Linux send SIGTERM to supervisor when its parent, this command, is killed.

    Runs in the child process between fork and exec.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def wait_until_ready(supervisor: "subprocess.Popen[bytes]", folder: Path, workers: int, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    waiting = [folder / f"worker-{number}.sock" for number in range(workers)]
    while waiting or not site_is_ready(port):
        if supervisor.poll() is not None or time.monotonic() > deadline:
            raise CommandError(f"The cluster did not start; see the logs in {folder}.")
        waiting = [path for path in waiting if not worker_is_ready(path)]
        time.sleep(0.1)


def worker_is_ready(path: Path) -> bool:
    command = [sys.executable, str(DEPLOY / "ready.py"), str(path)]
    return path.exists() and subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0


def site_is_ready(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False
