"""The limits of a worker while the database fails."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from streaming import policy_keeper
from streaming.errors import LimitsUnknownError
from streaming.limits import policy
from streaming.policy_keeper import PolicyKeeper
from tests.servers import PATIENCE

STORED = replace(policy.defaults(), max_concurrent=3)


@pytest.fixture(autouse=True)
def checked_connections(monkeypatch: pytest.MonkeyPatch) -> list[BaseDatabaseWrapper]:
    """The database connections that were checked and closed if broken."""
    checked: list[BaseDatabaseWrapper] = []
    monkeypatch.setattr(BaseDatabaseWrapper, "close_if_unusable_or_obsolete", lambda self: checked.append(self))
    return checked


@contextlib.asynccontextmanager
async def running(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PolicyKeeper]:
    """A keeper that retries at once after a failure."""
    monkeypatch.setattr(policy_keeper, "RETRY", 0.05)
    keeper = PolicyKeeper(lambda: None, lambda: None)
    task = asyncio.create_task(keeper.run())
    yield keeper
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def until_read(keeper: PolicyKeeper) -> None:
    async with asyncio.timeout(PATIENCE):
        while keeper.policy != STORED:
            await asyncio.sleep(0.01)


async def test_nobody_is_admitted_by_limits_that_were_never_read_and_they_are_soon_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = [RuntimeError("locked"), RuntimeError("locked")]

    def load() -> policy.Policy:
        if failures:
            raise failures.pop()
        return STORED

    monkeypatch.setattr(policy, "load", load)
    async with running(monkeypatch) as keeper:
        with pytest.raises(LimitsUnknownError):
            await keeper.known()
        await until_read(keeper)
        assert await keeper.known() == STORED


async def test_the_limits_are_read_again_after_a_restart_of_the_database_has_broken_the_connection(
    checked_connections: list[BaseDatabaseWrapper], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> policy.Policy:
        assert connection.vendor  # this thread has a connection
        if not checked_connections:
            raise OperationalError("server closed the connection unexpectedly")
        return STORED

    monkeypatch.setattr(policy, "load", load)
    async with running(monkeypatch) as keeper:
        await until_read(keeper)
