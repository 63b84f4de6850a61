"""The cost of the line in which viewers wait for a slot (the right to stream): for Redis, and for a worker.

    .venv/bin/python -m bench.line --waiters 1000

Measured are the release of a slot, the arrival and the refusal of a viewer, and the renewal of the places in line. All
calls are those of the product, in turn, from this process to its own Redis over a Unix socket. The figures of Redis are
the time of one script, by its own count; the median says most, because a busy machine interrupts some of them. A
quarter of the waiters wait for each of: their own limit, one of 50 full cameras, the bandwidth budget (with streams
that are larger than what is free), and the limit of all streams. The figures of a worker are this process's processor
time.
"""

import asyncio
import re
import tempfile
import time
from collections import deque
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.results import Results, arguments, p50_p95, percentile
from streaming.conf import Timing
from streaming.gate.lease_scripts import LeaseScripts
from streaming.gate.leases import Asking, Holder, Limit, Place, Rate, Slot, Terms
from streaming.gate.readings import open_generation
from streaming.gate.slots import Gate
from streaming.gate.waiting_line import KEEP
from streaming.store.keys import ADDRESS_SET, CAMERA_SET, LINE, RATES, SERVER_SET, USER_SET
from streaming.store.scripts import Store
from tests.servers import RedisServer

TIMING = Timing(lease=300)  # no lease ends during a measurement
WORKERS = 5
HOUSE, CAMERAS = 500, 50  # slots in use, and the cameras that they show; each camera and each user has no slot left
SMALL, LARGE = 1_000, 20_000  # kbit/s of a stream
BUDGET = HOUSE * SMALL + LARGE // 2
OWN_USER, CAMERA, BANDWIDTH, ANYTHING = range(4)  # the limits that waiters wait for
FIRST = 6_000_000_000_000  # an order of the usual class
RELEASE_MS, WORKER_PERCENT = 0.2, 2.0  # the aims
HANDOVERS = 1.0  # seconds between two slots that change hands
AT_ONE_WORKER, SLOTS = 200, 10


class Crowd:
    """Simulated workers, whose viewers hold all slots or wait in line for one. They have no sockets and make only the
    product's calls to Redis.
    """

    def __init__(self, server: RedisServer) -> None:
        self.store = Store(server.url)
        self.names = [f"host-{number}-4711-abcdef" for number in range(WORKERS)]
        self.scripts = [LeaseScripts(self.store, self.store, TIMING, name) for name in self.names]
        self.held: deque[Slot] = deque()
        self.waiters: dict[str, Slot] = {}
        self._number, self._kept_at = 0, 0.0

    def slot(self, kind: int, user: int, camera: int, house: int = HOUSE, most: int = 100_000) -> Slot:
        """Returns the request of a new viewer for a slot. With `kind` BANDWIDTH the stream is larger; all other
        kinds are alike. `user`, `camera`: numbers; the viewer waits for their limits if all their slots are in use.
        `house`: the limit of all streams; `most`: how many may be in line, 0: the viewer does not wait.
        """
        self._number += 1
        id = f"{self.names[self._number % WORKERS]}:{self._number:016}"
        holder = Holder(f"user {user}", "Yard", f"camera {camera}", "medium", f"address {user}", 0, str(user))
        quality, kbps = ("high", LARGE) if kind == BANDWIDTH else ("medium", SMALL)
        sets = SERVER_SET, USER_SET + str(user), CAMERA_SET + str(camera), ADDRESS_SET + str(user)
        limits = tuple(map(Limit, sets, (house, 1, HOUSE // CAMERAS, 1_000)))
        asking = Asking(wait=most > 0, most=most)
        return Slot(id, holder, Terms(limits, Rate(f"camera {camera}:{quality}", kbps), BUDGET), asking=asking)

    def scripts_of(self, slot: Slot) -> LeaseScripts:
        return self.scripts[self.names.index(slot.id.partition(":")[0])]

    async def ask(self, slot: Slot) -> str:
        """Ask Redis for the slot. Returns "granted", "waits" (in line), or the reason of a refusal."""
        outcome, _, *_ = await self.scripts_of(slot).acquire(slot, reentry=False)
        if outcome == "granted":
            self.held.append(slot)
        elif outcome == "waits":
            self.waiters[slot.id] = slot
        return str(outcome)

    async def fill(self, waiters: int) -> None:
        """Fill all slots, then the line with `waiters` viewers, a quarter for each limit. While those who wait for
        another limit join, their limit of all streams is one higher: otherwise they would wait for that one.
        """
        await self.store.call("HSET", RATES, "sum", 0)
        await self.second()
        for number in range(HOUSE):
            assert await self.ask(self.slot(ANYTHING, number, number % CAMERAS)) == "granted"
        for kind in range(4):
            for number in range(kind, waiters, 4):
                user = number % HOUSE if kind == OWN_USER else HOUSE + number
                camera = number % CAMERAS if kind == CAMERA else CAMERAS + number % CAMERAS
                slot = self.slot(kind, user, camera, HOUSE + (kind != ANYTHING))
                slot.order = FIRST + number
                assert await self.ask(slot) == "waits"
                await self.second()
        for slot in self.waiters.values():
            house, *others = slot.limits
            slot.terms = replace(slot.terms, limits=(replace(house, maximum=HOUSE), *others))

    async def second(self) -> None:
        """Renew the places in line if the last time was `KEEP` seconds ago, as each worker does, so that Redis counts
        them. Mark the sum of all streams' rates as new, too.
        """
        if time.monotonic() - self._kept_at > KEEP:
            self._kept_at = time.monotonic()
            await self.store.call("HSET", RATES, "recounted", round(time.time() * 1000))
            for scripts, name in zip(self.scripts, self.names, strict=True):
                await scripts.keep_waiting(self.waiters_of(name))

    def waiters_of(self, worker: str) -> list[str]:
        return [id for id in self.waiters if id.startswith(worker)]

    async def cost(self, call: Awaitable[Any]) -> float:
        """Await `call`. Returns the milliseconds that Redis spent in scripts meanwhile, by its own count."""
        before = await self._in_scripts()
        await call
        return await self._in_scripts() - before

    async def _in_scripts(self) -> float:
        stats: str = await self.store.call("INFO", "commandstats")
        return sum(float(usec) for usec in re.findall(r"cmdstat_eval(?:sha)?:calls=\d+,usec=(\d+)", stats)) / 1000

    async def release(self) -> float:
        """Release the oldest slot; the viewer in line who is granted it claims it. Returns the milliseconds that the
        release took in Redis.
        """
        await self.second()
        slot = self.held.popleft()
        seconds = await self.cost(self.scripts_of(slot).release([slot]))
        for name in self.names:
            while id := await self.store.call("LPOP", f"{LINE}:granted:{name}"):
                assert await self.ask(self.waiters.pop(id)) == "granted"
        return seconds


async def measure_calls(server: RedisServer, options: Any, results: Results) -> None:
    """Measure a release, an arrival and a refusal, first with nobody in line (the arriving viewer gets a slot),
    then with `options.waiters` (the viewer joins the line) and the renewal of their places. Adds rows to `results`;
    a median release of `RELEASE_MS` or more counts as failed. Empties the Redis of `server`.
    """
    for waiters in (0, options.waiters):
        crowd = Crowd(server)
        await crowd.store.call("FLUSHALL")
        open_generation(server.url, 0)
        await crowd.fill(waiters)
        released, joined, refused = list[float](), list[float](), list[float]()
        for number in range(options.rounds):
            released.append(await crowd.release())
            new_viewer, other = (
                crowd.slot(ANYTHING, 10_000 + number, 1_000 + number, most=most)
                for most in (100_000 if waiters else 0, 0)
            )
            joined.append(await crowd.cost(crowd.ask(new_viewer)))
            refused.append(await crowd.cost(crowd.ask(other)))
            assert len(crowd.held) == HOUSE and len(crowd.waiters) == waiters
        new_viewer_does = "joins the line" if waiters else "is admitted"
        for what, took in (
            ("a release that promotes" if waiters else "a release", released),
            (f"a new viewer who {new_viewer_does}", joined),
            ("a new viewer who is refused", refused),
        ):
            results.add(what=what, waiting=waiters, rounds=len(took), **p50_p95("redis_ms", took))
        with results.attempt("a release"):
            middle = percentile(released, 50) or 0
            assert middle < RELEASE_MS, f"{middle:.2f} ms"
        if waiters:
            await measure_keeping(crowd, results)
        await crowd.store.close()


async def measure_keeping(crowd: Crowd, results: Results, seconds: int = 20) -> None:
    """Measure the renewal of places in line, which each worker makes once a second for its own viewers. Adds a row
    to `results`: the time of one worker's renewal, and the share of a Redis core for all workers.
    """
    took = list[float]()
    for _ in range(seconds):
        await crowd.second()
        for scripts, name in zip(crowd.scripts, crowd.names, strict=True):
            took.append(await crowd.cost(scripts.keep_waiting(crowd.waiters_of(name))))
            await asyncio.sleep(KEEP / WORKERS)
    figures = p50_p95("redis_ms", took)
    percent = (percentile(took, 50) or 0) * WORKERS / (KEEP * 1000) * 100
    waiting = len(crowd.waiters)
    results.add(
        what="keeping the places", waiting=waiting, workers=WORKERS, **figures, share_of_a_redis_core_percent=percent
    )


async def measure_worker(server: RedisServer, seconds: float, results: Results) -> None:
    """Measure the CPU time of this process as a worker, percent of one core. Empties the Redis of `server`.

    Measures three times, for `seconds` each: with nobody in line, with 200 viewers in line, and while the first of 200
    gets a slot each second. Then the others are told new places. Adds a row for each to `results`; 2% or more fails.
    """
    for what, waiting, leaves in (
        ("a worker without waiters", 0, False),
        ("a worker with waiters", AT_ONE_WORKER, False),
        ("the same, each second a viewer leaves", AT_ONE_WORKER, True),
    ):
        store = Store(server.url)
        await store.call("FLUSHALL")
        open_generation(server.url, 0)
        gate = Gate(store, Timing(lease=15), "bench")
        gate.start()
        async with asyncio.TaskGroup() as group:
            crowd = GateCrowd(gate, group)
            await crowd.come(SLOTS + waiting)
            spent = await crowd.stay(seconds, leaves=leaves)
        await gate.stop(2)
        await store.close()
        percent = spent / seconds * 100
        results.add(what=what, waiting=waiting, seconds=seconds, told=crowd.told, share_of_a_core_percent=percent)
        with results.attempt(what):
            assert percent < WORKER_PERCENT, f"{percent:.1f} % of a core"


class GateCrowd:
    """Viewers of one worker's gate, which admits streams: the first `SLOTS` of them watch, the others wait in line.
    `told` counts the places in line that the gate has told them.
    """

    def __init__(self, gate: Gate, group: asyncio.TaskGroup) -> None:
        self._gate, self._group = gate, group
        self._leaving: deque[asyncio.Event] = deque()  # of those who watch
        self._viewers: list[asyncio.Task[None]] = []
        self.told = 0  # places

    async def come(self, viewers: int) -> None:
        for number in range(viewers):
            self._viewers.append(self._group.create_task(self._visit(number)))
            await asyncio.sleep(0.002)
        await asyncio.sleep(2)  # all places are told

    async def stay(self, seconds: float, *, leaves: bool) -> float:
        """Let the viewers watch and wait for `seconds`, then end them. Returns the CPU seconds that this process used
        meanwhile. `leaves`: each second one viewer goes, and another comes.
        """
        began, ends = time.process_time(), time.monotonic() + seconds
        self.told = 0
        while (left := ends - time.monotonic()) > 0:
            await asyncio.sleep(min(left, HANDOVERS))
            if leaves:
                self._leaving.popleft().set()
                self._viewers.append(self._group.create_task(self._visit(len(self._viewers))))
        spent = time.process_time() - began
        for viewer in self._viewers:
            viewer.cancel()
        return spent

    async def _visit(self, number: int) -> None:
        holder = Holder(f"user {number}", "Yard", "camera", "medium", "::1", 0, str(number))
        terms = Terms(tuple(map(Limit, (SERVER_SET, USER_SET + str(number)), (SLOTS, 1))))
        asking = Asking(wait=True, most=100_000, seconds=3_600)
        async with self._gate.slot(holder, terms, _no_wait, asking=asking, on_place=self._count) as slot:
            slot.progressed(3_600)
            leaving = asyncio.Event()
            self._leaving.append(leaving)
            await leaving.wait()

    async def _count(self, place: Place) -> None:
        self.told += 1


async def _no_wait(seconds: float) -> None:
    raise AssertionError("an open gate makes no viewer wait")


def main() -> None:
    parser = arguments(__doc__, seconds=30)
    parser.add_argument("--waiters", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    with (
        Results("line", options.results) as results,
        tempfile.TemporaryDirectory(prefix="nvr-bench-") as name,
        RedisServer(Path(name)) as server,
    ):
        asyncio.run(measure_calls(server, options, results))
        asyncio.run(measure_worker(server, options.seconds, results))


if __name__ == "__main__":
    main()
