"""One run of a soak, a long test with random faults: workers, visitors (simulated viewers), faults and the state at the
end.
"""

import argparse
import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

from bench.history import Recorder
from bench.soak.faults import FaultInjector, plan_faults
from bench.soak.observation import connected, count_leases, descriptors, observe
from bench.soak.visitors import Visitors
from cameras.simulator import SimulatedCamera
from streaming.conf import Timing
from tests.client import Session, eventually
from tests.servers import RedisServer, Site

RELEASED = 12.0  # seconds until a camera is closed: it lingers, and once more if another worker follows it


@dataclass
class Ending:
    """The observations after the last fault: slots in use, file descriptors of the workers, connections to cameras."""

    full_again: bool = False  # all slots in use after the last fault
    slots: int = 0  # in use one lease after all viewers have left
    free_after: float = 0.0  # seconds from the end of the last viewing until no lease is left
    descriptors: tuple[tuple[int, int], ...] = ()  # of each worker: when it was new, at the end
    cameras: int = 0  # connections that are still open


class SoakRun:
    """One run: viewers beside faults, then viewers without faults, then the end of all viewings. `ending` has what was
    observed after the last fault. `options`: of `bench.soak`. `history`: the file for the events.
    """

    def __init__(self, options: argparse.Namespace, installation: Site, store: RedisServer, history: Path) -> None:
        self.options, self.site, self.store, self.history = options, installation, store, history
        self.timing = Timing(options.lease)
        self.ending = Ending()
        self.faults: FaultInjector

    async def run(self, cameras: list[SimulatedCamera], ids: list[str]) -> None:
        session = Session(self.site.workers[0].base)
        sessions = [session.at(worker.base) for worker in self.site.workers]
        with Recorder(self.history) as recorder:
            self.faults = FaultInjector(self.site, self.store, cameras, recorder)
            visitors = Visitors(sessions, ids, recorder, self.options.seed)
            watching = asyncio.create_task(observe(self.store, recorder, self.options.limit))
            visiting = asyncio.create_task(visitors.run())
            seconds = self.options.minutes * 60
            chance = random.Random(self.options.seed)  # noqa: S311 - has to repeat
            plan = plan_faults(chance, seconds, len(sessions), len(cameras))
            async with asyncio.timeout(seconds + 180):
                await self._first_end(visiting, self.faults.run(plan))
                await self._first_end(visiting, self._calm())
                visitors.over.set()
                await visiting
            await self._end(cameras)
            watching.cancel()

    @staticmethod
    async def _first_end(visiting: "asyncio.Task[None]", job: Awaitable[None]) -> None:
        """Wait for `job`. If the visitors' task ends first, cancel `job` and raise the error of the visitors."""
        task = asyncio.ensure_future(job)
        await asyncio.wait([visiting, task], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await visiting
        await task

    async def _calm(self) -> None:
        """Note in `ending` whether all slots are in use again after the last fault. That may take a lease, the time in
        which Redis without data admits only earlier viewers, and ten seconds.
        """
        await asyncio.sleep(self.timing.lease + self.timing.grace)
        self.ending.full_again = await self._becomes(self.options.limit, 10) is not None

    async def _end(self, cameras: list[SimulatedCamera]) -> None:
        after = await self._becomes(0, self.timing.lease + 1)
        self.ending.free_after = self.timing.lease + 1 if after is None else after
        self.ending.slots = await self._count()
        with contextlib.suppress(TimeoutError):
            await eventually(lambda: not any(camera.connections for camera in cameras), RELEASED)
        self.ending.cameras = sum(camera.connections for camera in cameras)
        now = [descriptors(worker) for worker in self.faults.workers]
        self.ending.descriptors = tuple(zip(self.faults.descriptors, now, strict=True))

    async def _becomes(self, count: int, seconds: float) -> float | None:
        """Wait until `count` leases are unexpired. Returns the seconds it took, or None if it takes longer than
        `seconds`.
        """
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            if await self._count() == count:
                return time.monotonic() - started
            await asyncio.sleep(0.05)
        return None

    async def _count(self) -> int:
        async with connected(self.store) as client:
            return await count_leases(client)
