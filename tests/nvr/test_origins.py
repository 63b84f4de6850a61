"""Origins whose pages may open a stream."""

from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from pytest_django import Settings

from nvr.origins import SameOriginValidator, is_allowed


@pytest.fixture(autouse=True)
def _hosts(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", ".nvr.example"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://portal.example"]


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://localhost:8000", "localhost:8000", "http"),
        ("http://LOCALHOST:8000", "localhost:8000", "http"),
        ("http://127.0.0.1", "127.0.0.1", "http"),
        ("http://127.0.0.1", "127.0.0.1:80", "http"),
        ("https://hall.nvr.example", "hall.nvr.example", "https"),
        ("https://hall.nvr.example", "hall.nvr.example:443", "https"),
        ("https://portal.example", "hall.nvr.example", "https"),
        ("https://portal.example", "hall.nvr.example", "http"),
        ("http://[::1]:8000", "[::1]:8000", "http"),
    ],
)
def test_pages_of_this_server_and_of_trusted_origins_may(origin: str, host: str, scheme: str) -> None:
    assert is_allowed(origin, host, scheme)


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://hall.nvr.example", "hall.nvr.example", "https"),
        ("https://hall.nvr.example", "hall.nvr.example", "http"),
        ("http://hall.nvr.example:8443", "hall.nvr.example:8443", "https"),
        ("https://hall.nvr.example:8000", "hall.nvr.example:8000", "http"),
    ],
)
def test_a_page_of_the_same_host_and_port_with_the_other_scheme_may_not(origin: str, host: str, scheme: str) -> None:
    assert not is_allowed(origin, host, scheme)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("", "localhost:8000"),
        ("null", "localhost:8000"),
        ("http://localhost:8000", ""),
        ("http://localhost:9000", "localhost:8000"),
        ("http://localhost", "localhost:8000"),
        ("https://localhost", "localhost:80"),
        ("http://evil.example", "localhost:8000"),
        ("http://localhost.evil.example:8000", "localhost:8000"),
        ("http://localhost:8000@evil.example", "localhost:8000"),
        ("http://portal.example", "hall.nvr.example"),
        ("https://portal.example:8443", "hall.nvr.example"),
        ("http://evil.example", "evil.example"),
        ("file://localhost", "localhost"),
        ("chrome-extension://localhost:8000", "localhost:8000"),
        ("http://localhost:port", "localhost:8000"),
        ("http://[::1", "localhost:8000"),
        ("http://localhost:99999", "localhost:99999"),
    ],
)
def test_all_other_pages_may_not(origin: str, host: str) -> None:
    assert not is_allowed(origin, host, "http")
    assert not is_allowed(origin, host, "https")


def test_with_any_host_allowed_a_page_must_still_come_from_the_same_server(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert is_allowed("http://any.example", "any.example", "http")
    assert not is_allowed("http://evil.example", "any.example", "http")


@pytest.mark.django_db  # Channels closes old database connections around each consumer
@pytest.mark.parametrize(
    ("headers", "https", "opened"),
    [
        ([(b"host", b"localhost"), (b"origin", b"http://localhost")], False, True),
        ([(b"host", b"localhost"), (b"origin", b"https://localhost")], True, True),
        ([(b"host", b"localhost"), (b"origin", b"http://localhost")], True, False),
        ([(b"host", b"localhost"), (b"origin", b"http://evil.example")], False, False),
        ([(b"host", b"localhost")], False, False),
        ([(b"host", b"localhost"), (b"origin", b"http://\xff\xfe")], False, False),
    ],
)
async def test_a_foreign_page_is_refused_before_the_application_is_called(
    settings: Settings, headers: list[tuple[bytes, bytes]], https: bool, opened: bool
) -> None:
    settings.SECURE_SSL_REDIRECT = https
    reached = []

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["path"])
        await send({"type": "websocket.accept"})

    communicator = WebsocketCommunicator(SameOriginValidator(stream), "/stream", headers)
    connected, _ = await communicator.connect()
    assert connected is opened
    assert bool(reached) is opened
    await communicator.disconnect()
