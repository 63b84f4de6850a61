"""manage.py cluster: a whole installation on this machine, from the files of deploy/: supervisor, workers, nginx, Redis.

`render_site` and `render_workers` say all that differs from a real one; deploy/cluster/ stands for what a system brings
along. Everything listens on loopback or on sockets in a folder of its own, runs without root, and ends with this process.
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
from django.core.management import call_command
from django.core.management.base import CommandError

from cameras.management.commands import demo
from cameras.models import Camera

DEPLOY = Path(settings.BASE_DIR) / "deploy"
START_SECONDS = 60.0  # many workers on few cores
STOP_SECONDS = 45.0  # supervisor ends workers, then nginx, then Redis, and kills what has not ended within its time
SOCKET_PATH = 100  # bytes that the path of a Unix socket may have, and some to spare
PACKAGES = {"nginx": "nginx", "redis-server": "redis-server"}  # program -> Debian package


class Command(demo.Command):
    help = "Run several workers behind nginx on this machine, with simulated cameras, and print how to log in."
    ends = "the workers, nginx, Redis and the cameras"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workers", type=int, default=4, help="how many (default 4)")
        parser.add_argument("--port", type=int, default=8000, help="of nginx, on 127.0.0.1 (default 8000)")
        parser.add_argument("--cameras", type=int, default=4, help="how many simulated ones, or 0 (default 4)")

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
                raise CommandError(f"supervisor has ended by itself; see {folder / 'supervisord.log'}")

    @contextmanager
    def _cameras(self, count: int) -> Iterator[demo.Logins]:
        """The database, and simulated cameras in it while the block lasts; gives the log-ins."""
        call_command("migrate", verbosity=0)
        logins = self._logins(settings.VAR_DIR / "demo-logins.json")
        if not count:
            yield logins
            return
        simulator, addresses = self._simulate(count)
        try:
            for name, url in addresses.items():
                Camera.objects.update_or_create(name=name, defaults={"stream_url": url})
            yield logins
        finally:
            simulator.terminate()
            simulator.wait()


# What has to be there.


def find_program(name: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")  # not in a user's PATH
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
    for path in (folder, Path(settings.BASE_DIR), Path(sys.executable)):
        if not re.fullmatch(r"[\w./+@-]+", str(path), re.ASCII):
            raise CommandError(f"The configuration files cannot name {path}: use a path of plain letters and digits.")
    if len(os.fsencode(folder / "supervisor.sock.12345")) > SOCKET_PATH:
        raise CommandError(f"{folder} is too long for Unix sockets. Set NVR_VAR_DIR to a shorter path.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "temporary").mkdir(exist_ok=True)
    return folder


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    with open(folder / "cluster.lock", "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(f"A cluster runs in {folder} already.") from error
        yield


# The files of deploy/, with this machine's names in place of an installation's.


def render(folder: Path, programs: dict[str, str], workers: int, port: int) -> None:
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
    text = replaced(text, "    listen 80;", f"    listen 127.0.0.1:{port};")
    line = r"    server unix:/run/nvr/worker-0\.sock (.*;)\n(    server unix:.*\n)*"
    lines = "".join(rf"    server unix:{folder}/worker-{number}.sock \1\n" for number in range(workers))
    text, count = re.subn(line, lines, text)
    if count != 1:
        raise CommandError("deploy/nginx.conf has no list of workers that this command knows.")
    return text


def render_workers(text: str, folder: Path, workers: int, user: str) -> str:
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
    """A file of deploy/ and this command must not part company unnoticed."""
    if installed not in text:
        raise CommandError(f"A file of deploy/ has no {installed!r} any more.")
    return text.replace(installed, here)


# Running.


@contextmanager
def supervised(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """supervisor, and with it all the rest, while the block lasts."""
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(folder / "supervisord.conf")],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # a terminal's Ctrl-C is for this process, which then ends all in order
        preexec_fn=_end_with_parent,
    )
    try:
        yield supervisor
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        supervisor.terminate()
        supervisor.wait(STOP_SECONDS)


def _end_with_parent() -> None:
    """Linux: supervisor gets SIGTERM when this process is killed. Runs in the child, between fork and exec."""
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
