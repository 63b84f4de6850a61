"""Shared by the tests of the gate."""

from collections.abc import AsyncIterator

import pytest

from streaming.gate.readings import open_generation
from streaming.store.scripts import Store
from tests.servers import RedisServer


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[Store]:
    """On a Redis where nobody has to wait."""
    assert open_generation(redis_server.url, 0)
    opened = Store(redis_server.url)
    yield opened
    await opened.close()
