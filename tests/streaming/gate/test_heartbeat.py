"""Renewals on a real Redis: held slots go on, all others are free within the lease."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from streaming.conf import Timing
from streaming.errors import GateUnavailableError, LimitReachedError, SlotLostError
from streaming.gate.lease_scripts import STORE_KEYS, LeaseScripts
from streaming.gate.leases import Limit, Slot
from streaming.gate.readings import revoke
from streaming.gate.slots import Gate
from streaming.store.keys import DETAILS, GENERATION, SERVER_SET, USER_SET
from streaming.store.scripts import Store
from tests.servers import PATIENCE
from tests.streaming.gate.gates import (
    LEASE,
    gate_store,
    held,
    holder,
    in_use,
    limits,
    no_wait,
    until_in_use,
    worker,
)


@pytest.mark.timing("a renewal before the fence")
async def test_a_held_slot_outlives_its_lease_while_it_makes_progress(gate: Gate) -> None:
    async with AsyncExitStack() as stack:
        slot = await held(stack, gate, 1)
        await asyncio.sleep(LEASE * 2)
        slot.check()
        assert await in_use(gate) == 1


@pytest.mark.timing("a slot is free within the lease")
async def test_a_slot_without_progress_lapses_and_its_holder_knows_before_another_enters(store: Store) -> None:
    async with worker(store) as gate, worker(store, "other") as other, AsyncExitStack() as stack:
        slot = await held(stack, gate, 1, progress=0)
        started = time.monotonic()
        while True:
            try:
                await held(stack, other, 1)
                break
            except LimitReachedError:
                await asyncio.sleep(0.01)
        assert time.monotonic() - started < LEASE + 0.5
        assert slot.lost.is_set()
        with pytest.raises(SlotLostError):
            slot.check()


@pytest.mark.timing("a slot is free within the lease")
async def test_slots_of_a_dead_worker_are_free_within_the_lease(store: Store) -> None:
    dead = Gate(store, Timing(LEASE), "dead")  # never started: no heartbeat, no keeper
    slot = dead.slot(holder(), limits(1), no_wait)
    await slot.__aenter__()
    async with worker(store) as gate:
        await until_in_use(gate, 0, LEASE + 0.5)
        async with gate.slot(holder(), limits(1), no_wait):
            pass


async def test_release_and_renewal_of_unknown_leases_change_nothing(gate: Gate, store: Store) -> None:
    async with AsyncExitStack() as stack:
        await held(stack, gate, 2)
        await store.run("gate/release", [*STORE_KEYS, SERVER_SET], [0, 0, json.dumps(["nobody:1", "nobody:2"])])
        stranger = Slot("nobody:3", holder(), limits(2))
        _, gone = await LeaseScripts(store, store, Timing(LEASE), "nobody").renew([stranger])
        assert gone == ["nobody:3"]
        assert await in_use(gate) == 1


@pytest.mark.timing("a renewal before the fence")
async def test_a_lower_limit_cuts_nobody_off_and_the_gate_drains(gate: Gate) -> None:
    async with AsyncExitStack() as rest, AsyncExitStack() as first:
        await held(first, gate, 3)
        slots = [await held(rest, gate, 3) for _ in range(2)]
        with pytest.raises(LimitReachedError) as refusal:
            await held(rest, gate, 2)
        assert refusal.value.facts["in_use"] == 3
        await asyncio.sleep(LEASE)
        for slot in slots:
            slot.check()
        await first.aclose()
        with pytest.raises(LimitReachedError):
            await held(rest, gate, 2)


@pytest.mark.timing("a renewal before the fence")
async def test_a_script_flush_is_not_noticed(gate: Gate, store: Store) -> None:
    async with AsyncExitStack() as stack:
        slot = await held(stack, gate, 2)
        await store.call("SCRIPT", "FLUSH")
        await held(stack, gate, 2)
        await asyncio.sleep(LEASE)
        slot.check()


async def test_a_lost_lease_is_never_added_again_by_a_renewal(gate: Gate, store: Store) -> None:
    async with AsyncExitStack() as stack:
        slot = await held(stack, gate, 1)
        await revoke(store, slot.id)
        async with asyncio.timeout(PATIENCE):
            await slot.lost.wait()
        assert await in_use(gate) == 0


async def test_details_of_a_dead_worker_vanish_though_others_live_on(gate: Gate, store: Store) -> None:
    dead = Gate(store, Timing(LEASE), "dead")
    await dead.slot(holder(), limits(1), no_wait).__aenter__()
    await asyncio.sleep(LEASE * 3.2)
    assert not await store.call("EXISTS", DETAILS)
    assert await in_use(gate) == 0


async def test_abandoned_keys_vanish(gate: Gate, store: Store) -> None:
    key = "nvr:{gate}:set:user:9"
    dead = Gate(store, Timing(LEASE), "dead")
    await dead.slot(holder(), limits(5, Limit(key, 2)), no_wait).__aenter__()
    assert 0 < await store.call("PTTL", DETAILS) <= 3 * LEASE * 1000
    async with asyncio.timeout(3 * LEASE):
        while await store.call("EXISTS", key) or await store.call("HEXISTS", GENERATION, key):
            await asyncio.sleep(0.05)
    assert await store.call("PTTL", GENERATION) == -1


async def test_renewals_have_a_connection_of_their_own(tmp_path: Path, store: Store) -> None:
    """So no rush of new viewers delays them."""
    gate = Gate(gate_store(f"unix://{tmp_path / 'nowhere'}"), Timing(LEASE), "w", renewals=store)
    with pytest.raises(GateUnavailableError):
        await gate.slot(holder(), limits(1), no_wait).__aenter__()
    await gate.heartbeat.renew()


async def test_renewals_remove_the_expired_leases_of_sets_without_a_limit(store: Store) -> None:
    dead = Gate(store, Timing(15), "dead")  # never started: no heartbeat, no keeper
    terms = limits(3, Limit(USER_SET + "1", 0), Limit(USER_SET + "2", 0))
    slot = dead.slot(holder(), terms, no_wait)
    id = (await slot.__aenter__()).id
    await store.call("ZADD", USER_SET + "1", 1, "another:1")
    await store.call("ZADD", USER_SET + "2", "XX", 1, id)  # the only one there: the set ends
    scripts = LeaseScripts(store, store, Timing(15), "w")
    before, _ = await scripts.renew([])
    assert await store.call("ZRANGE", USER_SET + "1", 0, -1) == [id]
    assert await store.call("EXISTS", USER_SET + "2") == 0
    assert await store.call("HEXISTS", GENERATION, USER_SET + "2") == 0
    after, _ = await scripts.renew([Slot("w:1", holder(), terms)])
    assert before == after  # no set is taken for an evicted one
