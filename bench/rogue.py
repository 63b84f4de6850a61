"""Rogue cameras beside healthy ones: do they crash a worker, fill its memory, reach other hosts or disturb viewers?

    .venv/bin/python -m bench.rogue --minutes 30

Viewers and requests for stills repeat all modes (ways to misbehave) of `bench/rogue_camera.py`. Meanwhile others
watch healthy cameras, and a probe opens a stream each second. Exit code 1 if a promise of `bench/rogue_findings.py`
does not hold. `--once` runs each mode a single time, `--modes` chooses some. `--at-once 1` runs one mode at a time
and requests no stills. Only then does the memory printed for a mode exclude that of other modes.
"""

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bench.cameras import Cameras, camera
from bench.clients import Watch
from bench.counting_viewer import CountingViewer
from bench.meter import Meter
from bench.rogue_camera import RogueCamera, modes
from bench.rogue_findings import Findings, of_workers, plain, promises, table
from tests.client import Session
from tests.databases import make_template
from tests.servers import RedisServer, Site, Worker, site

HEALTHY = 4  # cameras
QUALITIES = ("original", "medium")
SETTINGS = {"STREAM_MAX_CONCURRENT": "100", "STREAM_MAX_PER_USER": "100", "STREAM_FIRST_FRAME_SECONDS": "6"}
ANSWER = 5.0  # seconds for the gate
STILLS = 2  # pollers


class Trial:
    """One run of rogue (misbehaving) cameras beside the `healthy` ones, at an installation that is running. `healthy`:
    ids of cameras. `options`: of the command line.
    """

    def __init__(self, options: argparse.Namespace, place: Site, store: RedisServer, healthy: list[str]) -> None:
        self.options, self.site, self.healthy = options, place, healthy
        self.ids: dict[str, str] = {}  # mode -> camera
        assert store.process is not None
        names = {f"worker {number}": worker for number, worker in enumerate(place.workers)}
        self.meters = {name: Meter(worker.process.popen.pid) for name, worker in names.items()}
        self.meters["redis"] = Meter(store.process.popen.pid)
        self.findings = Findings()
        self._active: dict[str, float] = {}  # mode -> MB of the workers when its viewing began
        self._used = 0.0
        self._session = Session(place.workers[0].base)
        self._workers = itertools.cycle(place.workers)
        self._over = asyncio.Event()

    async def run(self, rogue: RogueCamera) -> Findings:
        self.ids = {mode: self.site.add_camera(mode, rogue.address(mode)) for mode in self.options.modes}
        watching = [await self._open(id, quality) for id in self.healthy for quality in QUALITIES]
        for viewer in watching:
            await viewer.picture()
        await asyncio.sleep(self.options.settle)
        for viewer in watching:
            viewer.count_from_now()
        self.findings.before = await self._memory()
        self._used = of_workers(self.findings.before)
        tasks = [asyncio.create_task(job) for job in (self._sample(), self._probe())]
        await self._disturb()
        await asyncio.sleep(self.options.calm)
        self._over.set()
        await asyncio.gather(*tasks)
        self.findings.after = await self._memory()
        self._judge(watching)
        self.findings.touched = rogue.touched()
        for viewer in watching:
            await viewer.close()
        return self.findings

    async def _disturb(self) -> None:
        """Watch the rogue cameras and ask for their stills until the time is over or a worker has crashed; with
        `--once`, until each mode (way to misbehave) has run once.
        """
        ends = time.monotonic() + self.options.minutes * 60
        chosen = self.options.modes
        queue = iter(chosen) if self.options.once else itertools.cycle(chosen)
        stills = itertools.cycle(chosen)
        viewing = [asyncio.create_task(self._view(queue, ends)) for _ in range(self.options.at_once)]
        polling = [asyncio.create_task(self._poll(stills)) for _ in range(STILLS if self.options.at_once > 1 else 0)]
        await asyncio.gather(*viewing)
        for task in polling:
            task.cancel()
        await asyncio.gather(*polling, return_exceptions=True)

    async def _view(self, queue: Iterator[str], ends: float) -> None:
        for mode in queue:
            if self.findings.crashed or (not self.options.once and time.monotonic() > ends):
                return
            self._active[mode] = self._used
            found = self.findings.modes[mode]
            found.viewings += 1
            with suppress(OSError):
                viewer = await self._open(self.ids[mode], QUALITIES[found.viewings % 2])
                with suppress(TimeoutError):
                    await asyncio.wait_for(viewer.gone.wait(), self.options.viewing)
                found.pictures += viewer.frames
                found.ended.add(viewer.record.ended or "watched on")
                await viewer.close()
            if self.options.at_once == 1:
                await asyncio.sleep(self.options.linger)
            self._active.pop(mode, None)

    async def _poll(self, queue: Iterator[str]) -> None:
        for mode in queue:
            status = await asyncio.to_thread(self._still, mode)
            self.findings.modes[mode].stills += status == 200

    def _still(self, mode: str) -> int:
        session = self._session.at(next(self._workers).base)
        with suppress(OSError):
            return session.get(f"/api/v1/cameras/{self.ids[mode]}/stream/snapshot?quality=low")[0]
        return 0

    async def _open(self, id: str, quality: str, worker: Worker | None = None) -> CountingViewer:
        path = f"/api/v1/cameras/{id}/stream?quality={quality}&formats=jpeg,h264"
        base = (worker or next(self._workers)).base
        return await CountingViewer(Watch(base, path, self._session.cookie)).open()

    async def _probe(self) -> None:
        """Open a stream of a healthy camera each second, at the workers in turn, and close it when it is admitted or
        refused. Records failures and the slowest answer.
        """
        for worker in itertools.cycle(self.site.workers):
            if self._over.is_set():
                return
            self.findings.probes += 1
            started = time.monotonic()
            try:
                async with asyncio.timeout(ANSWER):
                    viewer = await self._open(self.healthy[0], "low", worker)
                    await viewer.answered.wait()
                    self._note_answer(viewer, time.monotonic() - started)
                    await viewer.close()
            except (OSError, TimeoutError) as error:
                self.findings.failed_probes.append(type(error).__name__)
            await asyncio.sleep(max(0.0, started + 1 - time.monotonic()))

    def _note_answer(self, viewer: CountingViewer, seconds: float) -> None:
        self.findings.slowest_probe = max(self.findings.slowest_probe, seconds)
        if not viewer.is_admitted:
            self.findings.failed_probes.append(viewer.record.ended)

    async def _sample(self) -> None:
        """Record the peak memory of each process, read twice a second, and the first worker that has crashed."""
        while not self._over.is_set():
            for number, worker in enumerate(self.site.workers):
                code = worker.process.popen.poll()
                if code is not None and not self.findings.crashed:
                    self.findings.crashed.append(f"worker {number}: exit code {code} while {', '.join(self._active)}")
            memory = await self._memory()
            for name, size in memory.items():
                self.findings.peak[name] = max(size, self.findings.peak.get(name, 0.0))
            self._used = of_workers(memory)
            for mode, used in self._active.items():
                found = self.findings.modes[mode]
                found.memory = max(found.memory, self._used - used)
            await asyncio.sleep(0.5)

    async def _memory(self) -> dict[str, float]:
        sizes: dict[str, float] = {}
        for name, meter in self.meters.items():
            with suppress(OSError, LookupError):
                sizes[name] = await asyncio.to_thread(meter.memory)
        return sizes

    def _judge(self, watching: list[CountingViewer]) -> None:
        findings = self.findings
        findings.longest_gap = max(viewer.longest_gap for viewer in watching)
        findings.healthy_pictures = min(viewer.frames for viewer in watching)
        findings.lost_viewers = [viewer.record.ended for viewer in watching if viewer.gone.is_set()]


def trial(options: argparse.Namespace, folder: Path) -> Findings:
    """Run cameras, Redis and workers in `folder`, and the whole test on them. Returns the findings."""
    for part in ("site", "template", "redis"):
        (folder / part).mkdir()
    template = make_template(folder / "template")
    healthy = [camera(f"healthy{number}", width=640, height=360) for number in range(options.healthy)]
    bounds = round(options.cap_mb * 1e6), options.mb_per_second * 1e6
    with (
        Cameras(*healthy) as on_air,
        RogueCamera(*bounds) as rogue,
        RedisServer(folder / "redis") as store,
        site(folder / "site", template, REDIS_URL=store.url, **SETTINGS) as installation,
    ):
        ids = [installation.add_camera(url.rpartition("/")[2], url) for url in on_air.urls]
        for _ in range(options.workers):
            installation.start_worker()
        return asyncio.run(Trial(options, installation, store, ids).run(rogue))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--once", action="store_true", help="each mode a single time")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--healthy", type=int, default=HEALTHY, help="healthy cameras, each with a viewer of two qualities"
    )
    parser.add_argument("--at-once", type=int, default=6, help="rogue viewers")
    parser.add_argument("--viewing", type=float, default=12, help="seconds that a rogue camera is watched at most")
    parser.add_argument("--linger", type=float, default=0, help="seconds between two modes, with --at-once 1")
    parser.add_argument("--settle", type=float, default=10, help="seconds for the healthy viewers alone, at first")
    parser.add_argument("--calm", type=float, default=30, help="seconds between the last rogue viewer and the end")
    parser.add_argument("--cap-mb", type=float, default=1_000, help="of a rogue camera's connection")
    parser.add_argument("--mb-per-second", type=float, default=40, help="of all rogue cameras")
    parser.add_argument("--modes", nargs="+", default=modes(), choices=modes(), metavar="MODE")
    parser.add_argument("--json", type=Path, help="file for the promises and the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nvr-rogue-") as name:
        findings = trial(options, Path(name))
    kept = promises(findings)
    table(findings)
    for promise, is_kept in kept.items():
        print(f"  {'PASS' if is_kept else 'FAIL'}  {promise}")
    if options.json:
        options.json.write_text(json.dumps({"promises": kept, **vars(findings)}, default=plain, indent=1))
    sys.exit(0 if all(kept.values()) else 1)


if __name__ == "__main__":
    main()
