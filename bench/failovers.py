"""The stream limit during Redis failovers: Sentinels replace the master each half minute, while viewers come and go.

    .venv/bin/python -m bench.failovers --minutes 10

Workers, Redis and Sentinels are real processes. The master is killed, replaced on request, and paused, in turn. Redis
and Sentinel have the settings of docs/operating.md. Promises: never more viewers than the limit, the limit is reached,
and no stream ends by itself. Exit code 1 if one was broken.
"""

import argparse
import asyncio
import contextlib
import itertools
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from websockets.exceptions import WebSocketException

from cameras.simulator import SimulatedCamera, Simulator
from tests.client import Session, Stream
from tests.databases import make_template
from tests.sentinels import SentinelSet
from tests.servers import Site, site

LIMIT, STEADY, VISITORS, WORKERS = 10, 6, 12, 2
WAYS = ("killed", "requested", "paused")
EVERY = 30.0  # seconds from one failover to the next
AWAY = 8.0  # seconds for which a master that was killed or paused is away: longer than a failover takes
INFO = 30.0  # seconds from the handshake to an answer: a grace, and more on a busy machine
SERVERS = {"min-replicas-to-write": "1", "min-replicas-max-lag": "2"}
DOWN_AFTER_MS = 4000


class Audience:
    """Viewers of one camera. Some stay until `over` is set, others come and go. Counts their admissions, refusals,
    the streams that ended by themselves, and the most at once. `sessions`: one at each worker; `camera`: its id.
    """

    def __init__(self, sessions: list[Session], camera: str) -> None:
        self._sessions, self._camera = sessions, camera
        self._watching: list[Stream] = []
        self.most = self.visits = 0
        self.refusals: Counter[str] = Counter()
        self.endings: Counter[str] = Counter()  # of streams that nobody ended
        self.over = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(STEADY + VISITORS):
                group.create_task(self._visit(number))

    async def _visit(self, number: int) -> None:
        session = self._sessions[number % len(self._sessions)]
        if number >= STEADY:
            await asyncio.sleep(2)  # those who stay come first
        while not self.over.is_set():
            stream = Stream(session, self._camera, "?quality=low")
            with contextlib.suppress(OSError, TimeoutError, WebSocketException):
                async with stream:
                    await stream.until(lambda stream: stream.is_answered, INFO)
                    if stream.close_code is None:
                        await self._watch(stream, None if number < STEADY else random.uniform(2, 20))  # noqa: S311
                    else:
                        self.refusals[_ending(stream)] += 1
            await self._pause(random.uniform(0.3, 1.2))  # noqa: S311

    async def _watch(self, stream: Stream, seconds: float | None) -> None:
        self._watching.append(stream)
        self.visits += 1
        self.most = max(self.most, sum(each.close_code is None for each in self._watching))
        came = time.monotonic()
        ended, over = asyncio.create_task(stream.ended(10**6)), asyncio.create_task(self.over.wait())
        await asyncio.wait([ended, over], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if stream.close_code is not None:
            self.endings[_ending(stream)] += 1
            age = time.monotonic() - came
            print(f"  {time.strftime('%X')} ended by itself after {age:.1f} s: {_ending(stream)}", flush=True)
        for task in (ended, over):
            task.cancel()
        self._watching.remove(stream)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)


def _ending(stream: Stream) -> str:
    return f"{stream.close_code} {stream.reason}"


def fail_over(sentinels: SentinelSet, how: str) -> float:
    """Kill or pause the Redis master, or ask Sentinel to replace it (`how`: one of `WAYS`). Returns the seconds
    until another server was master. On return, a killed or paused server runs again, after `AWAY` s or more.
    """
    started, before = time.monotonic(), sentinels.master()
    if how == "requested":
        sentinels.fail_over()
        return time.monotonic() - started
    process = sentinels.process(before)
    process.signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    seconds = sentinels.wait_for_another(before)
    time.sleep(max(0, AWAY - seconds))
    if how == "killed":
        process.wait(5)
        sentinels.start_server(before, sentinels.master())
    else:
        process.signal(signal.SIGCONT)
    return seconds


async def watch(
    installation: Site, sentinels: SentinelSet, camera: str, options: argparse.Namespace
) -> tuple[Audience, list[float]]:
    """Let viewers watch `camera` (an id) for `options.minutes`, with a failover each `EVERY` seconds, in the ways
    `options.ways` in turn. Returns the viewers with their counts, and the seconds that each failover took.
    """
    session = Session(installation.workers[0].base)
    audience = Audience([session.at(worker.base) for worker in installation.workers], camera)
    visiting = asyncio.create_task(audience.run())
    took: list[float] = []
    ends, ways = time.monotonic() + options.minutes * 60, itertools.cycle(options.ways)
    while (left := ends - time.monotonic()) > EVERY:
        await asyncio.sleep(EVERY - (AWAY if took else 0))
        how = next(ways)
        took.append(await asyncio.to_thread(fail_over, sentinels, how))
        print(f"  {time.strftime('%X')} {how}: {took[-1]:.1f} s", flush=True)
    await asyncio.sleep(max(0, left))
    audience.over.set()
    await visiting
    return audience, took


@contextlib.contextmanager
def installed(folder: Path, camera: SimulatedCamera) -> Iterator[tuple[Site, SentinelSet, str]]:
    """Run the product's workers with Redis servers under Sentinel. Yields the installation, the servers, and the
    camera's id.
    """
    for part in ("site", "template", "redis"):
        (folder / part).mkdir()
    template = make_template(folder / "template")
    with SentinelSet(folder / "redis", replicas=2, down_after_ms=DOWN_AFTER_MS, flags=SERVERS) as sentinels:
        settings = {"REDIS_URL": sentinels.url, "STREAM_MAX_CONCURRENT": str(LIMIT)}
        with site(folder / "site", template, **settings) as installation:
            id = installation.add_camera(camera.name, camera.url)
            for _ in range(WORKERS):
                installation.start_worker()
            yield installation, sentinels, id


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nvr-failovers-") as folder, Simulator(port=0) as simulator:
        camera = simulator.add(SimulatedCamera(name="Yard", path="yard", width=320, height=180, fps=5))
        with installed(Path(folder), camera) as (installation, sentinels, id):
            audience, took = asyncio.run(watch(installation, sentinels, id, options))
            tracebacks = installation.logs().count("Traceback (most recent call last)")
    print(f"  failovers: {len(took)}, the slowest {max(took, default=0):.1f} s")
    print(f"  viewings: {audience.visits}, most at once {audience.most} of {LIMIT}")
    print(
        f"  refused: {dict(audience.refusals)}; ended by themselves: {dict(audience.endings)}; tracebacks: {tracebacks}"
    )
    promises = {
        "never above the limit": audience.most <= LIMIT,
        "no stream ends by itself": not audience.endings,
        "the limit is reached": audience.most == LIMIT,
    }
    broken = [promise for promise, kept in promises.items() if not kept]
    sys.exit(f"broken: {', '.join(broken)}" if broken else 0)


if __name__ == "__main__":
    main()
