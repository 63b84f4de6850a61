"""Runs `bench.soak`: the stream limit under random faults. Exit code 1 if the limit, or anything else, did not hold.

    .venv/bin/python -m bench.soak --minutes 10 --limit 10 --workers 3

The seed decides viewers and faults. `--seed` repeats a run, as far as the machine allows.
"""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

import psutil

from bench.history import check, read
from bench.soak.run import SoakRun
from bench.soak.verdict import broken, print_table
from bench.soak.visitors import VIEWERS
from bench.turns import check_turns
from cameras.simulator import SimulatedCamera, Simulator
from tests.databases import make_template
from tests.servers import RedisServer, site

CAMERAS = 3


def soak(options: argparse.Namespace, folder: Path) -> list[str]:
    """Run the test once in `folder` and print the figures. Returns a line for each violation of the limit or the line's
    order, and each broken promise.
    """
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
            run = SoakRun(options, installation, store, folder / "history.jsonl")
            asyncio.run(run.run(cameras, ids))
    left = psutil.Process().num_fds() - before
    report, turns = check(read(run.history), options.limit), check_turns(read(run.history))
    print_table(run, report, turns, left)
    return broken(run, report, turns, left)


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
    failures = soak(options, folder)
    for line in failures:
        print(f"  {line}")
    if failures or options.keep:
        print(f"  history and logs are in {folder}")
    else:
        shutil.rmtree(folder)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
