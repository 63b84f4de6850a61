"""Many viewers of one camera on one worker: frames/s each, CPU per delivered frame, age of a picture on arrival.

    .venv/bin/python -m bench.viewers --viewers 20 --quality medium --seconds 15

CPU is the worker's own, from the kernel's accounting, so a busy machine changes it little. The age is read off the clock
strip in the picture: from the camera's drawing to the viewer's socket, encoder, RTP and decoder included.
"""

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from cameras.simulator import SimulatedCamera, Simulator
from tests.client import Session, Stream
from tests.servers import Site, make_template, site

SAMPLE = 10  # every tenth picture is decoded for its clock


async def watch(stream: Stream, seconds: float, ages: list[float]) -> float:
    """Frames/s that `stream` receives during `seconds`; adds the ages in milliseconds that it reads to `ages`."""
    before, until, seen = stream.count, time.monotonic() + seconds, stream.count
    started = time.monotonic()
    while time.monotonic() < until:
        await stream.until(lambda stream, seen=seen: stream.count > seen)  # type: ignore[misc]
        if stream.count // SAMPLE > seen // SAMPLE:
            picture = stream.pictures[-1]
            arrived = time.time() * 1000 - (time.monotonic() - picture.arrived) * 1000
            age = await asyncio.to_thread(picture.clock_age, arrived)
            ages.extend([] if age is None else [age])
        seen = stream.count
    return (stream.count - before) / (time.monotonic() - started)


async def measure(installation: Site, camera: SimulatedCamera, options: argparse.Namespace) -> None:
    worker = installation.start_worker(STREAM_MAX_CONCURRENT=str(options.viewers))
    id = installation.add_camera("Bench", camera.url)
    session = Session(worker.base)
    process = psutil.Process(worker.process.popen.pid)
    idle = process.memory_info().rss
    streams = [Stream(session, id, f"?quality={options.quality}&formats=jpeg,h264") for _ in range(options.viewers)]
    await asyncio.gather(*(stream.__aenter__() for stream in streams))
    await asyncio.gather(*(stream.live() for stream in streams))
    await asyncio.sleep(2)  # past the openings
    before, started = process.cpu_times(), time.monotonic()
    delivered = sum(stream.count for stream in streams)
    ages: list[float] = []
    rates = await asyncio.gather(*(watch(stream, options.seconds, ages) for stream in streams))
    after, delivered = process.cpu_times(), sum(stream.count for stream in streams) - delivered
    cpu = after.user + after.system - before.user - before.system
    memory = process.memory_info().rss
    await asyncio.gather(*(stream.close() for stream in streams))
    ages.sort()
    print(f"{options.viewers} viewers of one {camera.width}x{camera.height} camera at {options.quality}, one worker")
    print(f"  frames/s of a viewer    least {min(rates):.2f}   median {statistics.median(rates):.2f}")
    print(f"  CPU of a delivered frame      {cpu * 1000 / delivered:.2f} ms ({delivered} frames)")
    print(f"  CPU of the worker             {cpu / (time.monotonic() - started) * 100:.0f} % of a core")
    late = ages[int(len(ages) * 0.95)]
    print(f"  age on arrival          median {statistics.median(ages):.0f} ms   95th percentile {late:.0f} ms")
    print(f"  memory of a viewer            {(memory - idle) / options.viewers / 1e6:.2f} MB, the camera included")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--quality", default="medium")
    parser.add_argument("--seconds", type=float, default=15)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="nvr-bench-") as name:
        (folder := Path(name, "site")).mkdir()
        (template := Path(name, "template")).mkdir()
        with Simulator(port=0) as simulator, site(folder, make_template(template)) as installation:
            camera = simulator.add(SimulatedCamera(name="Bench", path="bench", width=1280, height=720, fps=25))
            asyncio.run(measure(installation, camera, options))


if __name__ == "__main__":
    main()
