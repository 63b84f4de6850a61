"""Slots on a real Redis: admission, and how they are given back."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from typing import Any

import pytest

from streaming.conf import Timing
from streaming.errors import LimitReachedError
from streaming.gate.leases import Holder, Limit
from streaming.gate.slots import Gate
from streaming.store.keys import DETAILS
from streaming.store.scripts import Argument, Store
from tests.servers import PATIENCE
from tests.streaming.gate.gates import (
    FOREVER,
    LONG,
    gate_store,
    held,
    holder,
    in_use,
    limits,
    long_lease,
    no_wait,
    until_in_use,
    worker,
)

__all__ = ["long_lease"]  # a fixture


async def test_one_more_than_the_limit_is_refused_with_the_facts(gate: Gate) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await held(stack, gate, 3)
        with pytest.raises(LimitReachedError) as refusal:
            await held(stack, gate, 3)
    assert (refusal.value.facts["in_use"], refusal.value.facts["limit"]) == (3, 3)
    assert 1 <= int(str(refusal.value.facts["retry_after"])) <= 5


@pytest.mark.timing("a slot is free within half a second")
async def test_a_slot_is_free_as_soon_as_its_holder_leaves_even_by_an_error(gate: Gate) -> None:
    with pytest.raises(ZeroDivisionError):
        async with gate.slot(holder(), limits(1), no_wait):
            raise ZeroDivisionError
    await until_in_use(gate, 0, 0.5)


async def test_contended_acquires_of_several_workers_never_exceed_the_limit(store: Store) -> None:
    async with AsyncExitStack() as stack:
        gates = [await stack.enter_async_context(worker(store, f"w{number}", LONG)) for number in range(4)]
        inside, most, full = 0, 0, asyncio.Event()

        async def visit(gate: Gate) -> None:
            nonlocal inside, most
            for _ in range(15):
                try:
                    async with gate.slot(holder(), limits(5), no_wait):
                        inside += 1
                        most = max(most, inside)
                        if inside == 5:
                            full.set()
                        await full.wait()
                        await asyncio.sleep(0.001)
                        inside -= 1
                except LimitReachedError:
                    await asyncio.sleep(0.001)

        await asyncio.gather(*(visit(gate) for gate in gates for _ in range(10)))
        assert most == 5
        await until_in_use(gates[0], 0)


async def test_admission_is_in_all_limited_sets_or_in_none(gate: Gate, store: Store) -> None:
    person = Limit("nvr:{gate}:set:user:1", 1)
    both = limits(5, person)
    async with gate.slot(holder(), both, no_wait):
        with pytest.raises(LimitReachedError) as refusal:
            async with gate.slot(holder(), both, no_wait):
                pass
        assert refusal.value.facts["limit"] == 1
        assert await in_use(gate) == 1
        assert await store.call("ZCARD", person.key) == 1
    await until_in_use(gate, 0)
    assert await store.call("ZCARD", person.key) == 0


async def test_acquiring_twice_with_one_id_counts_once(gate: Gate) -> None:
    async with AsyncExitStack() as stack:
        slot = await held(stack, gate, 1)
        async with gate.slot(holder(), limits(1), no_wait, id=slot.id):
            assert await in_use(gate) == 1


@pytest.mark.timing("a slot is free within a second")
async def test_a_viewer_that_gives_up_while_its_acquire_is_on_the_way_leaves_no_lease(gate: Gate, store: Store) -> None:
    async def enter() -> None:
        async with gate.slot(holder(), limits(10), no_wait):
            await asyncio.sleep(FOREVER)

    tasks = []
    for step in range(30):  # cut at different points of the way
        task = asyncio.create_task(enter())
        tasks.append(task)
        for _ in range(step):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await until_in_use(gate, 0, 1)
    assert await store.call("HLEN", DETAILS) == 0


def test_no_field_of_a_holder_is_missing_in_its_details() -> None:
    ada = Holder('Ada "A"', "Yärd\n", "c1", "low", "::1", 1.5, "7")
    assert json.loads(ada.as_json("w")) == {**asdict(ada), "worker": "w"}


async def test_the_usage_names_holders_and_their_changes(gate: Gate) -> None:
    async with AsyncExitStack() as stack:
        slot = await held(stack, gate, 5)
        (row,) = (await gate.usage()).holders.values()
        assert (row["user"], row["quality"], row["worker"]) == ("Ada", "low", "w")
        gate.describe(slot, replace(holder(), quality="high"))
        async with asyncio.timeout(PATIENCE):
            while (await gate.usage()).holders[slot.id]["quality"] != "high":
                await asyncio.sleep(0.01)
    await until_in_use(gate, 0)
    assert not (await gate.usage()).holders


async def test_of_two_changes_in_a_row_the_usage_shows_the_last(gate: Gate) -> None:
    async with AsyncExitStack() as stack:
        slot = await held(stack, gate, 1)
        gate.describe(slot, replace(holder(), quality="high"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the keeper has sent the first one
        gate.describe(slot, replace(holder(), quality="medium"))
        async with asyncio.timeout(PATIENCE):
            while (await gate.usage()).holders[slot.id]["quality"] != "medium":
                await asyncio.sleep(0.01)


async def test_stopping_gives_everything_back(store: Store) -> None:
    async with worker(store, "other") as other:
        async with worker(store, lease=LONG) as gate, AsyncExitStack() as stack:
            for _ in range(5):
                await held(stack, gate, 10)
            stack.pop_all()  # holders that never leave by themselves
            await gate.stop(2)
        assert await in_use(other) == 0


async def test_release_now_works_without_a_loop(url: str, store: Store) -> None:
    async with worker(store, "other") as other:
        gate = Gate(store, Timing(LONG), "ending")
        await gate.slot(holder(), limits(5), no_wait).__aenter__()
        assert await in_use(other) == 1
        await asyncio.to_thread(gate.release_now, url)
        assert await in_use(other) == 0


async def test_many_slots_are_released_without_looking_for_each_in_the_sets_of_all(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, lookups = gate_store(url), list[int]()
    run = store.run

    async def counted(script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        if script == "gate/release":
            lookups.append(len(keys) * len(json.loads(str(arguments[-1]))))
        return await run(script, keys, arguments)

    monkeypatch.setattr(store, "run", counted)
    async with AsyncExitStack() as stack:
        gate = await stack.enter_async_context(worker(store, lease=LONG))
        for number in range(100):
            terms = limits(100, Limit(f"user {number}", 0), Limit(f"address {number}", 0))
            await stack.enter_async_context(gate.slot(holder(), terms, no_wait))
        await gate.stop(2)
    assert sum(lookups) <= 100 * 60  # with one call: 100 * 203
    assert await in_use(gate) == 0
    await store.close()
