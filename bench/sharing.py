"""The cost of one worker reading a camera for all workers: age of the pictures, CPU of Redis and of the workers.

    .venv/bin/python -m bench.sharing --seconds 20

Two workers with a viewer of `original` each, in one run: first with the camera shared, then with a connection each.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from bench.meter import Meter
from cameras.simulator import SimulatedCamera, Simulator
from tests.client import Session, Stream
from tests.databases import make_template
from tests.servers import RedisServer, Worker, site

ORIGINAL = "?quality=original&formats=jpeg,h264"


async def ages_of(stream: Stream, seconds: float) -> list[float]:
    """Watch for `seconds`. Returns the milliseconds from the worker's reading of each picture off the camera to its
    arrival at the viewer.
    """
    ages: list[float] = []
    until, seen = time.monotonic() + seconds, stream.count
    while time.monotonic() < until:
        await stream.until(lambda stream, seen=seen: stream.count > seen)  # type: ignore[misc]
        seen = stream.count
        ages.append(stream.pictures[-1].age)
    return ages


async def measure(workers: list[Worker], camera: str, redis: RedisServer, seconds: float) -> list[str]:
    """Watch `camera` (an id) at two workers for `seconds`. Returns lines of text: the age of the pictures, and the CPU
    per picture of each worker and of Redis.
    """
    first = Session(workers[0].base)
    async with Stream(first, camera, ORIGINAL) as one, Stream(first.at(workers[1].base), camera, ORIGINAL) as two:
        await one.live()
        await two.live()
        await asyncio.sleep(2)
        assert redis.process is not None
        meters = [Meter(each.popen.pid) for each in (redis.process, *(worker.process for worker in workers))]
        before = [meter.cpu() for meter in meters]
        ages = await asyncio.gather(ages_of(one, seconds), ages_of(two, seconds))
        of_redis, *of_workers = (meter.cpu() - was for meter, was in zip(meters, before, strict=True))
    rows = []
    for name, some, cpu in zip(("first worker ", "second worker"), ages, of_workers, strict=True):
        age, cost = statistics.median(some), cpu / len(some) * 1000
        rows.append(f"{name}: median age since the reading {age:.1f} ms, worker's CPU {cost:.2f} ms a picture")
    return [*rows, f"Redis: {of_redis / len(ages[0]) * 1000:.3f} ms of CPU a picture of the camera"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder, Simulator(port=0) as simulator:
        root = Path(folder)
        (root / "template").mkdir()
        template = make_template(root / "template")
        camera = simulator.add(SimulatedCamera("Yard", "yard", 1280, 720, fps=25))
        for share in ("on", "off"):
            for name in (share, f"redis-{share}"):
                (root / name).mkdir()
            with (
                RedisServer(root / f"redis-{share}") as redis,
                site(root / share, template, REDIS_URL=redis.url) as installation,
            ):
                id = installation.add_camera("Yard", camera.url)
                workers = [installation.start_worker(STREAM_SHARE_CAMERAS=share) for _ in range(2)]
                rows = asyncio.run(measure(workers, id, redis, seconds))
            print(f"STREAM_SHARE_CAMERAS={share}", *rows, sep="\n    ", flush=True)


if __name__ == "__main__":
    main()
