"""Redis has lost leases, or ends them too early, and nothing tells the workers: new viewers must wait."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from streaming.conf import Timing
from streaming.errors import GateUnavailableError, LimitReachedError
from streaming.gate.leases import Limit, Slot, lease_clock
from streaming.gate.readings import open_generation
from streaming.gate.slots import Gate
from streaming.store.keys import DETAILS, GENERATION, SERVER_SET
from streaming.store.scripts import Argument, Store
from tests.proxy import FailoverProxy
from tests.servers import PATIENCE, RedisServer, free_port
from tests.streaming.gate.gates import (
    FOREVER,
    Waits,
    gate_store,
    held,
    holder,
    in_use,
    limits,
    no_wait,
    until_in_use,
    worker,
)
from tests.streaming.gate.observed import shift

LEASE = 3.0  # seconds
USER = Limit("nvr:{gate}:set:user:1", 2)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = gate_store(url, LEASE)
    yield opened
    await opened.close()


@pytest.fixture
async def gate(store: Store) -> AsyncIterator[Gate]:
    async with worker(store, lease=LEASE) as started:
        yield started


@pytest.fixture
async def other(url: str) -> AsyncIterator[Gate]:
    """A worker with a connection of its own."""
    opened = gate_store(url, LEASE)
    async with worker(opened, "other", LEASE) as started:
        yield started
    await opened.close()


async def full_house(stack: AsyncExitStack, gate: Gate, viewers: int = 2) -> list[Slot]:
    """As many viewers as `limits(2, USER)` admits."""
    slots = []
    for _ in range(viewers):
        slot = await stack.enter_async_context(gate.slot(holder(), limits(2, USER), no_wait))
        slot.progressed(FOREVER)
        slots.append(slot)
    return slots


async def refuse_after_the_grace(gate: Gate, slots: Sequence[Slot]) -> None:
    """A new viewer waits, and then finds that all holders have kept their slots."""
    waits = Waits()
    with pytest.raises(LimitReachedError):
        await gate.slot(holder("late"), limits(len(slots), USER), waits).__aenter__()
    assert waits
    for slot in slots:
        slot.check()


@pytest.mark.parametrize("key", [SERVER_SET, USER.key, GENERATION])
async def test_an_evicted_key_is_not_taken_for_an_empty_set(gate: Gate, other: Gate, store: Store, key: str) -> None:
    async with AsyncExitStack() as stack:
        slots = await full_house(stack, gate)
        await store.call("DEL", key)
        await refuse_after_the_grace(other, slots)


async def test_a_viewer_who_leaves_does_not_hide_that_a_set_was_evicted(gate: Gate, other: Gate, store: Store) -> None:
    async with AsyncExitStack() as stack:
        slots = await full_house(stack, gate)
        await store.call("DEL", SERVER_SET)
        gate.keeper.give_back(slots[0])
        await gate.keeper.release()
        waits = Waits()
        async with other.slot(holder("late"), limits(2, USER), waits):
            assert waits


async def test_a_renewal_that_finds_an_evicted_set_keeps_the_streams(gate: Gate, store: Store) -> None:
    async with AsyncExitStack() as stack:
        slots = await full_house(stack, gate)
        await store.call("DEL", USER.key)
        await asyncio.sleep(LEASE)
        for slot in slots:
            slot.check()
        assert await store.call("ZCARD", USER.key) == 2


async def test_redis_evicts_the_leases_and_admits_nobody_in_their_place(tmp_path: Path) -> None:
    with RedisServer(tmp_path, **{"maxmemory": "6mb", "maxmemory-policy": "allkeys-random"}) as server:
        assert open_generation(server.url, 0)
        store = gate_store(server.url, LEASE)
        async with worker(store, lease=LEASE) as gate, AsyncExitStack() as stack:
            slots = await full_house(stack, gate)
            filler = 0
            while await store.call("EXISTS", SERVER_SET):
                await store.call("SET", f"filler:{filler}", "x" * 50_000)
                filler += 1
            await store.call("DEL", *(f"filler:{number}" for number in range(filler)))
            await refuse_after_the_grace(gate, slots)
        await store.close()


async def test_a_set_that_everybody_has_left_makes_nobody_wait(gate: Gate, other: Gate, store: Store) -> None:
    """Also where the last lease has ended by itself, and was pruned."""
    dead = Gate(store, Timing(LEASE), "dead")
    await dead.slot(holder(), limits(2, USER), no_wait).__aenter__()
    await asyncio.sleep(0.5)
    async with gate.slot(holder(), limits(2, USER), no_wait):
        pass
    await asyncio.sleep(LEASE - 0.4)
    for _ in range(2):
        async with other.slot(holder(), limits(2, USER), no_wait):
            pass
        await asyncio.sleep(0.1)


async def test_without_the_right_to_call_info_no_worker_starts_and_nobody_is_admitted(
    redis_server: RedisServer,
) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.execute_command("ACL SETUSER default -@dangerous")
        with pytest.raises(RuntimeError, match="the right to call INFO is missing"):
            open_generation(redis_server.url, 0)
        store = gate_store(redis_server.url)
        with pytest.raises(GateUnavailableError) as refusal:
            await Gate(store, Timing(LEASE), "w").slot(holder(), limits(1), no_wait).__aenter__()
        assert refusal.value.complaint.code == "NOPERM"
        await store.close()


async def test_a_clock_that_steps_forward_admits_nobody_in_place_of_a_running_stream(
    gate: Gate, other: Gate, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        slots = await full_house(stack, gate)
        await gate.heartbeat.renew()
        await other.heartbeat.renew()
        with redis.Redis.from_url(url, decode_responses=True) as client:
            shift(client, 20_000)
        monkeypatch.setattr("streaming.gate.lease_scripts.lease_clock", lambda: lease_clock() - 20)
        await refuse_after_the_grace(other, slots)


@pytest.mark.timing("a lease ends within its time after a clock that steps back")
async def test_a_clock_that_steps_back_does_not_keep_the_slots_of_a_dead_worker(
    gate: Gate, store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Gate(store, Timing(LEASE), "dead")
    await dead.slot(holder(), limits(1), no_wait).__aenter__()
    with redis.Redis.from_url(url, decode_responses=True) as client:
        shift(client, -3_600_000)
    monkeypatch.setattr("streaming.gate.lease_scripts.lease_clock", lambda: lease_clock() + 3_600)
    started = time.monotonic()
    async with asyncio.timeout(LEASE + 1):
        while await in_use(gate):
            await asyncio.sleep(0.05)
    assert time.monotonic() - started > Timing(LEASE).fence - LEASE / 3
    async with gate.slot(holder(), limits(1), no_wait):
        pass


async def test_of_two_leases_of_different_length_the_longer_grace_counts(url: str, store: Store, gate: Gate) -> None:
    elsewhere, waits = gate_store(url, 3 * LEASE), Waits()
    async with worker(elsewhere, "slow", 3 * LEASE) as slow, AsyncExitStack() as stack:
        slot = await held(stack, slow, 1)
        await gate.heartbeat.renew()
        await store.call("FLUSHALL")
        with pytest.raises(LimitReachedError):
            await gate.slot(holder("late"), limits(1), waits).__aenter__()
        assert waits[0] > Timing(2 * LEASE).grace
        slot.check()
    await elsewhere.close()


async def test_a_replica_that_takes_over_behind_a_proxy_admits_former_holders_only(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    with (
        RedisServer(folders[0], port=str(ports[0])),
        RedisServer(folders[1], port=str(ports[1])) as replica,
        redis.Redis.from_url(replica.url) as promoted,
        FailoverProxy(ports[0]) as proxy,
    ):
        promoted.execute_command(f"REPLICAOF 127.0.0.1 {ports[0]}")
        url = f"redis://127.0.0.1:{proxy.port}"
        assert open_generation(url, 0)
        stores = [gate_store(url, LEASE) for _ in range(2)]
        async with (
            worker(stores[0], lease=LEASE) as gate,
            worker(stores[1], "other", LEASE) as other,
            AsyncExitStack() as stack,
        ):
            slots = await full_house(stack, gate, 1)
            async with asyncio.timeout(PATIENCE):
                while not promoted.exists(SERVER_SET):
                    await asyncio.sleep(0.01)
            promoted.execute_command("REPLICAOF NO ONE")
            slots += await full_house(stack, gate, 1)  # the replica never hears of it
            proxy.target = ports[1]
            await refuse_after_the_grace(other, slots)
        for store in stores:
            await store.close()


@pytest.mark.timing("Redis must be back before the fence")
async def test_after_an_old_snapshot_those_who_had_left_do_not_stand_in_the_way(
    redis_server: RedisServer, gate: Gate, other: Gate, store: Store
) -> None:
    async with AsyncExitStack() as former:
        await full_house(former, other)
        await store.call("SAVE")
    await until_in_use(gate, 0)
    async with AsyncExitStack() as stack:
        slots = await full_house(stack, gate)
        redis_server.kill()
        redis_server.start()
        await asyncio.sleep(LEASE * 1.2)
        for slot in slots:
            slot.check()
        assert sorted((await gate.usage()).holders) == sorted(slot.id for slot in slots)


class FlushedOnce(Store):
    """A Redis that loses its data after the first part of a renewal."""

    flush = False

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        answer = await super().run(script, keys, arguments)
        if self.flush and script == "gate/renew":
            self.flush = False
            await self.call("FLUSHALL")
        return answer


async def test_a_flush_between_two_parts_of_a_renewal_ends_no_stream(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streaming.gate.lease_scripts.CHUNK", 2)
    store = FlushedOnce(url)
    async with worker(store, lease=LEASE) as gate, AsyncExitStack() as stack:
        slots = [await held(stack, gate, 5) for _ in range(5)]
        store.flush = True
        await asyncio.sleep(LEASE * 1.2)
        assert not store.flush
        for slot in slots:
            slot.check()
        assert await store.call("HLEN", DETAILS) == 5
    await store.close()
