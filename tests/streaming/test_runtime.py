"""What a worker does with limits that cannot be read."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from streaming import policy, runtime
from streaming.errors import GateUnavailableError
from tests.servers import RedisServer


async def test_nobody_is_admitted_by_limits_that_were_never_read_and_they_are_read_again_soon(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "POLICY_RETRY", 0.05)
    stored = replace(policy.defaults(), max_concurrent=3)
    failures = [RuntimeError("locked"), RuntimeError("locked")]

    def load() -> policy.Policy:
        if failures:
            raise failures.pop()
        return stored

    monkeypatch.setattr(policy, "load", load)
    worker = runtime.Runtime(redis_server.url)
    keeping = asyncio.create_task(worker._keep_policy())
    with pytest.raises(GateUnavailableError, match="limits"):
        await worker.known_policy()
    async with asyncio.timeout(2):
        while worker.policy != stored:
            await asyncio.sleep(0.01)
    assert await worker.known_policy() == stored
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
    await worker.store.close()
