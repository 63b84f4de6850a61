"""The cost of each further camera for a worker: CPU, memory and threads, with one viewer per camera.

    .venv/bin/python -m bench.growth --cameras 1 4 8

All viewers of a worker watch at the same quality.
"""

import time
from contextlib import ExitStack

from bench.cameras import camera
from bench.crowd import Crowd
from bench.place import Place, place
from bench.results import Results, arguments
from bench.viewers import SETTLE, cost


def measure(place: Place, quality: str, counts: list[int], seconds: float, results: Results) -> None:
    """Watch more and more cameras at one worker, up to each of `counts`, and measure it for `seconds` each time. Adds
    rows to `results`.
    """
    with place.worker() as serving, ExitStack() as stack:
        meter, crowds, rows, here = serving.meter, list[Crowd](), [], 0
        idle = meter.memory()
        for count in counts:
            watches = [serving.watch(quality, number) for number in range(here, count)]
            crowds.append(stack.enter_context(Crowd(watches)))
            here = count
            time.sleep(SETTLE)
            rows.append((count, meter.window(seconds), meter.memory(), meter.threads()))
        records = [record for crowd in crowds for record in crowd.stop()]
    for count, window, memory, threads in rows:
        taken = [len(record.between(window.started, window.ended)) for record in records[:count]]
        results.add(
            quality=quality,
            cameras=count,
            fps_least=min(taken) / window.seconds,
            **cost(window, sum(taken), count),
            memory_mb=memory,
            memory_per_camera_mb=(memory - idle) / count,
            threads=threads,
        )


def main() -> None:
    parser = arguments(__doc__, seconds=8)
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--qualities", nargs="+", default=["original", "medium"])
    options = parser.parse_args()
    counts = sorted(options.cameras)
    shapes = [camera(f"bench-{number}") for number in range(counts[-1])]
    with Results("growth", options.results) as results, place(*shapes) as installation:
        for quality in options.qualities:
            with results.attempt(quality):
                measure(installation, quality, counts, options.seconds, results)


if __name__ == "__main__":
    main()
