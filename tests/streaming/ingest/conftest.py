"""Fixtures for reading cameras."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from streaming.ingest import sharing, video
from streaming.ingest.hub import Hub
from streaming.ingest.pictures import Decoder
from streaming.ingest.reader import Allowance
from streaming.ingest.sharing import Sharing
from streaming.store import connection
from tests.servers import RedisServer
from tests.streaming.ingest.scripted import Server, server
from tests.streaming.ingest.workers import worker


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub(Allowance(2, 2), most=2, linger=0.5)
    yield hub
    hub.stop()
    assert await asyncio.to_thread(hub.join, 5)


class CountedDecoder(Decoder):
    made: list[threading.Thread] = []

    def __init__(self, *codec: Any) -> None:
        super().__init__(*codec)
        self.made.append(threading.current_thread())


@pytest.fixture
def decoders(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads that have created a decoder, one entry for each."""
    monkeypatch.setattr(CountedDecoder, "made", [])
    monkeypatch.setattr(video, "Decoder", CountedDecoder)
    return CountedDecoder.made


@pytest.fixture
def long_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is delayed stays a camera's reader, and is still followed; a delayed Redis is waited for."""
    for name in ("READER_LEASE_MS", "FOLLOWED_MS"):
        monkeypatch.setattr(sharing, name, 60_000)
    monkeypatch.setattr(connection, "REPLY_TIMEOUT", 10)


@pytest.fixture
def ann(redis_server: RedisServer, long_leases: None) -> Iterator[Sharing]:
    with worker(redis_server, "ann") as created:
        yield created


@pytest.fixture
def bob(redis_server: RedisServer, long_leases: None) -> Iterator[Sharing]:
    with worker(redis_server, "bob") as created:
        yield created


@pytest.fixture
def canary() -> Iterator[Server]:
    """A server that must not get any connection."""
    with server() as running:
        yield running
        assert running.connections == 0
