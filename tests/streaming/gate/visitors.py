"""Viewers who come, wait in line, watch and leave, on a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from streaming.conf import Timing
from streaming.gate.leases import Asking, Holder, Limit, Place, Slot, Terms
from streaming.gate.slots import Gate
from streaming.store.keys import CAMERA_SET, SERVER_SET, USER_SET
from streaming.store.scripts import Store
from tests.servers import PATIENCE
from tests.streaming.gate.gates import FOREVER, LEASE, LONG, Waits

ADA = Holder("Ada", "Yard", "c1", "low", "127.0.0.1", 0, "1")
RUNNING: set["asyncio.Task[None]"] = set()  # asyncio itself forgets a task to which nobody refers
WAIT = Asking(wait=True, most=100, seconds=30)


def gate_timing() -> Timing:
    return Timing(LEASE)


@asynccontextmanager
async def resuming(store: Store) -> AsyncIterator[Gate]:
    gate = Gate(store, Timing(LONG, resume=5), "w")
    gate.start()
    try:
        yield gate
    finally:
        await gate.stop(2)


def terms(maximum: int, holder: Holder = ADA, *, user: int = 0, camera: int = 0) -> Terms:
    sets = (
        Limit(SERVER_SET, maximum),
        Limit(USER_SET + holder.user_id, user),
        Limit(CAMERA_SET + holder.camera_id, camera),
    )
    return Terms(sets)


class Visitor:
    """A viewer who comes, waits if need be, watches, and leaves."""

    def __init__(self, gate: Gate, terms: Terms, asking: Asking = WAIT, holder: Holder = ADA) -> None:
        self.places: list[Place] = []
        self.slot: Slot | None = None
        self._leave = asyncio.Event()
        self.id = gate.new_id()
        self.task = asyncio.create_task(self._visit(gate, terms, asking, holder))
        RUNNING.add(self.task)
        self.task.add_done_callback(RUNNING.discard)

    async def _visit(self, gate: Gate, terms: Terms, asking: Asking, holder: Holder) -> None:
        async with gate.slot(holder, terms, Waits(), self.id, None, asking, self._on_place) as slot:
            slot.progressed(FOREVER)
            self.slot = slot
            await self._leave.wait()

    async def _on_place(self, place: Place) -> None:
        self.places.append(place)

    @property
    def waits(self) -> bool:
        return bool(self.places) and self.slot is None and not self.task.done()

    async def until(self, condition: Callable[["Visitor"], bool], seconds: float = PATIENCE) -> None:
        async with asyncio.timeout(seconds):
            while not condition(self):
                if self.task.done():
                    await self.task  # raises what has ended it
                await asyncio.sleep(0.005)

    async def in_line(self) -> "Visitor":
        await self.until(lambda visitor: visitor.waits)
        return self

    async def watching(self, seconds: float = PATIENCE) -> "Visitor":
        await self.until(lambda visitor: visitor.slot is not None, seconds)
        return self

    def leave(self) -> None:
        self._leave.set()
