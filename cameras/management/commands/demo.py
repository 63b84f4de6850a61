"""manage.py demo: try the product on one machine, with database, log-ins, simulated cameras and server."""

import json
import os
import secrets
import socket
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from cameras import demonstration
from cameras.models import Camera
from cameras.permissions import VIEWERS

Logins = dict[str, str]  # user name -> password; "": it was changed, and is not known here


class Command(BaseCommand):
    help = "Run the product with simulated cameras, and print how to log in."
    ends = "the server, the cameras and the embedded Redis"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cameras", type=int, default=4, help="number of simulated cameras (default 4)")
        parser.add_argument("--port", type=int, default=8000, help="port of the server on 127.0.0.1 (default 8000)")

    def handle(self, *args: Any, **options: Any) -> None:
        with self._cameras(options["cameras"]) as logins:
            self._greet(options["port"], logins)
            call_command("runserver", f"127.0.0.1:{options['port']}", use_reloader=False)

    @contextmanager
    def _cameras(self, count: int) -> Iterator[Logins]:
        """Migrate the database, create the users, and run `count` cameras (0: none) until the `with` block ends.
        Yields passwords by user name. Raises CommandError: `count` is negative, or the cameras did not start."""
        if count < 0:
            raise CommandError(f"--cameras must be 0 or more, not {count}.")
        call_command("migrate", verbosity=0)
        logins = self._logins(settings.VAR_DIR / "demo-logins.json")
        if not count:
            yield logins
            return
        simulator = self._simulate(count)
        try:
            yield logins
        finally:
            simulator.terminate()
            simulator.wait()

    def _logins(self, file: Path) -> Logins:
        """Create the users "admin" and "viewer" (may only watch) unless they exist. Returns their passwords by name.

        Their passwords are kept in `file` (JSON), which only the operating system's present user can read. A missing
        file is written with new passwords, which are not set for users who exist already. Returns "" in place of a
        password that is not the user's.
        """
        if file.exists():
            logins: Logins = json.loads(file.read_text())
        else:
            logins = {"admin": secrets.token_urlsafe(9), "viewer": secrets.token_urlsafe(9)}
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as opened:
                json.dump(logins, opened)
        return {name: self._ensure_user(name, password) for name, password in logins.items()}

    def _ensure_user(self, name: str, password: str) -> str:
        """Create the user with `password` unless they exist: "admin" as a superuser, any other in the group `VIEWERS`.
        Returns the password, or "" if the user has another one.
        """
        users = get_user_model().objects
        user = users.filter(username=name).first()
        if user:
            return password if user.check_password(password) else ""
        if name == "admin":
            users.create_superuser(name, password=password)
        else:
            users.create_user(name, password=password).groups.add(Group.objects.get(name=VIEWERS))
        return password

    def _simulate(self, count: int) -> "subprocess.Popen[str]":
        """Start `count` simulated cameras in another process and store their URLs in the database. Returns the process.

        Each has a substream (a second, smaller stream). Their port is that of the last run if it is free, else any.
        A stored camera of the same name gets the new URLs. Raises CommandError if the cameras did not start.
        """
        port = demonstration.kept_port()
        process, addresses = start_cameras(count, port if is_free(port) else 0)
        for name, (stream, substream) in addresses.items():
            urls = {"stream_url": stream, "substream_url": substream}
            Camera.objects.update_or_create(name=name, defaults=urls)
            demonstration.keep_port(urlsplit(stream).port or 0)
        return process

    def _greet(self, port: int, logins: Logins) -> None:
        self.stdout.write(f"\n  Live view    http://127.0.0.1:{port}/")
        self.stdout.write(f"  Settings     http://127.0.0.1:{port}/admin/\n\n")
        for name, password in logins.items():
            other = f"with its changed password, or set one: manage.py changepassword {name}"
            self.stdout.write(f"  Log in as    {name:8} {f'password {password}' if password else other}")
        self.stdout.write(f"\n  Ctrl-C ends {self.ends}.\n\n")
        self.stdout.flush()


def is_free(port: int) -> bool:
    try:
        socket.create_server((demonstration.HOST, port)).close()
    except OSError:
        return False
    return True


def start_cameras(count: int, port: int) -> tuple["subprocess.Popen[str]", dict[str, list[str]]]:
    """Run `manage.py simulate` in another process, at `port` (0: any), until its standard input is closed.

    Waits until the cameras run. Returns the process and, by camera name, the URLs of the stream and of the substream, a
    second, smaller stream. Raises CommandError if the cameras did not start.
    """
    command = [sys.executable, sys.argv[0], "simulate", "--cameras", str(count), "--port", str(port), "--until-closed"]
    command.append("--substreams")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101 - set by stdout=PIPE
    lines = [process.stdout.readline().strip() for _ in range(count)]
    if not all(lines):
        process.terminate()
        raise CommandError("The simulated cameras did not start.")
    return process, {name: addresses.split() for name, _, addresses in (line.partition(": ") for line in lines)}
