"""A client of the tests' Redis, and a store that loses answers."""

from collections.abc import AsyncIterator, Iterator

import pytest
import redis

from tests.servers import RedisServer
from tests.streaming.reports.reporters import LosingReplies


@pytest.fixture
def client(redis_server: RedisServer) -> "Iterator[redis.Redis]":
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as opened:
        yield opened


@pytest.fixture
async def losing_store(redis_server: RedisServer) -> AsyncIterator[LosingReplies]:
    store = LosingReplies(redis_server.url)
    yield store
    await store.close()
