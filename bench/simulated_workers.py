"""Workers without sockets and cameras, which make the product's calls to Redis. Import it after `django.setup()`."""

import asyncio
import functools
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from streaming.conf import Timing
from streaming.gate.lease_scripts import LeaseScripts
from streaming.gate.leases import Holder, Slot
from streaming.gate.readings import open_generation
from streaming.limits.admission import rate_of, terms_of
from streaming.limits.policy import Policy
from streaming.limits.user_limits import UserLimits
from streaming.reports.camera_states import CameraStates
from streaming.reports.counters import Counters
from streaming.reports.pace import Pace
from streaming.reports.reporter import Reporter, ReportSource
from streaming.reports.traffic import WINDOW, Traffic
from streaming.store import scripts
from streaming.store.scripts import Store

TIMING = Timing(lease=300)  # no lease ends while another worker has its turn
CAMERAS_OF_A_WORKER = 32
FILLING = 10  # workers that fill Redis at once: on a busy machine more of them have waited for an answer too long


@dataclass
class Viewing:
    slot: Slot | None
    traffic: Traffic


class Worker:
    """A worker without sockets and cameras, which makes the product's calls to Redis."""

    def __init__(self, store: Store, number: int, cameras: int, policy: Policy) -> None:
        self.name, self.policy = f"host-{number}-4711-abcdef", policy
        self._cameras = [
            f"00000000-0000-4000-8000-{(number * 7 + n) % cameras:012}" for n in range(CAMERAS_OF_A_WORKER)
        ]
        self._started = time.time() * 1000
        self.scripts = LeaseScripts(store, store, TIMING, self.name)
        self.viewings: list[Viewing] = []
        self.counters, self.pace = Counters(), Pace()
        source = ReportSource(lambda: self.viewings, self._describe, lambda: policy)
        self.reporter = Reporter(
            store,
            self.name,
            self.counters,
            source,
            lambda version, orders: None,
            TIMING.lease,
            pace=self.pace,
        )
        self.store = store
        self.cameras = CameraStates(store)
        self._seconds = 0.0

    def new_viewer(self, number: int, policy: Policy) -> Slot:
        """Returns a new viewer's slot (right to stream), not granted yet. `number`: unique at this worker."""
        camera = self._cameras[number % len(self._cameras)]
        of_worker = f"{self.name}:{number:016}"
        holder = Holder(of_worker, f"Camera {camera[-4:]}", camera, "medium", of_worker, time.time() * 1000, of_worker)
        terms = terms_of(policy, UserLimits(0, False), holder, rate_of(camera, "medium"))
        return Slot(of_worker, holder, terms)

    async def admit(self, viewers: int) -> None:
        """Take slots (leases in Redis) for `viewers` viewers, without a bandwidth budget: filling Redis is not what is
        measured.
        """
        for number in range(viewers):
            slot = self.new_viewer(number, replace(self.policy, max_mbps=0))
            assert (await self.scripts.acquire(slot, reentry=False))[0] == "granted"
            self.viewings.append(Viewing(slot, Traffic(lambda: self._seconds)))

    def second(self) -> None:
        """Count what the viewers are sent in one second, ten frames each, for the worker's next report. Makes
        no call.
        """
        self._seconds += 1
        for viewing in self.viewings:
            if viewing.slot is not None:
                viewing.traffic.sent(_bytes_of(viewing.slot.holder.camera_id, self._seconds))
        self.counters.add("frames:jpeg", 10 * len(self.viewings))
        self.counters.add("bytes", 800_000 * len(self.viewings))
        self.reporter.sample()

    async def renew(self) -> None:
        slots = [viewing.slot for viewing in self.viewings if viewing.slot is not None]
        _, gone = await self.scripts.renew(slots)
        assert not gone

    def _describe(self) -> dict[str, Any]:
        cameras = {
            camera: {"state": "live", "viewers": 3, "frames_per_second": round(random.uniform(24.8, 25.2), 1)}  # noqa: S311
            for camera in self._cameras
        }
        return {"host": "host", "pid": 4711, "started": self._started, "cameras": cameras}


@functools.lru_cache(100_000)
def _bytes_of(camera: str, second: float) -> int:
    """Returns the bytes that each viewer of a camera gets in a second, at random but always the same."""
    return random.Random(f"{camera}:{second}").randrange(700_000, 900_000)  # noqa: S311 - not for security


CLOCK = "bench:clock"  # a list: seconds and microseconds, as TIME answers


@contextmanager
def simulated_time() -> Iterator[None]:
    """During the block, let the product's scripts in Redis read the time from the key `CLOCK`. Otherwise a slow run
    does more in a round than a site does in a second, such as recounts.
    """
    common, text = scripts.COMMON, scripts.COMMON.read_text()
    asked = "local time = redis.call('TIME')"
    assert asked in text
    with TemporaryDirectory(prefix="nvr-bench-") as folder:
        scripts.COMMON = Path(folder) / "common.lua"
        scripts.COMMON.write_text(text.replace(asked, f"local time = redis.call('LRANGE', '{CLOCK}', 0, 1)"))
        _forget_scripts()
        try:
            yield
        finally:
            scripts.COMMON = common
            _forget_scripts()


def _forget_scripts() -> None:
    scripts.source.cache_clear()
    scripts._digest.cache_clear()


async def pass_time(store: Store, seconds: float) -> None:
    """Advance the clock that the product's scripts read under `simulated_time`, by `seconds`."""
    now = await store.call("LRANGE", CLOCK, 0, 1)
    await set_time(store, int(now[0]) + int(now[1]) / 1_000_000 + seconds)


async def set_time(store: Store, seconds: float) -> None:
    """Set the clock that the product's scripts read under `simulated_time` to a Unix time."""
    await store.call("DEL", CLOCK)
    await store.call("RPUSH", CLOCK, int(seconds), int(seconds % 1 * 1_000_000))


@asynccontextmanager
async def site(url: str, workers: int, viewers: int, cameras: int, policy: Policy) -> AsyncIterator[list[Worker]]:
    """Empty the Redis at `url` and fill it with the leases of so many workers, with so many viewers each. Yields
    the workers, each after its first report. `cameras`: how many all workers have together. `policy`: the stream
    limits. Filling ignores its bandwidth budget, but later admissions do not. AssertionError: another limit is
    reached.
    """
    store = Store(url)
    await store.call("FLUSHALL", "ASYNC")
    await set_time(store, time.time())
    open_generation(url, 0)
    crew = [Worker(store, number, cameras, policy) for number in range(workers)]
    for several in (crew[start : start + FILLING] for start in range(0, workers, FILLING)):
        await asyncio.gather(*(worker.admit(viewers) for worker in several))
        for worker in several:
            for _ in range(WINDOW + 1):
                worker.second()
            await worker.reporter.send()
    yield crew
    await store.close()
