"""The gate on a real Redis: each promise of streaming/gate/slots.py."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from streaming.conf import Timing
from streaming.errors import GateUnavailableError, LimitReachedError, SlotLostError
from streaming.gate.leases import Holder, Limit, Slot, Terms
from streaming.gate.readings import open_generation, opening
from streaming.gate.slots import Gate
from streaming.store.keys import DETAILS, GENERATION, RATES, SERVER_SET
from streaming.store.scripts import Store
from tests.servers import RedisServer

LEASE = 1.0  # seconds; the fence is at 0.8, the heartbeat at a third
FOREVER = 1000.0


def holder(name: str = "Ada") -> Holder:
    return Holder(user=name, camera="Yard", camera_id="1", quality="low", address="127.0.0.1", since=0)


def limits(maximum: int, *others: Limit) -> Terms:
    return Terms((Limit(SERVER_SET, maximum), *others))


async def no_wait(seconds: float) -> None:
    raise AssertionError(f"told to wait {seconds} s")


def gate_store(url: str, lease: float = LEASE) -> Store:
    """A store as the product makes it for a gate."""
    return Store(url, opening(Timing(lease).grace))


@pytest.fixture
def url(redis_server: RedisServer) -> str:
    assert open_generation(redis_server.url, 0)
    return redis_server.url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = gate_store(url)
    yield opened
    await opened.close()


@asynccontextmanager
async def worker(store: Store, name: str = "w", lease: float = LEASE) -> AsyncIterator[Gate]:
    gate = Gate(store, Timing(lease), name)
    gate.start()
    try:
        yield gate
    finally:
        await gate.stop(2)


@pytest.fixture
async def gate(store: Store) -> AsyncIterator[Gate]:
    async with worker(store) as started:
        yield started


async def held(stack: AsyncExitStack, gate: Gate, maximum: int, progress: float = FOREVER) -> Slot:
    slot = await stack.enter_async_context(gate.slot(holder(), limits(maximum), no_wait))
    slot.progressed(progress)
    return slot


async def in_use(gate: Gate) -> int:
    return len((await gate.usage()).holders)


async def raw(store: Store, *command: Any) -> Any:
    return await store.call(*command)


async def until_in_use(gate: Gate, expected: int, seconds: float = 3) -> None:
    async with asyncio.timeout(seconds):
        while await in_use(gate) != expected:
            await asyncio.sleep(0.01)


async def test_one_more_than_the_limit_is_refused_with_the_facts(gate: Gate) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await held(stack, gate, 3)
        with pytest.raises(LimitReachedError) as refusal:
            await held(stack, gate, 3)
    assert (refusal.value.facts["in_use"], refusal.value.facts["limit"]) == (3, 3)
    assert 1 <= int(str(refusal.value.facts["retry_after"])) <= 5


async def test_a_slot_is_free_as_soon_as_its_holder_leaves_even_by_an_error(gate: Gate) -> None:
    with pytest.raises(ZeroDivisionError):
        async with gate.slot(holder(), limits(1), no_wait):
            raise ZeroDivisionError
    await until_in_use(gate, 0, 0.5)


async def test_contended_acquires_of_several_workers_never_exceed_the_limit(store: Store) -> None:
    async with AsyncExitStack() as stack:
        gates = [await stack.enter_async_context(worker(store, f"w{number}")) for number in range(4)]
        inside, most = 0, 0

        async def visit(gate: Gate) -> None:
            nonlocal inside, most
            for _ in range(15):
                try:
                    async with gate.slot(holder(), limits(5), no_wait):
                        inside += 1
                        most = max(most, inside)
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
        assert await raw(store, "ZCARD", person.key) == 1
    await until_in_use(gate, 0)
    assert await raw(store, "ZCARD", person.key) == 0


async def test_a_held_slot_outlives_its_lease_while_it_makes_progress(gate: Gate) -> None:
    async with AsyncExitStack() as stack:
        slot = await held(stack, gate, 1)
        await asyncio.sleep(LEASE * 2)
        slot.check()
        assert await in_use(gate) == 1


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


async def test_slots_of_a_dead_worker_are_free_within_the_lease(store: Store) -> None:
    dead = Gate(store, Timing(LEASE), "dead")  # never started: no heartbeat, no keeper
    slot = dead.slot(holder(), limits(1), no_wait)
    await slot.__aenter__()
    async with worker(store) as gate:
        await until_in_use(gate, 0, LEASE + 0.5)
        async with gate.slot(holder(), limits(1), no_wait):
            pass


async def test_acquiring_twice_with_one_id_counts_once(gate: Gate) -> None:
    async with AsyncExitStack() as stack:
        slot = await held(stack, gate, 1)
        assert (await gate._acquire(slot, reentry=False))[0] == "granted"
        assert await in_use(gate) == 1


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
    assert await raw(store, "HLEN", DETAILS) == 0


async def test_release_and_renewal_of_unknown_leases_change_nothing(gate: Gate, store: Store) -> None:
    async with AsyncExitStack() as stack:
        await held(stack, gate, 2)
        await store.run("gate/release", [DETAILS, RATES, SERVER_SET], ["nobody:1", "nobody:2"])
        stranger = Slot("nobody:3", holder(), limits(2))
        keys, arguments = gate._renewal([stranger])
        answer = await store.run("gate/renew", keys, arguments)
        assert answer[1:] == ["nobody:3"]
        assert await in_use(gate) == 1


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


async def test_the_usage_names_holders_and_their_changes(gate: Gate) -> None:
    async with AsyncExitStack() as stack:
        slot = await held(stack, gate, 5)
        (row,) = (await gate.usage()).holders.values()
        assert (row["user"], row["quality"], row["worker"]) == ("Ada", "low", "w")
        gate.describe(slot, replace(holder(), quality="high"))
        async with asyncio.timeout(1):
            while (await gate.usage()).holders[slot.id]["quality"] != "high":
                await asyncio.sleep(0.01)
    await until_in_use(gate, 0)
    assert not (await gate.usage()).holders


async def test_a_new_redis_makes_newcomers_wait_and_says_for_how_long(redis_server: RedisServer) -> None:
    store, told = gate_store(redis_server.url), []

    async def wait(seconds: float) -> None:
        told.append(seconds)

    async with worker(store) as gate:
        started = time.monotonic()
        async with gate.slot(holder(), limits(1), wait):
            waited = time.monotonic() - started
    assert 0 < told[0] <= Timing(LEASE).grace
    assert Timing(LEASE).grace * 0.9 < waited < Timing(LEASE).grace + 0.7
    await store.close()


async def test_after_a_flush_holders_re_enter_and_newcomers_find_the_limit_kept(gate: Gate, store: Store) -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async with AsyncExitStack() as stack:
        slots = [await held(stack, gate, 3) for _ in range(3)]
        await raw(store, "FLUSHALL")
        with pytest.raises(LimitReachedError):
            await stack.enter_async_context(gate.slot(holder("late"), limits(3), wait))
        assert waits
        assert await in_use(gate) == 3
        for slot in slots:
            slot.check()


async def test_after_a_flush_every_holder_re_enters_however_many_renewals_it_takes(
    gate: Gate, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.gate.slots.CHUNK", 2)
    async with AsyncExitStack() as stack:
        slots = [await held(stack, gate, 7) for _ in range(7)]
        await raw(store, "FLUSHALL")
        await until_in_use(gate, 7)
        await asyncio.sleep(LEASE)
        for slot in slots:
            slot.check()


async def test_a_script_flush_is_not_noticed(gate: Gate, store: Store) -> None:
    async with AsyncExitStack() as stack:
        slot = await held(stack, gate, 2)
        await raw(store, "SCRIPT", "FLUSH")
        await held(stack, gate, 2)
        await asyncio.sleep(LEASE)
        slot.check()


async def test_a_lost_lease_is_never_added_again_by_a_renewal(gate: Gate, store: Store) -> None:
    async with AsyncExitStack() as stack:
        slot = await held(stack, gate, 1)
        await raw(store, "ZREM", SERVER_SET, slot.id)
        async with asyncio.timeout(LEASE):
            await slot.lost.wait()
        assert await in_use(gate) == 0


async def test_without_redis_newcomers_are_refused_at_once_and_holders_go_on_until_their_fence(
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


async def test_a_redis_that_accepts_and_never_answers_is_given_up_within_two_seconds(
    redis_server: RedisServer, store: Store
) -> None:
    import signal

    assert redis_server.process is not None
    redis_server.process.signal(signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(GateUnavailableError):
        await store.ping()
    assert time.monotonic() - started < 2
    redis_server.process.signal(signal.SIGCONT)


async def test_stopping_gives_everything_back(store: Store) -> None:
    async with worker(store, "other") as other:
        async with worker(store) as gate, AsyncExitStack() as stack:
            for _ in range(5):
                await held(stack, gate, 10)
            stack.pop_all()  # holders that never leave by themselves
            await gate.stop(2)
        assert await in_use(other) == 0


async def test_release_now_works_without_a_loop(url: str, store: Store) -> None:
    async with worker(store, "other") as other:
        gate = Gate(store, Timing(LEASE), "ending")
        await gate.slot(holder(), limits(5), no_wait).__aenter__()
        assert await in_use(other) == 1
        await asyncio.to_thread(gate.release_now, url)
        assert await in_use(other) == 0


async def test_details_of_a_dead_worker_vanish_though_others_live_on(gate: Gate, store: Store) -> None:
    dead = Gate(store, Timing(LEASE), "dead")
    await dead.slot(holder(), limits(1), no_wait).__aenter__()
    await asyncio.sleep(LEASE * 3.2)
    assert not await raw(store, "EXISTS", DETAILS)
    assert await in_use(gate) == 0


async def test_abandoned_keys_vanish(gate: Gate, store: Store) -> None:
    async with gate.slot(holder(), limits(5, Limit("nvr:{gate}:set:user:9", 2)), no_wait):
        for key in (SERVER_SET, DETAILS, "nvr:{gate}:set:user:9"):
            assert 0 < await raw(store, "PTTL", key) <= 3 * LEASE * 1000
    assert await raw(store, "PTTL", GENERATION) == -1


async def test_a_redis_that_starts_anew_with_an_old_snapshot_admits_former_holders_only(
    redis_server: RedisServer, url: str
) -> None:
    lease = 3.0
    store, elsewhere = gate_store(url, lease), gate_store(url, lease)
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async with worker(store, lease=lease) as gate, AsyncExitStack() as stack:
        await raw(store, "SAVE")
        slots = [await held(stack, gate, 3) for _ in range(3)]
        redis_server.kill()
        redis_server.start()
        async with worker(elsewhere, "other", lease) as other:
            with pytest.raises(LimitReachedError):
                await stack.enter_async_context(other.slot(holder("late"), limits(3), wait))
        assert waits
        assert sorted((await gate.usage()).holders) == sorted(slot.id for slot in slots)
        for slot in slots:
            slot.check()
    for opened in (store, elsewhere):
        await opened.close()


async def test_a_clock_that_was_set_back_lets_newcomers_wait_no_longer_than_a_new_redis(
    gate: Gate, store: Store
) -> None:
    await raw(store, "HSET", GENERATION, "ready_at", round((time.time() + 7_200) * 1000))
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async with gate.slot(holder(), limits(1), wait):
        assert 0 < waits[0] <= Timing(LEASE).grace


async def test_who_had_to_wait_goes_by_the_limits_that_are_in_force_then(redis_server: RedisServer) -> None:
    store = gate_store(redis_server.url)

    async def wait(seconds: float) -> None:
        assert seconds > 0

    async def lowered() -> Terms:
        return limits(1)

    async with worker(store) as gate, AsyncExitStack() as stack:
        newcomers = (gate.slot(holder(), limits(5), wait, ask=lowered) for _ in range(3))
        outcomes = await asyncio.gather(
            *(stack.enter_async_context(newcomer) for newcomer in newcomers), return_exceptions=True
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LimitReachedError"] * 2 + ["Slot"]
    await store.close()


async def test_renewals_do_not_stand_behind_a_rush_of_newcomers(redis_server: RedisServer, store: Store) -> None:
    renewals = gate_store(redis_server.url)
    gate = Gate(store, Timing(LEASE), "w", renewals)
    await gate._renew()
    assert renewals._wire is not None
    assert store._wire is None
    await renewals.close()
