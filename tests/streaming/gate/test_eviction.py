"""The warning of a Redis that may evict slots."""

import pytest

from streaming.gate.eviction import EvictionPolicy
from streaming.store.scripts import Store


async def test_a_policy_that_evicts_is_named_once_and_only_with_a_bound_of_memory(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    policy = EvictionPolicy(store)
    await store.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    await policy.read()
    assert policy.name == ""
    await store.call("CONFIG", "SET", "maxmemory", "100mb")
    for _ in range(2):
        await policy.read()
    assert policy.name == "allkeys-lru"
    assert caplog.text.count("its maxmemory-policy is allkeys-lru") == 1
    await store.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await policy.read()
    assert policy.name == ""
