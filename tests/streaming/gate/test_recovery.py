"""A Redis that is away, silent, new, or back with old data."""

import asyncio
import signal
import time
from contextlib import AsyncExitStack

import pytest

from streaming.conf import Timing
from streaming.errors import GateUnavailableError, LimitReachedError
from streaming.gate.leases import Terms
from streaming.gate.slots import Gate
from streaming.runtime import Runtime
from streaming.store.keys import GENERATION
from streaming.store.scripts import Store
from tests.servers import RedisServer
from tests.streaming.gate.gates import (
    LEASE,
    Waits,
    gate_store,
    held,
    holder,
    in_use,
    limits,
    until_in_use,
    worker,
)


@pytest.mark.timing("measures the wait for a new Redis")
async def test_a_new_redis_makes_new_viewers_wait_and_says_for_how_long(redis_server: RedisServer) -> None:
    store, waits = gate_store(redis_server.url), Waits()

    async with worker(store) as gate:
        started = time.monotonic()
        async with gate.slot(holder(), limits(1), waits):
            waited = time.monotonic() - started
    assert 0 < waits[0] <= Timing(LEASE).grace
    assert Timing(LEASE).grace * 0.9 < waited < Timing(LEASE).grace + 0.7
    await store.close()


@pytest.mark.timing("a renewal before the fence")
async def test_after_a_flush_holders_re_enter_and_new_viewers_find_the_limit_kept(gate: Gate, store: Store) -> None:
    waits = Waits()

    async with AsyncExitStack() as stack:
        slots = [await held(stack, gate, 3) for _ in range(3)]
        await store.call("FLUSHALL")
        with pytest.raises(LimitReachedError):
            await stack.enter_async_context(gate.slot(holder("late"), limits(3), waits))
        assert waits
        assert await in_use(gate) == 3
        for slot in slots:
            slot.check()


@pytest.mark.timing("a renewal before the fence")
async def test_after_a_flush_every_holder_re_enters_however_many_renewals_it_takes(
    gate: Gate, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.gate.lease_scripts.CHUNK", 2)
    async with AsyncExitStack() as stack:
        slots = [await held(stack, gate, 7) for _ in range(7)]
        await store.call("FLUSHALL")
        await until_in_use(gate, 7)
        await asyncio.sleep(LEASE)
        for slot in slots:
            slot.check()


@pytest.mark.timing("a refusal within two seconds, and before the fence")
async def test_without_redis_new_viewers_are_refused_at_once_and_holders_go_on_until_their_fence(
    redis_server: RedisServer, gate: Gate
) -> None:
    async with AsyncExitStack() as stack:
        slot = await held(stack, gate, 2)
        redis_server.kill()
        started = time.monotonic()
        with pytest.raises(GateUnavailableError):
            await held(stack, gate, 2)
        assert time.monotonic() - started < 2
        slot.check()
        async with asyncio.timeout(LEASE):
            await slot.lost.wait()
        redis_server.start()


@pytest.mark.timing("a refusal within two seconds")
async def test_a_redis_that_accepts_and_never_answers_is_given_up_within_two_seconds(
    redis_server: RedisServer, store: Store
) -> None:
    assert redis_server.process is not None
    redis_server.process.signal(signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(GateUnavailableError):
        await store.ping()
    assert time.monotonic() - started < 2
    redis_server.process.signal(signal.SIGCONT)


@pytest.mark.timing("Redis must be back before the fence")
async def test_a_redis_that_restarts_with_an_old_snapshot_admits_former_holders_only(
    redis_server: RedisServer, url: str
) -> None:
    lease = 3.0
    store, elsewhere = gate_store(url, lease), gate_store(url, lease)
    waits = Waits()

    async with worker(store, lease=lease) as gate, AsyncExitStack() as stack:
        await store.call("SAVE")
        slots = [await held(stack, gate, 3) for _ in range(3)]
        redis_server.kill()
        redis_server.start()
        async with worker(elsewhere, "other", lease) as other:
            with pytest.raises(LimitReachedError):
                await stack.enter_async_context(other.slot(holder("late"), limits(3), waits))
        assert waits
        assert sorted((await gate.usage()).holders) == sorted(slot.id for slot in slots)
        for slot in slots:
            slot.check()
    for opened in (store, elsewhere):
        await opened.close()


async def test_a_clock_that_was_set_back_lets_new_viewers_wait_no_longer_than_a_new_redis(
    gate: Gate, store: Store
) -> None:
    await store.call("HSET", GENERATION, "ready_at", round((time.time() + 7_200) * 1000))
    waits = Waits()

    async with gate.slot(holder(), limits(1), waits):
        assert 0 < waits[0] <= Timing(LEASE).grace


async def test_a_viewer_that_had_to_wait_is_admitted_by_the_limits_in_force_then(redis_server: RedisServer) -> None:
    store = gate_store(redis_server.url)

    async def lowered() -> Terms:
        return limits(1)

    async with worker(store) as gate, AsyncExitStack() as stack:
        new_viewers = (gate.slot(holder(), limits(5), Waits(), read_terms=lowered) for _ in range(3))
        outcomes = await asyncio.gather(
            *(stack.enter_async_context(viewer) for viewer in new_viewers), return_exceptions=True
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LimitReachedError"] * 2 + ["Slot"]
    await store.close()


async def test_a_new_connection_of_a_worker_makes_the_generation_before_any_other_call(
    redis_server: RedisServer,
) -> None:
    store = Runtime(redis_server.url).store
    await store.ping()
    assert await store.call("EXISTS", GENERATION)
    await store.close()
