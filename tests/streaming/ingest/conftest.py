"""Fixtures for reading cameras."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from streaming.ingest import video
from streaming.ingest.hub import Hub
from streaming.ingest.pictures import Decoder
from streaming.ingest.reader import Allowance
from streaming.ingest.sharing import Sharing
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
def ann(redis_server: RedisServer) -> Iterator[Sharing]:
    with worker(redis_server, "ann") as sharing:
        yield sharing


@pytest.fixture
def bob(redis_server: RedisServer) -> Iterator[Sharing]:
    with worker(redis_server, "bob") as sharing:
        yield sharing


@pytest.fixture
def canary() -> Iterator[Server]:
    """A server that must not get any connection."""
    with server() as running:
        yield running
        assert running.connections == 0
