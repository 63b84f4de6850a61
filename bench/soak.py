"""The gate among faults: viewers come and go while workers, Redis and cameras are killed, paused and emptied at random.

    .venv/bin/python -m bench.soak --minutes 10 --limit 10 --workers 3

Everything is written to a history, which is checked at the end (bench/history.py). Exit code 1 if a promise was broken.
The seed decides viewers and faults: `--seed` repeats a run, as far as the machine does.
"""

import argparse
import asyncio
import contextlib
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

import psutil
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from websockets.exceptions import WebSocketException

from bench.history import Event, Recorder, Report, check, monotonic, read
from bench.load import COUNT
from cameras.simulator import Fault, SimulatedCamera, Simulator
from streaming.conf import Timing
from streaming.store.keys import SERVER_SET
from tests.client import Session, Stream, eventually
from tests.servers import RedisServer, Site, Worker, make_template, site

VIEWERS = 25
CAMERAS = 3
ANSWER = 8.0  # seconds for a handshake; a paused worker gives none
INFO = 45.0  # seconds from the handshake to an answer: a pause and a grace
EXIT = 12.0  # seconds from SIGTERM to the end of a worker
RELEASED = 12.0  # seconds for the last cameras: one that lingers, and one that lingers because another follows it
GROWTH = 40  # descriptors that a worker may have more than when it was new: connections to Redis and the database
BETWEEN = (4.0, 10.0)  # seconds between two faults
BETWEEN_LOSSES = 40.0  # seconds between two losses of Redis's data: each has a grace
EXPECTED = re.compile(r"4429 limit_reached|4503 \w+|4409 slot_lost|1006 no answer|0 \w+")
UNEXPECTED = re.compile(
    r"A stream failed|The gate's (keeper|heartbeat) failed|The capture of camera|never retrieved|Task was destroyed"
)


@dataclass(frozen=True)
class Plan:
    """One fault: when (seconds from the start), what, to which worker or camera, for how many seconds."""

    at: float
    what: str
    target: int
    seconds: float


LOSSES = ("restart Redis empty", "restart Redis old", "empty Redis")
FAULTS = {  # name -> weight, shortest, longest in seconds
    "kill a worker": (3, 1, 4),
    "end a worker": (3, 0, 2),
    "pause a worker": (4, 2, 20),
    "restart Redis empty": (2, 0.5, 4),
    "restart Redis old": (2, 2, 20),  # with a snapshot of so many seconds before
    "empty Redis": (2, 0, 0),
    "forget the scripts": (1, 0, 0),
    "drop a camera's connections": (2, 0, 0),
    "silence a camera": (2, 2, 8),
}


def plan(chance: random.Random, seconds: float, workers: int) -> list[Plan]:
    faults: list[Plan] = []
    at, lost_at = chance.uniform(*BETWEEN), 0.0
    while at < seconds:
        what = chance.choices(list(FAULTS), [weight for weight, *_ in FAULTS.values()])[0]
        if what in LOSSES and lost_at and at - lost_at < BETWEEN_LOSSES:
            what = "forget the scripts"
        elif what in LOSSES:
            lost_at = at
        _, shortest, longest = FAULTS[what]
        faults.append(
            Plan(
                at, what, chance.randrange(CAMERAS if "camera" in what else workers), chance.uniform(shortest, longest)
            )
        )
        at += chance.uniform(*BETWEEN)
    return faults


class Chaos:
    """Does what is planned. No worker has two faults at once, and one is always left alone."""

    def __init__(self, installation: Site, store: RedisServer, cameras: list[SimulatedCamera], recorder: Recorder):
        self._site, self._store, self._cameras, self._recorder = installation, store, cameras, recorder
        self.workers = list(installation.workers)
        self.descriptors = [descriptors(worker) for worker in self.workers]  # of each when it was new
        self.slowest_exit = 0.0
        self.violations: list[str] = []
        self.done: Counter[str] = Counter()
        self._busy = [asyncio.Lock() for _ in self.workers]
        self._few = asyncio.Semaphore(max(1, len(self.workers) - 1))
        self._redis = asyncio.Lock()

    async def run(self, faults: list[Plan]) -> None:
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(max(0, started + fault.at - time.monotonic()))
                group.create_task(self._do(fault))

    async def _do(self, fault: Plan) -> None:
        if fault.what.endswith("a worker"):
            async with self._busy[fault.target], self._few:
                self._note(fault)
                await self._hurt(fault)
        elif "camera" in fault.what:
            self._note(fault)
            await self._disturb(self._cameras[fault.target], fault)
        else:
            async with self._redis:
                self._note(fault)
                await self._shake(fault)

    def _note(self, fault: Plan) -> None:
        self.done[fault.what] += 1
        number = "" if "Redis" in fault.what or "scripts" in fault.what else f" {fault.target}"
        what = f"{fault.what}{number} ({fault.seconds:.1f} s)"
        self._recorder.add(Event("fault", time.monotonic(), reason=what))

    async def _hurt(self, fault: Plan) -> None:
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

    async def _disturb(self, camera: SimulatedCamera, fault: Plan) -> None:
        if fault.what.startswith("drop"):
            await asyncio.to_thread(camera.drop_connections)
        else:
            camera.fault = Fault.SILENT
            await asyncio.sleep(fault.seconds)
            camera.fault = Fault.NONE

    async def _shake(self, fault: Plan) -> None:
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


def connected(store: RedisServer) -> "redis.asyncio.Redis":
    return redis.asyncio.Redis.from_url(
        store.url, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0)
    )


def descriptors(worker: Worker) -> int:
    return int(psutil.Process(worker.process.popen.pid).num_fds())


class Crowd:
    """Viewers who come, try until they are in, stay a while and leave."""

    def __init__(self, chaos: Chaos, sessions: list[Session], cameras: list[str], recorder: Recorder, seed: str):
        self._chaos, self._sessions, self._cameras, self._recorder = chaos, sessions, cameras, recorder
        self._seed = seed
        self.over = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(VIEWERS):
                group.create_task(self._visit(number))

    def _add(
        self, event: str, viewer: str, worker: int | None = None, at: float | None = None, **facts: object
    ) -> None:
        moment = time.monotonic() if at is None else at
        self._recorder.add(Event(event, moment, viewer, "" if worker is None else str(worker), **facts))  # type: ignore[arg-type]

    async def _visit(self, number: int) -> None:
        chance, visits = random.Random(f"{self._seed}-{number}"), 0  # noqa: S311 - has to repeat
        while not self.over.is_set():
            await self._pause(chance.uniform(0, 8))
            visits += 1
            name, seconds = f"{number}.{visits}", chance.uniform(2, 40)
            self._add("wants", name)
            while not self.over.is_set() and not await self._try(name, seconds, chance):
                await self._pause(chance.uniform(0.3, 1.2))
            self._add("rests", name)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)

    async def _try(self, name: str, seconds: float, chance: random.Random) -> bool:
        """One opening; returns whether it became a viewing, which has ended then."""
        worker = chance.randrange(len(self._sessions))
        stream = Stream(self._sessions[worker], chance.choice(self._cameras), "?quality=low")
        try:
            async with asyncio.timeout(ANSWER):
                await stream.__aenter__()
        except (OSError, TimeoutError, WebSocketException) as error:
            self._add("refused", name, worker, code=0, reason=type(error).__name__)
            return False
        try:
            with contextlib.suppress(TimeoutError):
                await stream.until(_has_info_or_end, INFO)
            if not any(message["type"] == "info" for message in stream.messages):
                self._add("refused", name, worker, code=stream.close_code or 0, reason=_reason(stream) or "no answer")
                return False
            self._add("live", name, worker, monotonic(stream.last("info")["server_time"]))
            await self._watch(name, worker, stream, seconds)
            return True
        finally:
            await stream.close()

    async def _watch(self, name: str, worker: int, stream: Stream, seconds: float) -> None:
        ends, count = time.monotonic() + seconds, 0
        while stream.close_code is None and time.monotonic() < ends and not self.over.is_set():
            with contextlib.suppress(TimeoutError):
                await stream.until(lambda stream: stream.close_code is not None, 1)
            if stream.count > count:
                count = stream.count
                self._add_frame(name, worker, stream)
        await stream.close()
        if stream.count:
            self._add_frame(name, worker, stream)
        self._add("left", name, worker, code=stream.close_code, reason=_reason(stream))

    def _add_frame(self, name: str, worker: int, stream: Stream) -> None:
        picture = stream.pictures[-1]
        self._add("frame", name, worker, picture.arrived - picture.age / 1000)


def _has_info_or_end(stream: Stream) -> bool:
    return stream.close_code is not None or any(message["type"] == "info" for message in stream.messages)


def _reason(stream: Stream) -> str:
    return next((str(message["reason"]) for message in stream.messages if message["type"] == "error"), "")


async def observe(store: RedisServer, recorder: Recorder, limit: int) -> None:
    """Count the unexpired leases ten times a second, until cancelled."""
    while True:
        async with connected(store) as client:
            with contextlib.suppress(redis.RedisError, OSError):
                while True:
                    count = int(await client.eval(COUNT, 1, SERVER_SET))
                    recorder.add(Event("observed", time.monotonic(), count=count, limit=limit))
                    await asyncio.sleep(0.1)
        recorder.add(Event("observed", time.monotonic(), limit=limit))
        await asyncio.sleep(0.1)


@dataclass
class Ending:
    """What was left when all had gone."""

    full_again: bool = False  # in the calm after the last fault
    slots: int = 0
    free_after: float = 0.0  # seconds from the last viewer's leaving to no lease
    descriptors: tuple[tuple[int, int], ...] = ()  # of each worker, new and at the end
    cameras: int = 0  # connections that are still open


class Soak:
    """One run: crowd, faults, a calm, the end."""

    def __init__(self, options: argparse.Namespace, installation: Site, store: RedisServer, history: Path) -> None:
        self.options, self.site, self.store, self.history = options, installation, store, history
        self.timing = Timing(options.lease)
        self.ending = Ending()
        self.chaos: Chaos

    async def run(self, cameras: list[SimulatedCamera], ids: list[str]) -> None:
        session = Session(self.site.workers[0].base)
        sessions = [session.at(worker.base) for worker in self.site.workers]
        with Recorder(self.history) as recorder:
            self.chaos = Chaos(self.site, self.store, cameras, recorder)
            crowd = Crowd(self.chaos, sessions, ids, recorder, self.options.seed)
            watching = asyncio.create_task(observe(self.store, recorder, self.options.limit))
            visiting = asyncio.create_task(crowd.run())
            seconds = self.options.minutes * 60
            faults = plan(random.Random(self.options.seed), seconds, len(sessions))  # noqa: S311 - has to repeat
            async with asyncio.timeout(seconds + 180):
                await self._first_end(visiting, self.chaos.run(faults))
                await self._first_end(visiting, self._calm())
                crowd.over.set()
                await visiting
            await self._end(cameras)
            watching.cancel()

    @staticmethod
    async def _first_end(visiting: "asyncio.Task[None]", job: Awaitable[None]) -> None:
        """Wait for `job`; an error of the crowd ends it."""
        task = asyncio.ensure_future(job)
        await asyncio.wait([visiting, task], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await visiting
        await task

    async def _calm(self) -> None:
        """No fault any more: after a lease and a grace the house has to be full again."""
        await asyncio.sleep(self.timing.lease + self.timing.grace)
        self.ending.full_again = await self._becomes(self.options.limit, 10) is not None

    async def _end(self, cameras: list[SimulatedCamera]) -> None:
        after = await self._becomes(0, self.timing.lease + 1)
        self.ending.free_after = self.timing.lease + 1 if after is None else after
        self.ending.slots = await self._count()
        with contextlib.suppress(TimeoutError):
            await eventually(lambda: not any(camera.connections for camera in cameras), RELEASED)
        self.ending.cameras = sum(camera.connections for camera in cameras)
        now = [descriptors(worker) for worker in self.chaos.workers]
        self.ending.descriptors = tuple(zip(self.chaos.descriptors, now, strict=True))

    async def _becomes(self, count: int, seconds: float) -> float | None:
        """Seconds until so many leases are unexpired; None if that does not come in time."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            if await self._count() == count:
                return time.monotonic() - started
            await asyncio.sleep(0.05)
        return None

    async def _count(self) -> int:
        async with connected(self.store) as client:
            return int(await client.eval(COUNT, 1, SERVER_SET))

    # The judgement.

    def broken(self, report: Report, left: int) -> list[str]:
        ending, patience = self.ending, self.timing.lease + self.timing.grace
        logs = self.site.logs()
        promises = {
            f"a free slot waits {patience:g} s at most": report.slowest_admission <= patience,
            "the house is full again after the faults": ending.full_again,
            "no slot is held one lease after all have left": ending.slots == 0,
            f"a worker ends within {EXIT:g} s of SIGTERM": self.chaos.slowest_exit <= EXIT,
            "only refusals that the protocol knows": all(EXPECTED.fullmatch(code) for code in report.refusals),
            "the workers' descriptors do not grow": all(now - new <= GROWTH for new, now in ending.descriptors),
            "no camera is left open": ending.cameras == 0,
            "this process's descriptors do not grow": left <= 5,
            "no unexpected error in the logs": not UNEXPECTED.search(logs),
        }
        return report.violations + [f"broken: {promise}" for promise, kept in promises.items() if not kept]

    def table(self, report: Report, left: int) -> None:
        ending = self.ending
        rows: list[tuple[str, object]] = [
            ("admissions", report.admissions),
            *((f"refused {code}", times) for code, times in sorted(report.refusals.items())),
            *((f"ended {code}", times) for code, times in sorted(report.endings.items())),
            ("longest time from a free slot to an admission", f"{report.slowest_admission:.1f} s"),
            ("largest overlap of viewings", f"{report.largest_overlap} of {self.options.limit}"),
            ("largest count of unexpired leases", f"{report.largest_unexpired} of {self.options.limit}"),
            ("slots held after all had left", f"{ending.slots}, after {ending.free_after:.1f} s"),
            ("longest from SIGTERM to the end of a worker", f"{self.chaos.slowest_exit:.1f} s"),
            ("descriptors of the workers, new and at the end", ending.descriptors),
            ("descriptors of this process more than before", left),
            ("connections to cameras left", ending.cameras),
            *((f"fault: {what}", times) for what, times in sorted(self.chaos.done.items())),
            ("tracebacks in the workers' logs", self.site.logs().count("Traceback (most recent call last)")),
        ]
        for name, figure in rows:
            print(f"  {name:<50} {figure}")


def soak(options: argparse.Namespace, folder: Path) -> list[str]:
    for part in ("site", "template", "redis"):
        (folder / part).mkdir()
    settings = {"STREAM_MAX_CONCURRENT": str(options.limit), "STREAM_LEASE_SECONDS": str(options.lease)}
    template = make_template(folder / "template")
    before = psutil.Process().num_fds()
    with Simulator(port=0) as simulator, RedisServer(folder / "redis") as store:
        cameras = [
            simulator.add(SimulatedCamera(name=f"Camera {number}", path=f"c{number}", width=640, height=360, fps=10))
            for number in range(CAMERAS)
        ]
        with site(folder / "site", template, REDIS_URL=store.url, **settings) as installation:
            ids = [installation.add_camera(camera.name, camera.url) for camera in cameras]
            for _ in range(options.workers):
                installation.start_worker()
            run = Soak(options, installation, store, folder / "history.jsonl")
            asyncio.run(run.run(cameras, ids))
    left = psutil.Process().num_fds() - before
    report = check(read(run.history), options.limit)
    run.table(report, left)
    return run.broken(report, left)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--lease", type=float, default=15, help="STREAM_LEASE_SECONDS")
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--keep", action="store_true", help="keep the folder with history and logs")
    options = parser.parse_args()
    print(f"{VIEWERS} viewers, {options.workers} workers, {CAMERAS} cameras, {options.minutes:g} minutes")
    print(f"seed {options.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="nvr-soak-"))
    broken = soak(options, folder)
    for line in broken:
        print(f"  {line}")
    if broken or options.keep:
        print(f"  history and logs are in {folder}")
    else:
        shutil.rmtree(folder)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
