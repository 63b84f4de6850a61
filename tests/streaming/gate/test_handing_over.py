"""A slot or a place is handed over once, to its own user, whatever a client asks for: on a real Redis."""

import asyncio
from dataclasses import replace

import pytest

from streaming.errors import LimitReachedError
from streaming.gate.leases import Asking, Limit, Rate, Terms
from streaming.gate.line_readings import forbid_return, remove
from streaming.gate.slots import Gate
from streaming.gate.stop_orders import stop
from streaming.store.keys import ORDERS, SERVER_SET
from streaming.store.scripts import Store
from tests.streaming.gate.gates import LONG, gate_store, long_lease
from tests.streaming.gate.visitors import ADA, WAIT, Visitor, resuming, terms

BOB = replace(ADA, user="Bob", user_id="2", camera_id="c2")


__all__ = ["long_lease"]  # a fixture


async def bob(gate: Gate, maximum: int = 1) -> Visitor:
    return await Visitor(gate, terms(maximum, BOB), holder=BOB).in_line()


async def test_a_viewing_hands_its_slot_over_once(gate: Gate, second: Gate) -> None:
    watching, other = await Visitor(gate, terms(1)).watching(), await bob(gate)
    heirs = [
        await Visitor(one, terms(1), replace(WAIT, replace=watching.id)).in_line() for one in (gate, second, second)
    ]
    assert [heir.places[0].position for heir in heirs] == [0, 3, 4]
    watching.leave()
    (await heirs[0].watching()).leave()
    await other.watching()
    assert all(heir.waits for heir in heirs[1:])


async def test_nobody_comes_back_to_a_viewing_whose_return_is_forbidden(url: str) -> None:
    store = gate_store(url, LONG)
    async with resuming(store) as gate:
        watching, other = await Visitor(gate, terms(1)).watching(), await bob(gate)
        await forbid_return(store, watching.id)
        watching.leave()
        await other.watching()
        third = await bob(gate)
        again = await Visitor(gate, terms(1), replace(WAIT, resume=watching.id)).in_line()
        assert again.places[0].position == 2 and third.waits
    await store.close()


async def test_a_viewing_that_was_replaced_does_not_come_back_to_the_front(url: str) -> None:
    store = gate_store(url, LONG)
    async with resuming(store) as gate:
        watching, other = await Visitor(gate, terms(1)).watching(), await bob(gate)
        heir = await Visitor(gate, terms(1), Asking(replace=watching.id, seconds=5)).in_line()
        watching.leave()
        await heir.watching()
        again = await Visitor(gate, terms(1), replace(WAIT, resume=watching.id)).in_line()
        assert again.places[0].position == 2 and other.waits
    await store.close()


async def test_a_place_in_line_is_taken_over_once_and_its_former_connection_is_ended(
    gate: Gate, second: Gate, store: Store
) -> None:
    watching, first = await Visitor(gate, terms(1)).watching(), await Visitor(gate, terms(1)).in_line()
    other = await bob(gate)
    heirs = [await Visitor(second, terms(1), replace(WAIT, resume=first.id)).in_line() for _ in range(2)]
    assert [heir.places[0].position for heir in heirs] == [1, 3]
    (order,) = await store.call("LRANGE", ORDERS + "w", 0, -1)
    assert first.id in order and "replaced" in order
    await first.until(lambda visitor: visitor.places[-1].position == 4)  # until its worker obeys, it is the last
    watching.leave()
    (await heirs[0].watching()).leave()
    await other.watching()


async def test_who_gets_another_slot_before_the_replaced_one_is_free_claims_it(gate: Gate) -> None:
    watching, other = await Visitor(gate, terms(2)).watching(), await Visitor(gate, terms(2)).watching()
    heir = await Visitor(gate, terms(2), Asking(replace=watching.id, seconds=5)).in_line()
    other.leave()
    await heir.watching()
    assert heir.places[-1].waiting == 1 and len(heir.places) == 1


async def test_who_may_replace_only_later_is_then_ahead_of_the_line(gate: Gate) -> None:
    ada, other = await Visitor(gate, terms(2)).watching(), await Visitor(gate, terms(2, BOB), holder=BOB).watching()
    at_c3, at_c2 = replace(BOB, camera_id="c3"), replace(ADA, camera_id="c2")
    line = [await Visitor(gate, terms(2, at_c3), holder=at_c3).in_line() for _ in range(2)]
    heir = await Visitor(gate, terms(2, at_c2, camera=1), replace(WAIT, replace=ada.id), at_c2).in_line()
    other.leave()  # now the camera has room, and the server not: to replace would help
    await line[0].watching()
    gate.line.ask_again()
    await heir.until(lambda visitor: visitor.places[-1].position == 0)
    ada.leave()
    await heir.watching()
    assert line[1].waits


async def test_a_lone_stream_above_the_budget_takes_its_kept_slot_again(gate: Gate) -> None:
    large = Terms((Limit(SERVER_SET, 5),), Rate("a", 12_000), budget=10_000)
    watching = await Visitor(gate, large).watching()
    assert watching.slot is not None
    watching.slot.keep_seconds = 2.0
    watching.leave()
    await asyncio.sleep(0.2)
    (await Visitor(gate, large, Asking(resume=watching.id)).watching()).leave()


async def test_whoever_waits_for_a_budget_goes_first_when_it_is_withdrawn(gate: Gate) -> None:
    def rated(budget: int) -> Terms:
        return Terms((Limit(SERVER_SET, 2),), Rate("a", 8_000), budget=budget)

    watching = await Visitor(gate, rated(10_000)).watching()
    waiting = await Visitor(gate, rated(10_000)).in_line()
    with pytest.raises(LimitReachedError):
        await Visitor(gate, rated(0), replace(WAIT, wait=False)).task
    (await waiting.watching()).leave()
    watching.leave()


async def test_whom_an_administrator_has_removed_or_stopped_does_not_come_back_to_the_place(url: str) -> None:
    store = gate_store(url, LONG)
    async with resuming(store) as gate:
        watching = await Visitor(gate, terms(1)).watching()
        removed, other = await Visitor(gate, terms(1)).in_line(), await bob(gate)
        assert await remove(store, removed.id)
        await removed.until(lambda visitor: visitor.places[-1].position == 2)  # until its worker obeys, it is the last
        removed.task.cancel()
        assert await stop(store, watching.id)
        watching.leave()  # as its worker does
        await other.watching()
        for former in (watching, removed):
            await bob(gate)
            back = await Visitor(gate, terms(1), replace(WAIT, resume=former.id)).in_line()
            assert back.places[0].position == back.places[0].waiting
    await store.close()
