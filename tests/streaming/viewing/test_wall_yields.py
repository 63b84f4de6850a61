"""Background streams end while somebody waits for their slots."""

import asyncio
from dataclasses import replace

import pytest
from pytest_django import Settings

from streaming.errors import YieldedError
from streaming.gate.leases import Asking, Kind
from streaming.viewing.wall_yields import WallYields
from tests.servers import PATIENCE
from tests.streaming.viewing.harness import LIMITS, Bench, ListViewer, leave, until

BACKGROUND = Asking(wait=True, kind=Kind.BACKGROUND, most=9, seconds=9)
PERSON = replace(BACKGROUND, kind=Kind.ORDINARY)


class Wall:
    """Two background streams, which hold all slots."""

    def __init__(self, bench: Bench, *, keeps_slots: bool = False) -> None:
        self._bench = bench
        made = [bench.viewing(asking=BACKGROUND, since=since, keeps_slot=keeps_slots) for since in (1, 2)]
        self.viewings, self._viewers = [viewing for viewing, _ in made], [viewer for _, viewer in made]
        self.tasks = [asyncio.create_task(viewing.run(LIMITS)) for viewing in self.viewings]
        self.yields = WallYields(lambda: self.viewings, bench.store)

    async def is_live(self) -> "Wall":
        await until(lambda: all(viewer.sequences for viewer in self._viewers))
        return self

    async def joined(self, asking: Asking) -> tuple["asyncio.Task[None]", ListViewer]:
        viewing, viewer = self._bench.viewing(asking=asking, since=3)
        task = asyncio.create_task(viewing.run(LIMITS))
        await until(lambda: "waiting" in viewer.events)
        return task, viewer

    async def leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def yields_none(wall: Wall) -> None:
    await wall.yields.look()
    await asyncio.sleep(0.1)
    assert not any(task.done() for task in wall.tasks)


async def test_the_youngest_background_stream_ends_for_a_person_and_one_at_a_time(bench: Bench) -> None:
    wall = await Wall(bench).is_live()
    await wall.yields.look()
    assert not any(task.done() for task in wall.tasks)  # nobody waits
    person, viewer = await wall.joined(PERSON)
    other, _ = await wall.joined(PERSON)
    await wall.yields.look()
    await wall.yields.look()
    with pytest.raises(YieldedError):
        await asyncio.wait_for(wall.tasks[1], PATIENCE)
    await until(lambda: viewer.sequences)
    assert not wall.tasks[0].done()
    await leave(person)
    await leave(other)
    await wall.leave()


async def test_background_streams_do_not_end_for_each_other(bench: Bench) -> None:
    wall = await Wall(bench).is_live()
    tile, _ = await wall.joined(BACKGROUND)
    await yields_none(wall)
    await leave(tile)
    await wall.leave()


async def test_the_wall_of_a_user_who_may_keep_its_slots_yields_none(bench: Bench) -> None:
    wall = await Wall(bench, keeps_slots=True).is_live()
    person, _ = await wall.joined(PERSON)
    await yields_none(wall)
    await leave(person)
    await wall.leave()


async def test_walls_keep_their_slots_without_the_setting(bench: Bench, settings: Settings) -> None:
    settings.STREAM_WALL_YIELDS = "off"
    wall = await Wall(bench).is_live()
    person, _ = await wall.joined(PERSON)
    await yields_none(wall)
    await leave(person)
    await wall.leave()
