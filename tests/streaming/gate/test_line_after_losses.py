"""The waiting line on a real Redis that has lost a part of its data, or whose clock has stepped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import redis

from streaming.gate.leases import Slot
from streaming.gate.line_readings import count_held_up, read_line
from streaming.gate.slots import Gate
from streaming.store.keys import LINE, SERVER_SET
from streaming.store.scripts import Store
from tests.servers import PATIENCE
from tests.streaming.gate.gates import FOREVER, LEASE, gate_store, no_wait
from tests.streaming.gate.observed import shift
from tests.streaming.gate.visitors import ADA, WAIT, Visitor, gate_timing, terms
from tests.streaming.gate.workers_model import SteppedClock


class Still:
    """A worker whose heartbeat, keeper and line run only when a test says so."""

    def __init__(self, url: str, clock: SteppedClock) -> None:
        self.store, self.clock = gate_store(url), clock
        self.gate = Gate(self.store, gate_timing(), "still")
        self.stack = AsyncExitStack()

    async def watching(self) -> Slot:
        slot = await self.stack.enter_async_context(self.gate.slot(ADA, terms(1), no_wait, asking=WAIT))
        slot.progressed(FOREVER)
        return slot

    async def waiting(self) -> Visitor:
        return await Visitor(self.gate, terms(1)).in_line()

    async def look(self) -> None:
        """Give the slots that are free to those who wait."""
        await self.store.call("DEL", f"{LINE}:looked")
        await self.gate.line.keep_once()

    async def holders(self) -> list[str]:
        found: list[str] = await self.store.call("ZRANGE", SERVER_SET, 0, -1)
        return found


@pytest.fixture
async def still(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Still]:
    clock = SteppedClock()
    monkeypatch.setattr("streaming.gate.lease_scripts.lease_clock", clock)
    worker = Still(url, clock)
    yield worker
    await worker.stack.aclose()
    await worker.store.close()


@pytest.mark.parametrize("is_kept", [False, True])
async def test_nobody_in_line_gets_a_slot_of_a_set_that_was_evicted(still: Still, is_kept: bool) -> None:
    slot, waiting = await still.watching(), await still.waiting()
    await still.store.call("DEL", SERVER_SET)
    if is_kept:  # for a viewer whose connection was lost at that moment
        slot.keep_seconds = 5.0
        still.gate.keeper.give_back(slot)
        await still.gate.keeper._mark_kept()
    await still.look()
    assert not await still.holders()
    waiting.task.cancel()


async def test_no_slot_is_given_on_when_the_clock_has_stepped(still: Still, url: str) -> None:
    slot, waiting = await still.watching(), await still.waiting()
    await still.gate.heartbeat.renew()
    with redis.Redis.from_url(url, decode_responses=True) as raw:
        shift(raw, round(5 * LEASE * 1000))
    still.clock.ahead -= 5 * LEASE  # the lease has ended too early, and its viewer still watches
    await still.look()
    assert waiting.id not in await still.holders()
    await still.gate.heartbeat.renew()
    assert await still.holders() == [slot.id] and not slot.is_lost
    waiting.task.cancel()


async def test_who_has_waited_for_a_slot_enters_again_as_everybody_else(still: Still) -> None:
    """Not into the line: a slot of somebody who has left may stand in the way for a moment."""
    slot = await still.watching()
    await still.store.call("FLUSHALL")
    await still.store.call("ZADD", SERVER_SET, "9999999999999", "left:1")
    assert not await still.gate.heartbeat.renew()
    assert not slot.is_lost and not await still.store.call("ZCARD", LINE)
    await still.store.call("ZREM", SERVER_SET, "left:1")
    assert await still.gate.heartbeat.renew()
    assert await still.holders() == [slot.id]


@pytest.mark.parametrize("part", ["", ":tickets", ":alive", ":queues", ":limits", ":queue:" + SERVER_SET])
async def test_a_line_that_was_evicted_in_part_mends_itself(gate: Gate, store: Store, part: str) -> None:
    watching = await Visitor(gate, terms(1)).watching()
    line = [await Visitor(gate, terms(1)).in_line() for _ in range(3)]
    await store.call("DEL", LINE + part)
    await read_line(store)
    watching.leave()
    for number, visitor in enumerate(line):
        await visitor.watching(8)
        assert await store.call("ZCARD", SERVER_SET) == 1
        assert all(later.waits for later in line[number + 1 :])
        visitor.leave()


async def test_whoever_waits_for_redis_to_recover_holds_nobody_up(still: Still) -> None:
    """No stream may end for them: there may be room."""
    await still.store.call("FLUSHALL")
    visitor = Visitor(still.gate, terms(5))
    async with asyncio.timeout(PATIENCE):
        while not await still.store.call("ZCARD", LINE):
            await asyncio.sleep(0.01)
    assert await count_held_up(still.store, lambda _: True) == 0
    visitor.task.cancel()


async def test_limits_that_new_viewers_have_told_are_forgotten(still: Still) -> None:
    watching, waiting = await still.watching(), await still.waiting()
    limits = f"{LINE}:limits"
    await still.store.call("HSET", limits, *(text for number in range(500) for text in (f"set:{number}", "1")))
    await still.look()
    assert await still.store.call("HLEN", limits) == len(watching.limits) + 1  # and the budget
    waiting.task.cancel()
