"""The settings of sign-in by other services: what is accepted, and what stops the start."""

import ipaddress
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from nvr.accounts_settings import read_oidc
from nvr.sign_in_settings import origin_of, read_proxy
from tests.servers import ROOT, environment_of

GOOD = {
    "HEADER": "Remote-User",
    "FROM": "unix, 10.0.0.5, fd12:3456:789a::/48",
    "SECRET": "$ecret-of-the-proxy",
    "GROUPS_HEADER": "Remote-Groups",
    "GROUPS": "nvr-users=Viewers, cn=ops=Operators,*=Guests",
    "LOGOUT_URL": "https://auth.example.com/logout?rd=x",
}


def put(monkeypatch: pytest.MonkeyPatch, values: dict[str, str], prefix: str = "PROXY_USER_") -> None:
    for name, value in values.items():
        monkeypatch.setenv(prefix + name, value)


def test_without_a_header_no_proxy_is_believed() -> None:
    assert read_proxy() is None


def test_all_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, GOOD)
    read = read_proxy()
    assert read is not None
    assert (read.header, read.secret_header, read.groups_header) == (
        "remote-user",
        "x-nvr-proxy-secret",
        "remote-groups",
    )
    assert (read.secret, read.unix, read.create) == (GOOD["SECRET"], True, False)
    assert read.networks == (ipaddress.ip_network("10.0.0.5/32"), ipaddress.ip_network("fd12:3456:789a::/48"))
    assert read.groups == (("nvr-users", "Viewers"), ("cn=ops", "Operators"), ("*", "Guests"))
    assert (read.log_out_url, origin_of(read.log_out_url)) == (GOOD["LOGOUT_URL"], "https://auth.example.com")
    assert origin_of("/oauth2/sign_out") == ""


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("HEADER", "Remote_User", "PROXY_USER_HEADER=Remote_User is not valid.*for example Remote-User"),
        ("HEADER", "Cookie", "PROXY_USER_HEADER=Cookie is not valid.*of the proxy's own"),
        ("HEADER", "", "PROXY_USER_FROM does nothing without PROXY_USER_HEADER"),
        ("FROM", "", "PROXY_USER_FROM is missing.*addresses of the proxies.*or unix"),
        ("FROM", "proxy.example.com", "PROXY_USER_FROM=proxy.example.com is not valid.*for example 127.0.0.1"),
        ("FROM", "10.0.0.5/24", "PROXY_USER_FROM=10.0.0.5/24 is not valid.*host bits"),
        ("FROM", "unix,0.0.0.0/0", "PROXY_USER_FROM=unix,0.0.0.0/0 is not valid: everybody would be trusted"),
        ("SECRET", "", "PROXY_USER_SECRET is missing.*at least 16 characters"),
        ("SECRET", "short", "PROXY_USER_SECRET is not valid.*needs at least 16"),
        ("SECRET_HEADER", "remote-user", "each of the proxy's headers needs another name"),
        ("CREATE", "maybe", "PROXY_USER_CREATE=maybe is not valid: it must be true or false"),
        ("GROUPS", "", "need each other"),
        ("GROUPS", "Viewers", "PROXY_USER_GROUPS=Viewers is not valid.*for example nvr-users=Viewers"),
        ("GROUPS_HEADER", "", "need each other"),
        (
            "LOGOUT_URL",
            "//evil.example",
            "PROXY_USER_LOGOUT_URL=//evil.example is not valid.*for example /oauth2/sign_out",
        ),
        ("LOGOUT_URL", "https://a.example;img-src", "PROXY_USER_LOGOUT_URL=.* is not valid"),
        ("LOGOUT_URL", "javascript:alert(1)", "PROXY_USER_LOGOUT_URL=.* is not valid"),
    ],
)
def test_a_wrong_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str) -> None:
    put(monkeypatch, {**GOOD, name: value})
    with pytest.raises(ImproperlyConfigured, match=expected):
        read_proxy()


OIDC = {
    "URL": "https://auth.example.com/realms/main/",
    "CLIENT_ID": "nvr",
    "CLIENT_SECRET": "$ecret",
    "GROUPS_CLAIM": "groups",
    "GROUPS": "nvr-users=Viewers",
}


def test_settings_of_a_provider_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_oidc() is None
    put(monkeypatch, OIDC, "OIDC_")
    read = read_oidc()
    assert read is not None
    assert (read.url, read.client_secret, read.name) == (OIDC["URL"].rstrip("/"), "$ecret", "auth.example.com")
    assert (read.create, read.link, read.groups) == (False, False, (("nvr-users", "Viewers"),))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("URL", "", "OIDC_CLIENT_ID does nothing without OIDC_URL"),
        ("URL", "http://auth.example.com", "OIDC_URL=http://auth.example.com is not valid.*https://.*for example"),
        ("URL", "auth.example.com", "OIDC_URL=auth.example.com is not valid"),
        ("CLIENT_ID", "", "OIDC_CLIENT_ID is missing"),
        ("CLIENT_SECRET", "", "OIDC_CLIENT_SECRET is missing"),
        ("LINK", "maybe", "OIDC_LINK=maybe is not valid: it must be true or false"),
        ("GROUPS", "", "need each other"),
        ("GROUPS", "Viewers", "OIDC_GROUPS=Viewers is not valid"),
    ],
)
def test_a_wrong_setting_of_a_provider_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    put(monkeypatch, {**OIDC, name: value}, "OIDC_")
    with pytest.raises(ImproperlyConfigured, match=expected):
        read_oidc()


@pytest.mark.parametrize(("second_factor", "starts"), [("", True), ("true", False)])
def test_without_the_packages_the_site_starts_unless_they_are_asked_for(
    tmp_path: Path, second_factor: str, starts: bool
) -> None:
    program = "import sys; sys.modules['allauth'] = None; import nvr.asgi, nvr.urls; print('started')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment_of(tmp_path, SECOND_FACTOR=second_factor),
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert ("started" in done.stdout) == starts, done.stderr
    assert ("pip install --require-hashes -r requirements-signin.lock" in done.stderr) != starts
