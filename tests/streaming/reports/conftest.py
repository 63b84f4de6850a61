"""A client of the tests' Redis."""

from collections.abc import Iterator

import pytest
import redis

from tests.servers import RedisServer


@pytest.fixture
def client(redis_server: RedisServer) -> "Iterator[redis.Redis]":
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as opened:
        yield opened
