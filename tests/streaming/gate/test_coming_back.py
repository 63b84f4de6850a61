"""Viewers that come back: a slot that is handed over or taken again, and a place in the line, on a real Redis."""

import asyncio
from dataclasses import replace

from streaming.gate.leases import Asking
from streaming.gate.slots import Gate
from streaming.store.keys import ORDERS
from streaming.store.scripts import Store
from tests.streaming.gate.gates import LONG, gate_store, long_lease
from tests.streaming.gate.visitors import ADA, WAIT, Visitor, resuming, terms

__all__ = ["long_lease"]  # a fixture


async def test_one_s_own_viewing_hands_its_slot_over_ahead_of_the_line(gate: Gate, second: Gate, store: Store) -> None:
    watching = await Visitor(gate, terms(1)).watching()
    waiting = await Visitor(gate, terms(1)).in_line()
    after = await Visitor(second, terms(1), Asking(replace=watching.id, seconds=5)).in_line()
    (order,) = await store.call("LRANGE", ORDERS + "w", 0, -1)
    assert watching.id in order and "replaced" in order
    assert [place.position for place in after.places] == [0]
    watching.leave()  # as its worker does
    await after.watching()
    assert waiting.waits


async def test_nobody_takes_the_slot_of_somebody_else_nor_one_that_would_not_help(gate: Gate, store: Store) -> None:
    bob = replace(ADA, user="Bob", user_id="2")
    watching = await Visitor(gate, terms(2, camera=1)).watching()
    await Visitor(gate, terms(2, bob), Asking(wait=True, most=9, seconds=9, replace=watching.id), bob).watching()
    other = replace(ADA, camera_id="c2")
    refused = Visitor(gate, terms(2, other), Asking(replace=watching.id, seconds=9), other)
    await refused.in_line()  # the house is full, and one's own viewing would help
    assert await store.call("LLEN", ORDERS + "w") == 1


async def test_a_lost_connection_keeps_its_slot_for_a_moment_and_a_token_takes_it_again(
    gate: Gate, second: Gate
) -> None:
    watching = await Visitor(gate, terms(1)).watching()
    waiting = await Visitor(gate, terms(1)).in_line()
    assert watching.slot is not None
    watching.slot.keep_seconds = 4.0
    watching.leave()
    await asyncio.sleep(0.3)
    assert waiting.waits
    again = await Visitor(second, terms(1), Asking(resume=watching.id)).watching()
    await asyncio.sleep(4)  # the end of the former one releases nothing
    assert waiting.waits
    again.leave()
    await waiting.watching()


async def test_without_a_return_the_slot_is_free_after_the_moment(gate: Gate) -> None:
    watching = await Visitor(gate, terms(1)).watching()
    waiting = await Visitor(gate, terms(1)).in_line()
    assert watching.slot is not None
    watching.slot.keep_seconds = 0.4
    watching.leave()
    await waiting.watching()


async def test_who_left_the_line_or_closed_a_moment_ago_comes_back_to_the_place(url: str) -> None:
    store = gate_store(url, LONG)
    async with resuming(store) as gate:
        watching = await Visitor(gate, terms(1)).watching()
        first, last = [await Visitor(gate, terms(1)).in_line() for _ in range(2)]
        first.task.cancel()
        await last.until(lambda visitor: visitor.places[-1].position == 1)
        back = await Visitor(gate, terms(1), replace(WAIT, resume=first.id)).in_line()
        assert back.places[0].position == 1
        watching.leave()  # closed: the slot goes to the first in line, and its token leads to the front
        await back.watching()
        front = await Visitor(gate, terms(1), replace(WAIT, resume=watching.id)).in_line()
        assert front.places[0].position == 1
        again = await Visitor(gate, terms(1), replace(WAIT, resume=watching.id)).in_line()
        assert again.places[0].position == 3  # each token works once
    await store.close()
