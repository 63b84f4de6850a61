"""A gate on a real Redis, where no new viewer has to wait."""

from collections.abc import AsyncIterator, Iterator

import pytest
import redis

from streaming.gate.readings import open_generation
from streaming.gate.slots import Gate
from streaming.store.scripts import Store
from tests.servers import RedisServer
from tests.streaming.gate.gates import LEASE, answers, gate_store, worker


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def raw(server: RedisServer) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def url(redis_server: RedisServer) -> str:
    assert open_generation(redis_server.url, 0)
    return redis_server.url


@pytest.fixture
def lease() -> float:
    """Seconds."""
    return LEASE


@pytest.fixture
async def store(url: str, lease: float) -> AsyncIterator[Store]:
    opened = gate_store(url, lease)
    yield opened
    await opened.close()


@pytest.fixture
async def gate(store: Store, lease: float) -> AsyncIterator[Gate]:
    await answers(store)
    async with worker(store, lease=lease) as started:
        yield started


@pytest.fixture
async def second(url: str, lease: float) -> AsyncIterator[Gate]:
    """Another worker."""
    store = gate_store(url, lease)
    await answers(store)
    async with worker(store, "w2", lease) as started:
        yield started
    await store.close()
