"""A worker whose limits cannot be read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from streaming import runtime
from streaming.errors import GateUnavailableError
from streaming.limits import policy
from tests.servers import RedisServer

STORED = replace(policy.defaults(), max_concurrent=3)


@pytest.fixture(autouse=True)
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[BaseDatabaseWrapper]:
    """The database connections that were checked, in order."""
    looked_at: list[BaseDatabaseWrapper] = []
    monkeypatch.setattr(BaseDatabaseWrapper, "close_if_unusable_or_obsolete", lambda self: looked_at.append(self))
    return looked_at


@contextlib.asynccontextmanager
async def reading(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[runtime.Runtime]:
    """A worker that retries at once if reading the limits failed."""
    monkeypatch.setattr(runtime, "POLICY_RETRY", 0.05)
    worker = runtime.Runtime(url)
    keeping = asyncio.create_task(worker._keep_policy())
    yield worker
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
    await worker.store.close()


async def read(worker: runtime.Runtime) -> None:
    async with asyncio.timeout(2):
        while worker.policy != STORED:
            await asyncio.sleep(0.01)


async def test_nobody_is_admitted_before_the_limits_were_read_and_reading_is_retried(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [RuntimeError("locked"), RuntimeError("locked")]

    def load() -> policy.Policy:
        if failures:
            raise failures.pop()
        return STORED

    monkeypatch.setattr(policy, "load", load)
    async with reading(redis_server.url, monkeypatch) as worker:
        with pytest.raises(GateUnavailableError, match="limits"):
            await worker.known_policy()
        await read(worker)
        assert await worker.known_policy() == STORED


async def test_limits_are_read_again_after_a_database_restart_has_broken_the_connection(
    redis_server: RedisServer, looked_at: list[BaseDatabaseWrapper], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> policy.Policy:
        assert connection.vendor  # there is one in this thread
        if not looked_at:
            raise OperationalError("server closed the connection unexpectedly")
        return STORED

    monkeypatch.setattr(policy, "load", load)
    async with reading(redis_server.url, monkeypatch) as worker:
        await read(worker)
