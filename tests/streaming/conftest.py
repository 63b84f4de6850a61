"""A Redis for the tests of this application."""

from collections.abc import AsyncIterator

import pytest

from streaming.gate.readings import open_generation
from streaming.store.scripts import Store
from tests.servers import RedisServer


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[Store]:
    """A store on a Redis that admits at once, without a grace period."""
    assert open_generation(redis_server.url, 0)
    opened = Store(redis_server.url)
    yield opened
    await opened.close()
