"""Gates, holders and limits for the tests of the gate."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from streaming.conf import Timing
from streaming.errors import GateUnavailableError
from streaming.gate.leases import Holder, Limit, Slot, Terms
from streaming.gate.readings import opening
from streaming.gate.slots import Gate
from streaming.store.keys import SERVER_SET
from streaming.store.scripts import Store
from tests.servers import PATIENCE

LEASE = 1.0  # seconds; the fence is at 0.8, the heartbeat at a third
LONG = 15.0  # seconds, a lease that no test waits out
FOREVER = 1000.0


@pytest.fixture(name="lease")
def long_lease() -> float:
    """For a module that imports it, the lease in place of `LEASE`."""
    return LONG


def holder(name: str = "Ada") -> Holder:
    return Holder(user=name, camera="Yard", camera_id="1", quality="low", address="127.0.0.1", since=0)


def limits(maximum: int, *others: Limit) -> Terms:
    return Terms((Limit(SERVER_SET, maximum), *others))


async def no_wait(seconds: float) -> None:
    raise AssertionError(f"told to wait {seconds} s")


class Waits(list[float]):
    """The seconds for which a new viewer was told to wait."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def gate_store(url: str, lease: float = LEASE) -> Store:
    """A store as the product makes it for a gate."""
    return Store(url, opening(Timing(lease).grace))


async def answers(store: Store) -> None:
    """Waits until Redis answers, as for a worker that is ready: a busy machine may take too long to connect."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(GateUnavailableError):
                return await store.ping()
            await asyncio.sleep(0.01)


@asynccontextmanager
async def worker(store: Store, name: str = "w", lease: float = LEASE) -> AsyncIterator[Gate]:
    gate = Gate(store, Timing(lease), name)
    gate.start()
    try:
        yield gate
    finally:
        await gate.stop(2)


async def held(stack: AsyncExitStack, gate: Gate, maximum: int, progress: float = FOREVER) -> Slot:
    slot = await stack.enter_async_context(gate.slot(holder(), limits(maximum), no_wait))
    slot.progressed(progress)
    return slot


async def in_use(gate: Gate) -> int:
    return len((await gate.usage()).holders)


async def until_in_use(gate: Gate, expected: int, seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while await in_use(gate) != expected:
            await asyncio.sleep(0.01)
