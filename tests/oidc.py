"""An OpenID Connect provider that really runs, on loopback, and a browser without scripts that signs in at it."""

import contextlib
import http.client
import json
import re
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import requests

from tests.servers import START_SECONDS, Process, environment_of, free_port, wait_until


@contextlib.contextmanager
def provider(folder: Path, users: list[dict[str, object]]) -> Iterator[str]:
    """Runs a provider with these users, each with their claims. Yields its address."""
    port = free_port()
    claims = [word for user in users for word in ("--user-claims", json.dumps(user))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *claims]
    process = Process(command, environment_of(folder), folder / "provider.log")
    try:
        wait_until(lambda: _answers(port), START_SECONDS, "the provider answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.end()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/.well-known/openid-configuration")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


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
