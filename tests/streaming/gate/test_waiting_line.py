"""The waiting line on a real Redis: order, promotion, places, and what a crash or a lost Redis does to it."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
import redis

from streaming.errors import LineFullError, WaitExpiredError
from streaming.gate.lease_scripts import LeaseScripts
from streaming.gate.leases import Asking, Kind, Limit, Place, Rate, Slot, Terms
from streaming.gate.line_readings import move_to_front, read_line, remove
from streaming.gate.slots import Gate, tell_nobody
from streaming.gate.waiting_line import WAKE, WaitingLine
from streaming.store.keys import LINE, ORDERS, SERVER_SET
from streaming.store.scripts import Store
from tests.servers import PATIENCE
from tests.streaming.gate.gates import FOREVER, LEASE, gate_store, long_lease, no_wait
from tests.streaming.gate.visitors import ADA, WAIT, Visitor, gate_timing, terms

__all__ = ["long_lease"]  # a fixture


async def test_the_first_in_line_gets_the_slot_at_any_worker_and_new_viewers_do_not_overtake(
    gate: Gate, second: Gate
) -> None:
    watching = await Visitor(gate, terms(1)).watching()
    line = [await Visitor(one, terms(1)).in_line() for one in (second, gate, second)]
    assert [visitor.places[0].position for visitor in line] == [1, 2, 3]
    watching.leave()
    new_viewers = [Visitor(gate, terms(1)) for _ in range(5)]
    for visitor in line:
        await visitor.watching()
        assert not any(other.slot for other in line[line.index(visitor) + 1 :] + new_viewers)
        visitor.leave()
    for new_viewer in new_viewers:
        new_viewer.leave()
    await asyncio.gather(*(visitor.task for visitor in [watching, *line, *new_viewers]))


async def test_places_are_told_at_each_change(gate: Gate) -> None:
    watching = await Visitor(gate, terms(1)).watching()
    first, last = await Visitor(gate, terms(1)).in_line(), await Visitor(gate, terms(1)).in_line()
    await first.until(lambda visitor: visitor.places[-1].waiting == 2)
    first.task.cancel()
    await last.until(lambda visitor: (visitor.places[-1].position, visitor.places[-1].waiting) == (1, 1))
    assert last.places[-1].refusal.facts["in_use"] == last.places[-1].refusal.facts["limit"] == 1
    watching.leave()
    (await last.watching()).leave()


async def test_whom_a_limit_of_their_own_refuses_holds_nobody_up(gate: Gate, store: Store) -> None:
    bob = replace(ADA, user="Bob", user_id="2", camera_id="c2")
    watching = [
        await Visitor(gate, terms(2, user=1)).watching(),
        await Visitor(gate, terms(2, bob), holder=bob).watching(),
    ]
    ada = [await Visitor(gate, terms(2, user=1)).in_line() for _ in range(3)]
    three = replace(ADA, user="Cleo", user_id="3")
    cleo = await Visitor(gate, terms(2, three), holder=three).in_line()
    watching[1].leave()
    await cleo.watching()
    assert all(visitor.waits for visitor in ada)
    assert {row["reason"] for row in await read_line(store)} == {"user_limit_reached"}
    watching[0].leave()
    await ada[0].watching()


async def test_whoever_has_room_again_waits_for_the_house_in_their_old_place(gate: Gate, store: Store) -> None:
    def other(number: int, kind: Kind = Kind.ORDINARY) -> Visitor:
        holder = replace(ADA, user_id=f"{number}", camera_id="c2")
        return Visitor(gate, terms(2, holder, user=1), replace(WAIT, kind=kind), holder)

    watching = await Visitor(gate, terms(2, user=1)).watching()
    ada = await Visitor(gate, terms(2, user=1)).in_line()
    second = await other(2).watching()
    late, operator = await other(3).in_line(), await other(4, Kind.OPERATOR).in_line()
    assert [row["reason"] for row in await read_line(store)][1] == "user_limit_reached"
    watching.leave()
    await operator.watching()
    assert [row["reason"] for row in await read_line(store)] == ["limit_reached", "limit_reached"]
    await ada.until(lambda visitor: visitor.places[-1].refusal.reason == "limit_reached")
    second.leave()
    await ada.watching()
    assert late.slot is None


@pytest.mark.parametrize("lease", [LEASE])
async def test_a_slot_of_a_worker_that_died_goes_to_the_first_in_line(gate: Gate, url: str) -> None:
    async with AsyncExitStack() as stack:
        store = gate_store(url)
        stack.push_async_callback(store.close)
        dead = Gate(store, gate_timing(), "dead")
        await stack.enter_async_context(dead.slot(ADA, terms(1), no_wait))
        waiting = await Visitor(gate, terms(1)).in_line()
        late = await Visitor(gate, terms(1)).in_line()
        await waiting.watching()
        assert late.slot is None


@pytest.mark.parametrize("lease", [LEASE])
async def test_a_granted_slot_that_nobody_claims_goes_on_to_the_next(gate: Gate, url: str) -> None:
    store = gate_store(url)
    dead = Gate(store, gate_timing(), "dead")  # not started: it neither keeps its places nor claims
    watching = await Visitor(gate, terms(1)).watching()
    lost = await Visitor(dead, terms(1)).in_line()
    alive = await Visitor(gate, terms(1)).in_line()
    watching.leave()
    await alive.watching(8)
    lost.task.cancel()
    await store.close()


async def test_a_redis_that_refuses_for_a_while_does_not_end_the_wait_for_granted_slots(url: str, store: Store) -> None:
    """Such as a former master during a failover."""
    wakes = Store(url)
    line, slot = WaitingLine(LeaseScripts(store, store, gate_timing(), "w"), wakes, "w"), Slot("w:1", ADA, terms(1))
    waiter, listening = line.enter(slot, tell_nobody), asyncio.create_task(line.listen())
    with redis.Redis.from_url(url) as client:
        client.execute_command("ACL SETUSER default -blpop")
        await asyncio.sleep(2 * WAKE)
        client.execute_command("ACL SETUSER default +blpop")
        client.rpush(f"{LINE}:granted:w", slot.id)
        await waiter.wait(asyncio.get_running_loop().time() + PATIENCE)
    listening.cancel()
    await wakes.close()


@pytest.mark.timing("a renewal before the fence")
@pytest.mark.parametrize("lease", [3.0])
async def test_the_order_survives_a_redis_that_loses_its_data(gate: Gate, second: Gate, store: Store) -> None:
    watching = await Visitor(gate, terms(1)).watching()
    line = [await Visitor(one, terms(1)).in_line() for one in (gate, second, gate)]
    await asyncio.sleep(1.2)  # the places are kept once
    await store.call("FLUSHALL")
    waiting, holding = {visitor.id for visitor in line}, [watching.id]
    async with asyncio.timeout(PATIENCE):
        while set(await store.call("ZRANGE", LINE, 0, -1)) != waiting:
            await asyncio.sleep(0.01)
        while await store.call("ZRANGE", SERVER_SET, 0, -1) != holding:
            await asyncio.sleep(0.01)
    watching.leave()
    for visitor in line:
        await visitor.watching(8)
        visitor.leave()


async def test_who_gets_a_slot_after_redis_evicted_a_part_of_the_line_is_in_line_no_more(
    gate: Gate, store: Store
) -> None:
    watching = await Visitor(gate, terms(1)).watching()
    ada = await Visitor(gate, terms(1)).in_line()
    await store.call("DEL", LINE)
    watching.leave()
    await watching.task
    await gate.keeper.until_released()
    gate.line.ask_again()
    await ada.watching()
    assert await store.call("HLEN", f"{LINE}:tickets") == 0, "the lease would be granted once more, and end too soon"


async def test_operators_go_before_others_and_background_after_all(gate: Gate) -> None:
    def ask(kind: Kind) -> Asking:
        return replace(WAIT, kind=kind)

    watching = await Visitor(gate, terms(1)).watching()
    line = [
        await Visitor(gate, terms(1), ask(kind)).in_line()
        for kind in (Kind.BACKGROUND, Kind.ORDINARY, Kind.OPERATOR, Kind.ORDINARY, Kind.OPERATOR)
    ]
    watching.leave()
    for number in (2, 4, 1, 3, 0):
        await line[number].watching()
        line[number].leave()


async def test_a_raised_limit_lets_in_as_many_in_order(gate: Gate, second: Gate, store: Store) -> None:
    limit = 1

    async def read_terms() -> Terms:
        return terms(limit)

    async def visit(gate: Gate, visitor: list[Slot]) -> None:
        async def nowhere(_: Place) -> None: ...

        async with gate.slot(ADA, terms(1), no_wait, "", read_terms, WAIT, nowhere) as slot:
            slot.progressed(FOREVER)
            visitor.append(slot)
            await asyncio.Event().wait()

    watching = await Visitor(gate, terms(1)).watching()
    admitted: list[list[Slot]] = [[] for _ in range(4)]
    tasks = []
    for number, one in enumerate((gate, second, gate, second)):
        tasks.append(asyncio.create_task(visit(one, admitted[number])))
        async with asyncio.timeout(PATIENCE):
            while await store.call("ZCARD", LINE) <= number:
                await asyncio.sleep(0.01)
    limit = 3
    second.line.ask_again()  # the other worker does not know yet
    async with asyncio.timeout(6):
        while sum(map(len, admitted)) < 2:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    assert [len(one) for one in admitted] == [1, 1, 0, 0]
    for task in tasks:
        task.cancel()
    watching.leave()


async def test_the_budget_holds_up_only_those_who_need_more(gate: Gate) -> None:
    def rated(kbps: int, field: str) -> Terms:
        return Terms((Limit(SERVER_SET, 10),), Rate(field, kbps), budget=10_000)

    watching = await Visitor(gate, rated(8_000, "a")).watching()
    large = await Visitor(gate, rated(8_000, "a")).in_line()
    assert large.places[0].refusal.reason == "bandwidth_reached"
    small = await Visitor(gate, rated(2_000, "b")).watching()
    watching.leave()
    await large.watching()
    small.leave()
    large.leave()


async def test_a_full_line_and_a_long_wait_are_refused(gate: Gate) -> None:
    watching = await Visitor(gate, terms(1)).watching()
    waiting = await Visitor(gate, terms(1), replace(WAIT, most=1)).in_line()
    with pytest.raises(LineFullError):
        await Visitor(gate, terms(1), replace(WAIT, most=1)).task
    waiting.task.cancel()
    await asyncio.wait([waiting.task])
    await gate.keeper.until_released()
    with pytest.raises(WaitExpiredError):
        await Visitor(gate, terms(1), replace(WAIT, seconds=0.8)).task
    watching.leave()


async def test_an_administrator_moves_one_to_the_front_and_removes_another(gate: Gate, store: Store) -> None:
    watching = await Visitor(gate, terms(1)).watching()
    first, second, third = [await Visitor(gate, terms(1)).in_line() for _ in range(3)]
    assert await move_to_front(store, third.id) and not await move_to_front(store, "nobody")
    assert [row["id"] for row in await read_line(store)] == [third.id, first.id, second.id]
    assert await remove(store, second.id, "Another time") and not await remove(store, second.id)
    (order,) = await store.call("LRANGE", ORDERS + "w", 0, -1)
    assert "Another time" in order
    watching.leave()
    (await third.watching()).leave()
    (await first.watching()).leave()


async def test_whoever_is_first_and_moved_to_the_front_stays_there_when_operators_come(
    gate: Gate, store: Store
) -> None:
    watching = await Visitor(gate, terms(1)).watching()
    first = await Visitor(gate, terms(1)).in_line()
    assert await move_to_front(store, first.id)
    operator = await Visitor(gate, terms(1), replace(WAIT, kind=Kind.OPERATOR)).in_line()
    assert [row["id"] for row in await read_line(store)] == [first.id, operator.id]
    watching.leave()
    (await first.watching()).leave()
    (await operator.watching()).leave()
