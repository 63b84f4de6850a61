"""An OpenID Connect provider that really runs, on loopback, and a browser without scripts that signs in at it."""

import contextlib
import json
import re
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import requests

from tests.servers import START_SECONDS, Process, environment_of, wait_until


@contextlib.contextmanager
def provider(folder: Path, users: list[dict[str, object]]) -> Iterator[str]:
    """Runs a provider with these users, each with their claims. Yields its address."""
    claims = [word for user in users for word in ("--user-claims", json.dumps(user))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", "0", *claims]
    process = Process(command, environment_of(folder), folder / "provider.log")
    try:
        wait_until(lambda: _address_of(process) is not None, START_SECONDS, f"the provider listens; see {process.log}")
        yield str(_address_of(process))
    finally:
        process.end()


def _address_of(process: Process) -> str | None:
    """Where it listens, at a port that the kernel has given it; None until it does. Raises AssertionError if it ended."""
    log = process.log.read_text()
    assert process.popen.poll() is None, f"the provider has ended: {log}"
    told = re.search(r"Uvicorn running on (http://[\d.:]+)", log)
    return told and told[1]


class Browser:
    """Keeps cookies, and posts forms with Django's token."""

    def __init__(self, base: str) -> None:
        self.base, self.session = base, requests.Session()

    def get(self, path: str) -> requests.Response:
        return self.session.get(urllib.parse.urljoin(self.base, path), timeout=30)

    def post(self, path: str, form: dict[str, str]) -> requests.Response:
        url = urllib.parse.urljoin(self.base, path)
        token = self.session.cookies.get("csrftoken", domain="127.0.0.1") or ""
        return self.session.post(
            url, {**form, "csrfmiddlewaretoken": token}, headers={"Referer": url, "Origin": self.base}, timeout=30
        )

    def log_in(self, username: str, password: str, path: str = "/accounts/login/") -> requests.Response:
        self.get(path)
        return self.post(path, {"username": username, "password": password})

    def sign_in(self, sub: str, path: str = "/accounts/login/") -> requests.Response:
        """Follows the button of the log-in page, and signs in at the provider as `sub`. Returns the last answer."""
        button = re.search(r'class="button provider" href="([^"]+)"', self.get(path).text)
        assert button is not None
        asked = self.get(button[1].replace("&amp;", "&"))
        return self.session.post(asked.url, {"sub": sub}, timeout=30)

    @property
    def user(self) -> str:
        """The name in the head of the page, or "" if nobody is logged in."""
        return user_on(self.get("/").text)

    def close(self) -> None:
        self.session.close()


def user_on(page: str) -> str:
    """The name in the head of a page, or "" if nobody is logged in."""
    found = re.search(r'class="account-name".*?<span>([^<]+)<', page, re.DOTALL)
    return found[1] if found else ""
