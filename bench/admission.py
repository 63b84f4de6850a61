"""The cost of the gate, which admits streams: an admission beside a bare INCR of Redis, and a viewer's wait for it.

    .venv/bin/python -m bench.admission --rounds 2000

The first part compares INCR through redis-py's client (as one would build a counter), INCR and an empty script on
the gate's own connection, and the gate's acquire, which admits a stream. This process makes these calls in turn to
its Redis over a Unix socket, so other load affects them equally. Both run on a core each, then on the same core,
because the time to wake up the other process affects the figures most. The second part times viewers at a worker.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import redis.asyncio

from bench.cameras import camera
from bench.clients import StreamClient
from bench.place import Serving, place
from bench.results import Results, arguments, p50_p95
from streaming.conf import Timing
from streaming.gate.leases import Holder, Limit, Rate, Terms
from streaming.gate.readings import open_generation, read_usage
from streaming.gate.slots import Gate
from streaming.store.keys import ADDRESS_SET, CAMERA_SET, SERVER_SET, USER_SET
from streaming.store.scripts import Argument, Store
from tests.servers import RedisServer

OF_IT = "of it, the call to Redis"
HELD = 100  # the most slots at once: each of ten users watches ten cameras
CORES = sorted(os.sched_getaffinity(0))
ROOM = 100_000  # of each limited set
TIMING = Timing(lease=15)
RATE = Rate("bench:medium", 7_000)


async def compare(url: str, rounds: int, cores: int, results: Results) -> None:
    """Time an admission, INCR and an empty script in turn, `rounds` times. Adds rows (microseconds) to `results`,
    without the first `HELD` rounds. The caller pins this process and Redis to `cores` cores; the rows just note it.
    """
    open_generation(url, 0)
    async with gate(url) as (store, ours):
        # One would build a counter with redis-py's client and its pool.
        client = redis.asyncio.Redis.from_url(url, decode_responses=True)
        empty = await client.script_load("return 1")
        incr, bare, script, acquire = list[float](), list[float](), list[float](), list[float]()
        for start in range(0, rounds, HELD):
            async with AsyncExitStack() as slots:
                for number in range(min(HELD, rounds - start)):
                    before = time.perf_counter()
                    await client.incr("bench")
                    incr.append(time.perf_counter() - before)
                    before = time.perf_counter()
                    await store.call("INCR", "bench")
                    bare.append(time.perf_counter() - before)
                    before = time.perf_counter()
                    await store.call("EVALSHA", empty, 0)
                    script.append(time.perf_counter() - before)
                    slot = ours.slot(*new_viewer(number), _no_wait)
                    before = time.perf_counter()
                    await slot.__aenter__()
                    acquire.append(time.perf_counter() - before)
                    slots.push_async_exit(slot)
            while (await read_usage(store)).holders:  # noqa: ASYNC110 - the keeper sends no event
                await asyncio.sleep(0.01)
    base = p50_p95("us", [value * 1e6 for value in incr[HELD:]])
    for what, values in (
        ("INCR", incr),
        ("INCR, on the gate's connection", bare),
        ("an empty script, on the gate's connection", script),
        ("the gate's acquire", acquire),
        (OF_IT, store.calls),
    ):
        row = p50_p95("us", [value * 1e6 for value in values[HELD:]])  # the first calls warm the connection
        ratio = float(str(row["us_p50"])) / float(str(base["us_p50"]))
        results.add(what=what, cores=cores, rounds=len(values) - HELD, **row, ratio=ratio)


def new_viewer(number: int) -> tuple[Holder, Terms]:
    """Returns viewer number `number` (from 0, below `HELD`) and the limits for their admission: those that are checked
    by default, never reached here.
    """
    user, camera = f"user {number % 10}", f"camera {number // 10}"
    sets = SERVER_SET, USER_SET + user, CAMERA_SET + camera, ADDRESS_SET + user
    limits = tuple(map(Limit, sets, (ROOM, 0, 0, ROOM)))
    return Holder(user, camera, camera, "medium", user, time.time() * 1000), Terms(limits, RATE)


class TimedStore(Store):
    """A connection to Redis that records in `calls` the seconds of each call that admits a stream. The rest of an
    admission is the gate's own work.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.calls: list[float] = []

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        before = time.perf_counter()
        answer = await super().run(script, keys, arguments)
        if script == "gate/acquire":
            self.calls.append(time.perf_counter() - before)
        return answer


@asynccontextmanager
async def gate(url: str) -> AsyncIterator[tuple[TimedStore, Gate]]:
    """Yields a connection to Redis, and a running gate (what admits a worker's streams) that uses it."""
    store = TimedStore(url)
    ours = Gate(store, TIMING, "bench")
    ours.start()
    yield store, ours
    await ours.stop(2)
    await store.close()


async def _no_wait(seconds: float) -> None:
    raise AssertionError("an open gate makes no viewer wait")


async def seen_by_a_viewer(serving: Serving, rounds: int, results: Results) -> None:
    """Measure the time from a viewer's opening to their admission: TCP, handshake, session, permission, the query
    for the camera and the gate. Each of `rounds` viewers leaves after a picture. Adds a row to `results`.
    """
    running = await (await StreamClient(serving.watch("low")).open()).picture()
    waits = []
    for _ in range(rounds):
        viewer = await (await StreamClient(serving.watch("low")).open()).picture()
        waits.append((viewer.record.informed - viewer.record.opened) * 1e6)
        await viewer.close()
    await running.close()
    results.add(what="a viewer's handshake and admission", rounds=rounds, **p50_p95("us", waits))


@contextmanager
def pinned(redis: int, cores: int) -> Iterator[None]:
    """Pin this process (for the block) and Redis (a process id; for good) to `cores` cores: 1, or 2, one each."""
    os.sched_setaffinity(0, CORES[:1])
    os.sched_setaffinity(redis, CORES[cores - 1 : cores])
    yield
    os.sched_setaffinity(0, CORES)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=3000)
    parser.add_argument("--viewers", type=int, default=100, help="whose handshakes are timed")
    options = parser.parse_args()
    with Results("admission", options.results) as results:
        with (
            results.attempt("the gate"),
            tempfile.TemporaryDirectory(prefix="nvr-bench-") as name,
            RedisServer(Path(name)) as server,
        ):
            assert server.process is not None
            for cores in sorted({1, len(CORES[:2])}, reverse=True):
                with pinned(server.process.popen.pid, cores):
                    asyncio.run(compare(server.url, options.rounds + HELD, cores, results))
        with results.attempt("a viewer"), place(camera()) as installation, installation.worker() as serving:
            asyncio.run(seen_by_a_viewer(serving, options.viewers, results))


if __name__ == "__main__":
    main()
