"""A flood of failing log-ins. It has a process of its own so that it does not slow the measurement.

    python -m tests.logins PORT SECONDS CLIENTS ADDRESSES

Prints a JSON object: HTTP status -> count (status 0: no answer). Each client tries again after each answer, at most five
times a second. Client n connects from 127.0.1.(n mod ADDRESSES + 1).
"""

import http.client
import json
import re
import sys
import threading
import time
import urllib.parse
from collections import Counter

PAUSE = 0.2  # seconds between two tries of one client
PATHS = ("/accounts/login/", "/admin/login/")


def attempt(port: int, address: str, path: str, username: str) -> int:
    """Requests the form and sends a wrong password. Returns the status of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(address, 0))
    try:
        connection.request("GET", path)
        with connection.getresponse() as response:
            cookie = re.search(r"csrftoken=(\w+)", response.headers["Set-Cookie"] or "")
            response.read()
        if cookie is None:
            return response.status
        form = {"username": username, "password": "guess", "csrfmiddlewaretoken": cookie[1]}
        headers = {"Cookie": cookie[0], "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", path, urllib.parse.urlencode(form), headers)
        with connection.getresponse() as response:
            return response.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def flood(port: int, seconds: float, clients: int, addresses: int) -> Counter[int]:
    statuses: Counter[int] = Counter()
    until = time.monotonic() + seconds

    def client(number: int) -> None:
        tries = 0
        while time.monotonic() < until:
            tries += 1
            name = f"nobody-{number}-{tries}"  # always another name, so that no user name is locked
            statuses[attempt(port, f"127.0.1.{number % addresses + 1}", PATHS[tries % 2], name)] += 1
            time.sleep(PAUSE)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


if __name__ == "__main__":
    port, seconds, clients, addresses = map(int, sys.argv[1:])
    sys.stdout.write(json.dumps(flood(port, seconds, clients, addresses)))
