"""An operator for whom no slot is free takes that of the youngest ordinary viewer, after a notice."""

import asyncio

import pytest
from pytest_django import Settings

from streaming.errors import PreemptedError
from streaming.gate.leases import Asking, Kind, Limit, Terms
from streaming.store.keys import ORDINARY_SET, SERVER_SET
from streaming.viewing import preemption
from streaming.viewing.preemption import Preemption
from tests.servers import PATIENCE
from tests.streaming.viewing.harness import LIMITS, Bench, leave, until

ORDINARY = Terms((Limit(SERVER_SET, 2), Limit(ORDINARY_SET, 0)))
OPERATOR = Asking(wait=True, kind=Kind.OPERATOR, most=9, seconds=9)


async def test_the_youngest_ordinary_viewer_is_told_and_ends_if_the_operator_still_waits(
    bench: Bench, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [bench.viewing(since=since) for since in (1, 2)]
    viewings, viewers = [viewing for viewing, _ in made], [viewer for _, viewer in made]
    tasks = [asyncio.create_task(viewing.run(ORDINARY)) for viewing in viewings]
    await until(lambda: all(viewer.sequences for viewer in viewers))
    looking = Preemption(lambda: viewings, bench.store)

    def notices(number: int) -> list[object]:
        return [message.get("ends_in") for message in viewers[number].messages if message.get("reason") == "preempted"]

    async def operator() -> "asyncio.Task[None]":
        viewing, viewer = bench.viewing(asking=OPERATOR, since=3)
        task = asyncio.create_task(viewing.run(LIMITS))
        await until(lambda: "waiting" in viewer.events)
        return task

    first = await operator()
    await looking.look()
    assert not notices(1)  # off by default
    settings.STREAM_PREEMPT = "on"
    await looking.look()
    await looking.look()
    assert (notices(0), notices(1)) == ([], [10])
    await leave(first)
    await bench.gate.keeper.until_released()
    await looking.look()
    last = viewers[1].messages[-1]
    assert (last["type"], last["reason"]) == ("status", None)  # the notice is withdrawn
    monkeypatch.setattr(preemption, "NOTICE", 0)
    second = await operator()
    await looking.look()
    assert not tasks[1].done()
    await looking.look()
    with pytest.raises(PreemptedError):
        await asyncio.wait_for(tasks[1], PATIENCE)
    assert not tasks[0].done()
    await leave(second)
    await leave(tasks[0])
