"""Many viewers of one camera on one worker: frame rate, CPU per delivered frame, age on arrival, memory.

    .venv/bin/python -m bench.viewers --viewers 1 20 --qualities medium

A clock that the simulated camera draws into the picture tells its age, from the drawing to the viewer's socket. The age
contains the encoder, RTP and the worker. The viewers run in processes beside the worker, so on a small machine hundreds
of them raise the age. `busy` is the load of the machine.
"""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack

from bench.cameras import camera
from bench.clients import Record, Watch
from bench.crowd import Crowd
from bench.meter import FULL, Meter, Window
from bench.pictures import ages, drawn_at, waits
from bench.place import Place, place
from bench.results import Results, Row, arguments, p50_p95

SETTLE = 2.0  # seconds after the last viewer has its first picture
PER_PROCESS = 50  # viewers


def measure(place: Place, quality: str, counts: Sequence[int], seconds: float, results: Results) -> None:
    """Run one worker with more and more viewers of a camera, and measure it for `seconds` at each of `counts`
    (ascending). Adds rows to `results`.
    """
    windows: list[tuple[int, Window, float]] = []
    with place.worker() as serving, ExitStack() as stack:
        meter, crowds, here = serving.meter, list[Crowd](), 0
        for count in counts:
            watches = [serving.watch(quality, keeps=number == 0) for number in range(here, count)]
            crowds.append(stack.enter_context(Crowd(watches, -(-len(watches) // PER_PROCESS))))
            here = count
            time.sleep(SETTLE)
            windows.append((count, meter.window(seconds), meter.memory()))
        records = [record for crowd in crowds for record in crowd.stop()]
    drawn, first_memory = drawn_at(records[0].kept), windows[0][2]
    for count, window, memory in windows:
        row = figures(records[:count], window, drawn)
        grown = (memory - first_memory) * 1000 / (count - counts[0]) if count > counts[0] else None
        results.add(quality=quality, viewers=count, **row, memory_mb=memory, memory_per_viewer_kb=grown)


def watched(watches: Sequence[Watch], meter: Meter, seconds: float) -> tuple[Window, list[Record]]:
    """Run viewers with the requests `watches`, and measure the program of `meter` for `seconds`. Returns its use of
    CPU, and the records of the viewers in the order of `watches`. Raises ConnectionError if a viewer gets no
    picture or their stream ends early.
    """
    with Crowd(watches, -(-len(watches) // PER_PROCESS)) as crowd:
        time.sleep(SETTLE)
        window = meter.window(seconds)
        return window, crowd.stop()


def figures(records: Sequence[Record], window: Window, drawn: dict[float, float]) -> Row:
    """Returns frame rates, bandwidth, cost and ages of the viewers of one camera and quality in `window`. `drawn`: when
    a worker read each picture -> when the camera drew it, Unix ms.
    """
    taken = [record.between(window.started, window.ended) for record in records]
    rates = [len(arrivals) / window.seconds for arrivals in taken]
    delivered = sum(len(arrivals) for arrivals in taken)
    size = sum(arrival.size for arrivals in taken for arrival in arrivals)
    return {
        "fps_least": min(rates),
        "fps_median": statistics.median(rates),
        "mbit_per_viewer": size * 8e-6 / window.seconds / len(records),
        **cost(window, delivered, len(records)),
        **p50_p95("age_ms", ages(records, window, drawn)),
        **p50_p95("since_read_ms", waits(records, window)),
    }


def cost(window: Window, delivered: int, viewers: int) -> Row:
    """Returns the CPU time of the measured programs, in ms per delivered frame (None if there was none) and per second
    of one viewer, and in percent of one core. `busy` is the load of the whole machine in percent, and `full`
    tells whether it is above `FULL`. `delivered`: frames to all viewers.
    """
    return {
        "delivered": delivered,
        "cpu_ms_per_frame": window.cpu * 1000 / delivered if delivered else None,
        "cpu_ms_per_viewer_second": window.cpu * 1000 / viewers / window.seconds,
        "cpu_percent": window.cpu / window.seconds * 100,
        "busy": window.busy,
        "full": window.busy >= FULL,
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 20, 100, 300])
    parser.add_argument("--qualities", nargs="+", default=["original", "medium"])
    options = parser.parse_args()
    with Results("viewers", options.results) as results, place(camera()) as installation:
        for quality in options.qualities:
            with results.attempt(quality):
                measure(installation, quality, sorted(options.viewers), options.seconds, results)


if __name__ == "__main__":
    main()
