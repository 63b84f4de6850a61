"""The age of pictures, the first picture and the cost, beside go2rtc and a reader that is as fast as possible.

    GO2RTC=/path/to/go2rtc .venv/bin/python -m bench.freshness

That reader ends each picture at RTP's marker bit. Without go2rtc's program its rows are left out. All figures are
of the quality `original`. A run measures in turn: the ages side by side, for a camera of each of `RATES`; the first
pictures of these cameras; the cost of the first camera with more and more viewers; the cost of many small cameras.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench import go2rtc
from bench.cameras import camera
from bench.clients import CLIENTS, Watch
from bench.crowd import Crowd
from bench.meter import Meter
from bench.pictures import ages, drawn_at
from bench.place import Place, place
from bench.readers import reading, seen
from bench.results import NotInstalledError, Results, Row, arguments, p50_p95
from bench.viewers import SETTLE, cost, watched
from streaming import conf

RATES = (25, 15, 5)  # frames/s
VIEWERS = (1, 20, 100)
WALL = 16  # cameras of 640x360 at 15 frames/s
OURS, THEIRS, MARKER = "original", "go2rtc", "marker reader"

Programs = dict[str, Callable[[], Any]]  # name -> a context manager of a meter and a viewer's request for each camera


def programs(installation: Place, cameras: Sequence[int], path: str) -> Programs:
    """Returns `OURS` (this product) and `THEIRS` (go2rtc) -> a function that returns a context manager. It runs the
    program for `cameras` (indexes), and yields its meter and the request of a viewer for each camera. `path`:
    go2rtc's program. Without it, go2rtc's context manager raises NotInstalledError.
    """

    @contextmanager
    def ours() -> Iterator[tuple[Meter, list[Watch]]]:
        with installation.worker() as serving:
            yield serving.meter, [serving.watch("original", number) for number in cameras]

    urls = [installation.urls[number] for number in cameras]
    return {OURS: ours, THEIRS: lambda: go2rtc.serving(path, urls, installation.site.folder)}


def side_by_side(installation: Place, number: int, path: str, seconds: float) -> Iterator[Row]:
    """Measure the ages of one camera's pictures in the same `seconds`: at a reader that ends pictures at RTP's marker
    bit, and at a viewer of each program. Yields a row for each. `number`: index of the camera; `path`: go2rtc's
    program.
    """
    output = installation.site.folder / f"marker-{number}.txt"
    with ExitStack() as stack:
        stack.enter_context(reading("marker", installation.urls[number], output))
        crowds = {}
        for name, opened in programs(installation, [number], path).items():
            try:
                meter, (watch,) = stack.enter_context(opened())
            except NotInstalledError:
                continue
            kept = Watch(watch.base, watch.path, watch.cookie, watch.kind, keeps=True)
            crowds[name] = meter, stack.enter_context(Crowd([kept]))
        time.sleep(SETTLE)
        window = crowds[OURS][0].window(seconds)
        records = {name: crowd.stop()[0] for name, (_, crowd) in crowds.items()}
    started, ended = window.started * 1000, window.ended * 1000
    marked = [arrived - drawn for arrived, drawn in seen(output) if started <= arrived < ended]
    yield {"what": MARKER, **p50_p95("age_ms", marked), "busy": window.busy}
    ours = records[OURS]
    yield {"what": OURS, **p50_p95("age_ms", ages([ours], window, drawn_at(ours.kept))), "busy": window.busy}
    if THEIRS in records:
        found = go2rtc.ages(records[THEIRS], records[THEIRS].between(window.started, window.ended))
        yield {"what": THEIRS, **p50_p95("age_ms", found), "busy": window.busy}


async def cold(watch: Watch, repetitions: int) -> list[float]:
    """Open a camera without viewers `repetitions` times. Returns the milliseconds to the first picture of each."""
    waits = []
    for repetition in range(repetitions):
        viewer = await (await CLIENTS[watch.kind](watch).open()).picture()
        waits.append((viewer.record.first - viewer.record.opened) * 1000)
        await asyncio.sleep(0 if repetition else 3)  # the first one lasts until the camera is known
        await viewer.close()
        await asyncio.sleep(conf.LINGER + 1)
    return waits


def first_pictures(opened: Callable[[], Any], repetitions: int) -> Row:
    """Returns a row with the milliseconds to the first picture of a camera without viewers: of the first opening,
    and of later ones (median, 95th percentile). `opened`: a function of `programs` for one camera.
    """
    with opened() as (_, (watch,)):
        first, *others = asyncio.run(cold(watch, repetitions))
    return {"first_ms": first, **p50_p95("ms", others)}


def cost_of(opened: Callable[[], Any], viewers: int, seconds: float) -> Row:
    """Measure a program with `viewers` viewers of each camera for `seconds`. `opened` runs it. Returns a row: frame
    rate, CPU, bandwidth, memory.
    """
    with opened() as (meter, watches):
        window, records = watched([watch for watch in watches for _ in range(viewers)], meter, seconds)
        taken = [record.between(window.started, window.ended) for record in records]
        size = sum(arrival.size for arrivals in taken for arrival in arrivals)
        return {
            "fps_least": min(map(len, taken)) / window.seconds,
            **cost(window, sum(map(len, taken)), len(taken)),
            "mbit_per_viewer": size * 8e-6 / window.seconds / len(taken),
            "memory_mb": meter.memory(),
        }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--go2rtc", default=os.environ.get(go2rtc.VARIABLE, ""), help="its program")
    parser.add_argument("--repetitions", type=int, default=4, help="of each cold opening")
    parser.add_argument("--viewers", type=int, nargs="+", default=VIEWERS)
    options = parser.parse_args()
    path = str(Path(options.go2rtc).resolve()) if options.go2rtc else ""
    large = [
        camera(f"bench-{rate}", fps=rate, slices=2, gop_seconds=2.0, repeat_parameter_sets="slice") for rate in RATES
    ]
    small = [camera(f"small-{n}", width=640, height=360, fps=15, bit_rate=500_000, slices=2) for n in range(WALL)]
    with Results("freshness", options.results) as results, place(*large, *small) as installation:
        for number, rate in enumerate(RATES):
            with results.attempt(f"age at {rate} frames/s"):
                for row in side_by_side(installation, number, path, options.seconds):
                    results.add(kind="age", rate=rate, **row)
        for number, rate in enumerate(RATES):
            for name, opened in programs(installation, [number], path).items():
                with results.attempt(f"{name}: cold, {rate} frames/s"):
                    results.add(kind="cold", rate=rate, what=name, **first_pictures(opened, options.repetitions))
        for name, opened in programs(installation, [0], path).items():
            for viewers in options.viewers:
                with results.attempt(f"{name}: {viewers} viewers"):
                    results.add(kind="viewers", what=name, viewers=viewers, **cost_of(opened, viewers, options.seconds))
        wall = list(range(len(RATES), len(RATES) + WALL))
        for name, opened in programs(installation, wall, path).items():
            with results.attempt(f"{name}: wall"):
                results.add(kind="wall", what=name, cameras=WALL, **cost_of(opened, 1, options.seconds))


if __name__ == "__main__":
    main()
