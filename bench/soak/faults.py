"""The faults of a soak (a long run of the product with random faults): the plan, and the injector that carries
it out.
"""

import asyncio
import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass

from bench.history import Event, Recorder
from bench.soak.observation import connected, descriptors
from cameras.simulator import Fault, SimulatedCamera
from tests.servers import RedisServer, Site

EXIT = 12.0  # seconds from SIGTERM to the end of a worker
BETWEEN = (4.0, 10.0)  # seconds between two faults
BETWEEN_LOSSES = 40.0  # seconds between two losses of Redis's data: a grace follows each


@dataclass(frozen=True)
class PlannedFault:
    at: float  # seconds from the start
    what: str  # a key of FAULTS
    target: int  # number of the worker or camera
    seconds: float  # its duration


LOSSES = ("restart Redis empty", "restart Redis old", "empty Redis")
FAULTS = {  # name -> weight, shortest, longest in seconds
    "kill a worker": (3, 1, 4),
    "end a worker": (3, 0, 2),
    "pause a worker": (4, 2, 20),
    "restart Redis empty": (2, 0.5, 4),
    "restart Redis old": (2, 2, 20),  # with a snapshot that is so many seconds old
    "empty Redis": (2, 0, 0),
    "forget the scripts": (1, 0, 0),
    "drop a camera's connections": (2, 0, 0),
    "silence a camera": (2, 2, 8),
}


def plan_faults(chance: random.Random, seconds: float, workers: int, cameras: int) -> list[PlannedFault]:
    """Returns random faults that begin within `seconds`, in their order. `workers`, `cameras`: how many there are to
    choose from. `chance`: the same gives the same faults.
    """
    faults: list[PlannedFault] = []
    at, lost_at = chance.uniform(*BETWEEN), 0.0
    while at < seconds:
        what = chance.choices(list(FAULTS), [weight for weight, *_ in FAULTS.values()])[0]
        if what in LOSSES and lost_at and at - lost_at < BETWEEN_LOSSES:
            what = "forget the scripts"
        elif what in LOSSES:
            lost_at = at
        _, shortest, longest = FAULTS[what]
        target = chance.randrange(cameras if "camera" in what else workers)
        faults.append(PlannedFault(at, what, target, chance.uniform(shortest, longest)))
        at += chance.uniform(*BETWEEN)
    return faults


class FaultInjector:
    """Carries out planned faults and records them. No worker has two faults at once, and of several workers at least
    one has none: a fault that would break this begins later.
    """

    def __init__(self, installation: Site, store: RedisServer, cameras: list[SimulatedCamera], recorder: Recorder):
        self._site, self._store, self._cameras, self._recorder = installation, store, cameras, recorder
        self.workers = list(installation.workers)
        self.descriptors = [descriptors(worker) for worker in self.workers]  # of each worker when it was new
        self.slowest_exit = 0.0  # seconds from a signal to the end of a worker
        self.done: Counter[str] = Counter()  # a key of FAULTS -> how often it was injected
        self._busy = [asyncio.Lock() for _ in self.workers]
        self._all_but_one = asyncio.Semaphore(max(1, len(self.workers) - 1))
        self._redis = asyncio.Lock()

    async def run(self, faults: list[PlannedFault]) -> None:
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(max(0, started + fault.at - time.monotonic()))
                group.create_task(self._inject(fault))

    async def _inject(self, fault: PlannedFault) -> None:
        if fault.what.endswith("a worker"):
            async with self._busy[fault.target], self._all_but_one:
                self._record(fault, str(fault.target))
                await self._fault_worker(fault)
                self._recorder.add(Event("mended", time.monotonic(), worker=str(fault.target)))
        elif "camera" in fault.what:
            self._record(fault)
            await self._fault_camera(self._cameras[fault.target], fault)
        else:
            async with self._redis:
                self._record(fault)
                await self._fault_redis(fault)

    def _record(self, fault: PlannedFault, worker: str = "") -> None:
        self.done[fault.what] += 1
        number = "" if "Redis" in fault.what or "scripts" in fault.what else f" {fault.target}"
        what = f"{fault.what}{number} ({fault.seconds:.1f} s)"
        self._recorder.add(Event("fault", time.monotonic(), worker=worker, reason=what))

    async def _fault_worker(self, fault: PlannedFault) -> None:
        process = self.workers[fault.target].process
        if fault.what == "pause a worker":
            process.signal(signal.SIGSTOP)
            await asyncio.sleep(fault.seconds)
            process.signal(signal.SIGCONT)
            return
        process.signal(signal.SIGKILL if fault.what == "kill a worker" else signal.SIGTERM)
        await asyncio.to_thread(self._wait_for_exit, fault.target)
        await asyncio.sleep(fault.seconds)
        port = self.workers[fault.target].port
        worker = await asyncio.to_thread(self._site.start_worker, port=port)
        self.workers[fault.target], self.descriptors[fault.target] = worker, descriptors(worker)

    def _wait_for_exit(self, number: int) -> None:
        started, process = time.monotonic(), self.workers[number].process
        try:
            process.wait(EXIT * 2)
        except subprocess.TimeoutExpired:
            process.signal(signal.SIGKILL)
            process.wait(5)
        self.slowest_exit = max(self.slowest_exit, time.monotonic() - started)

    async def _fault_camera(self, camera: SimulatedCamera, fault: PlannedFault) -> None:
        if fault.what.startswith("drop"):
            await asyncio.to_thread(camera.drop_connections)
        else:
            camera.fault = Fault.SILENT
            await asyncio.sleep(fault.seconds)
            camera.fault = Fault.NONE

    async def _fault_redis(self, fault: PlannedFault) -> None:
        if fault.what == "restart Redis empty":
            await asyncio.to_thread(self._store.kill)
            (self._store.socket.parent / "dump.rdb").unlink(missing_ok=True)
            await asyncio.sleep(fault.seconds)
            await asyncio.to_thread(self._store.start)
        elif fault.what == "restart Redis old":
            async with connected(self._store) as client:
                await client.save()
            await asyncio.sleep(fault.seconds)
            await asyncio.to_thread(self._store.kill)
            await asyncio.to_thread(self._store.start)
        else:
            async with connected(self._store) as client:
                await (client.flushall() if fault.what == "empty Redis" else client.script_flush())
