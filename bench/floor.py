"""The lowest age that pictures can have, at programs that only read the worker's camera; and the camera's bytes.

    .venv/bin/python -m bench.floor --viewers 20

One run has viewers at `original`, OpenCV's raw read of the camera, OpenCV's usual read, ffmpeg's own, and a reader
that ends pictures at RTP's marker bit. An age goes from the camera's drawing to the moment when the reader, or the
viewer's socket, has the picture. The bytes that the camera sends to the worker are compared with those that a
viewer gets.
"""

import shutil
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

from bench.cameras import camera
from bench.crowd import Crowd
from bench.meter import Window
from bench.pictures import ages, drawn_at
from bench.place import Place, Serving, place
from bench.readers import READERS, reading, seen
from bench.results import NotInstalledError, Results, arguments, p50_p95
from bench.viewers import cost

SETTLE = 3.0  # seconds after the last reader has started; some of them probe the camera first


def measure(place: Place, viewers: int, seconds: float, results: Results) -> None:
    """Measure the ages of pictures at viewers and at all readers, and the bytes, in the same `seconds`. Adds rows to
    `results`.
    """
    url, folder = place.urls[0], place.site.folder
    missing = {name for name in READERS if name == "ffmpeg" and not shutil.which(name)}
    for name in missing:
        with results.attempt(name):
            raise NotInstalledError(f"{name} is not installed (Debian: apt-get install --no-install-recommends {name})")
    with place.worker() as serving, ExitStack() as stack:
        watches = [serving.watch("original", keeps=number == 0) for number in range(viewers)]
        crowd = stack.enter_context(Crowd(watches))
        for name in READERS.keys() - missing:
            stack.enter_context(reading(name, url, folder / f"{name}.txt"))
        time.sleep(SETTLE)
        sent = on_the_wire(serving)
        window = serving.meter.window(seconds)
        sent = on_the_wire(serving) - sent
        records = crowd.stop()
    taken = [record.between(window.started, window.ended) for record in records]
    received = sum(arrival.size for arrivals in taken for arrival in arrivals) / viewers
    for name in sorted(READERS.keys() - missing):
        results.add(what=name, **p50_p95("age_ms", _ages(folder / f"{name}.txt", window)))
    results.add(
        what="viewers",
        viewers=viewers,
        **p50_p95("age_ms", ages(records, window, drawn_at(records[0].kept))),
        **cost(window, sum(map(len, taken)), viewers),
        camera_mbit=sent * 8e-6 / window.seconds,
        viewer_mbit=received * 8e-6 / window.seconds,
        bytes_ratio=received / sent if sent else None,
    )


def on_the_wire(serving: Serving) -> int:
    """Returns the bytes that the worker has received from cameras on its open connections."""
    own = {
        connection.laddr.port
        for connection in psutil.Process(serving.worker.process.popen.pid).net_connections("tcp")
        if connection.laddr
    }
    return sum(count for port, count in serving.place.cameras.sent().items() if port in own)


def _ages(output: Path, window: Window) -> list[float]:
    started, ended = window.started * 1000, window.ended * 1000
    return [arrived - drawn for arrived, drawn in seen(output) if started <= arrived < ended]


def main() -> None:
    parser = arguments(__doc__, seconds=20)
    parser.add_argument("--viewers", type=int, default=20)
    options = parser.parse_args()
    with Results("floor", options.results) as results, place(camera()) as installation:
        measure(installation, options.viewers, options.seconds, results)


if __name__ == "__main__":
    main()
