#!/usr/bin/env python3
"""Health check of a worker: `deploy/ready.py SOCKET [PATH]`. Prints the answer; exit code 0 for a 200.

PATH is /readyz (ready for viewers, the default) or /healthz (alive). No answer within five seconds is a failure.
Needs only Python, so supervisor, systemd, a container or a monitoring system can run it.
"""

import http.client
import socket
import sys
from pathlib import Path

SECONDS = 5


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._path)


def ask(socket_path: str, path: str = "/readyz") -> tuple[int, str]:
    """Send GET for `path` to the worker at a Unix socket. Returns status and body of its response; 0 and the error's
    text if there is none.
    """
    connection = UnixConnection(socket_path)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error) or type(error).__name__
    finally:
        connection.close()


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(f"usage: {Path(sys.argv[0]).name} SOCKET [PATH]")
    status, body = ask(*sys.argv[1:])
    sys.stdout.write(f"{status} {body}\n")
    sys.exit(status != 200)
