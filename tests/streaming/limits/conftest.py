"""A user, a group, and the version of the limits in Redis."""

from collections.abc import Callable, Iterator

import pytest
import redis
from django.contrib.auth.models import Group, User
from pytest_django import Settings

from streaming.store.keys import POLICY
from tests.servers import RedisServer


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def operators() -> Group:
    return Group.objects.create(name="Operators")


@pytest.fixture
def version(redis_server: RedisServer, settings: Settings) -> Iterator[Callable[[], int]]:
    settings.REDIS_URL = redis_server.url
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield lambda: int(str(client.get(POLICY) or 0))
