"""Other programs that show a camera in a browser, beside this product in the same run: CPU per delivered frame.

    .venv/bin/python -m bench.peers --viewers 40

Each program shows the same simulated camera to the same number of viewers, one program after the other:

- this product, JPEG at `medium` (10 frames/s) and the camera's own video at `original`;
- motion, JPEG over HTTP at the same size, rate and JPEG quality, its motion detection paused;
- rtsp-relay, MPEG-1 by ffmpeg over a WebSocket, at its default settings; npm installs it into the results folder.

A program that is not installed is left out, with a row that says so.
"""

import bisect
import itertools
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import av

from bench.cameras import camera
from bench.clients import Arrival, Record, Watch
from bench.meter import Meter, Window
from bench.pictures import drawn_at, gray, of_jpeg
from bench.place import Place, place
from bench.ports import listens
from bench.results import ROOT, NotInstalledError, Results, Row, arguments, p50_p95
from bench.viewers import cost, figures, watched
from cameras.simulator import age_ms
from streaming.ingest.qualities import QUALITIES
from tests.servers import Process, free_port, wait_until

NPM = ["rtsp-relay@1.9.0", "express@4.21.2"]
MOTION = """
daemon off
setup_mode off
pause on
picture_output off
movie_output off
webcontrol_port 0
netcam_url {url}
netcam_params rtsp_transport=tcp
width 1280
height 720
framerate {rate:g}
stream_port {port}
stream_localhost on
stream_maxrate {rate:g}
stream_quality {quality}
text_left
text_right
log_file {folder}/motion-own.log
target_dir {folder}
"""


def ours(place: Place, quality: str, viewers: int, seconds: float) -> Row:
    """Measure this product with viewers of one camera at `quality`. Returns the row of figures."""
    with place.worker() as serving:
        watches = [serving.watch(quality, keeps=number == 0) for number in range(viewers)]
        window, records = watched(watches, serving.meter, seconds)
    return figures(records, window, drawn_at(records[0].kept))


def motion(place: Place, viewers: int, seconds: float) -> Row:
    """Measure the program motion with viewers of one camera. Returns the row of figures. Raises NotInstalledError."""
    if not shutil.which("motion"):
        raise NotInstalledError("motion is not installed (Debian: apt-get install --no-install-recommends motion)")
    port, folder, medium = free_port(), place.site.folder, QUALITIES["medium"]
    text = MOTION.format(url=place.urls[0], port=port, folder=folder, rate=medium.rate, quality=medium.jpeg)
    (configuration := folder / "motion.conf").write_text(text)
    with program(["motion", "-n", "-c", str(configuration)], folder / "motion.log", port) as meter:
        wait_until(lambda: answers(port), 15, "motion has opened the camera; before that it hangs up on viewers")
        base = f"http://127.0.0.1:{port}"
        watches = [Watch(base, "/", kind="mjpeg", keeps=number == 0) for number in range(viewers)]
        window, records = watched(watches, meter, seconds)
    taken = _taken(records, window)
    keeper = records[0]
    ages = [
        age_ms(of_jpeg(picture), arrival.at * 1000)
        for arrival, picture in zip(keeper.arrivals, keeper.kept, strict=True)
        if arrival in taken[0]
    ]
    return _row(taken, window, min(map(len, taken)), sum(map(len, taken)), _known(ages))


def relay(place: Place, viewers: int, seconds: float, modules: Path) -> Row:
    """Install rtsp-relay by npm into `modules`, and measure it with viewers of one camera. Returns the row of
    figures. Raises NotInstalledError if npm fails, or if node, npm or ffmpeg is missing.
    """
    install_relay(modules)
    port = free_port()
    command = ["node", str(ROOT / "bench" / "relay.cjs"), str(port), place.urls[0]]
    environment = {"NODE_PATH": str(modules / "node_modules")}
    with program(command, place.site.folder / "relay.log", port, environment) as meter:
        base = f"http://127.0.0.1:{port}"
        watches = [Watch(base, "/stream", kind="relay", keeps=number == 0) for number in range(viewers)]
        window, records = watched(watches, meter, seconds)
    pictures = [(at, image) for at, image in mpeg(records[0]) if window.started <= at < window.ended]
    ages = [age_ms(image, at * 1000) for at, image in pictures]
    # All viewers get the same stream. So the bytes of each tell how many of the pictures decoded from one it received.
    taken, frames = _taken(records, window), len(pictures)
    sizes = [sum(arrival.size for arrival in arrivals) for arrivals in taken]
    least, delivered = (round(frames * size / sizes[0]) for size in (min(sizes), sum(sizes)))
    return _row(taken, window, least, delivered, _known(ages))


def install_relay(modules: Path) -> None:
    for name in ("node", "npm", "ffmpeg"):
        if not shutil.which(name):
            raise NotInstalledError(f"rtsp-relay needs {name}, which is not installed")
    modules.mkdir(parents=True, exist_ok=True)
    # Without scripts: one of them would download an ffmpeg; the system's is used.
    flags = ["--prefix", str(modules), "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]
    done = subprocess.run(["npm", "install", *flags, *NPM], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise NotInstalledError(f"npm could not install rtsp-relay: {done.stderr.strip()[-200:]}")


@contextmanager
def program(command: list[str], log: Path, port: int, environment: dict[str, str] | None = None) -> Iterator[Meter]:
    """Run a server while the block lasts, with `environment` added to this process's. Yields the meter of its
    process. The block begins when the server listens on `port`. Raises AssertionError if that takes over 15 s."""
    process = Process(command, {**os.environ, **(environment or {})}, log)
    try:
        wait_until(lambda: listens(port), 15, f"{command[0]} listens; see {log}")
        yield Meter(process.popen.pid)
    finally:
        process.end()


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return bool(connection.recv(1))
    return False


def mpeg(record: Record) -> Iterator[tuple[float, Any]]:
    """Yields each picture that rtsp-relay sent to a viewer: the arrival of its last byte, Unix seconds, and the gray
    image. The viewer must have kept its messages.
    """
    arrived = [(arrival.at, chunk) for arrival, chunk in zip(record.arrivals, record.kept, strict=True)]
    arrived = [(at, chunk) for at, chunk in arrived if not chunk.startswith(b"jsmp")]  # rtsp-relay's own header
    ends = list(itertools.accumulate(len(chunk) for _, chunk in arrived))
    with av.open(BytesIO(b"".join(chunk for _, chunk in arrived)), "r", format="mpegts") as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        came = {}  # time stamp -> arrival; a picture leaves the decoder one packet later
        for packet, following in itertools.pairwise(packets):
            came[packet.pts] = arrived[bisect.bisect_left(ends, following.pos or 0)][0]
        for packet in packets:
            for picture in packet.decode():
                if picture.pts in came:
                    yield came[picture.pts], gray(picture)


def _taken(records: Sequence[Record], window: Window) -> list[list[Arrival]]:
    return [record.between(window.started, window.ended) for record in records]


def _known(ages: Sequence[float | None]) -> list[float]:
    return [age for age in ages if age is not None]


def _row(taken: Sequence[Sequence[Arrival]], window: Window, least: int, delivered: int, ages: list[float]) -> Row:
    size = sum(arrival.size for arrivals in taken for arrival in arrivals)
    return {
        "fps_least": least / window.seconds,
        "mbit_per_viewer": size * 8e-6 / window.seconds / len(taken),
        **cost(window, delivered, len(taken)),
        **p50_p95("age_ms", ages),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--viewers", type=int, default=40)
    options = parser.parse_args()
    viewers, seconds, modules = options.viewers, options.seconds, options.results.resolve() / "npm"
    with Results("peers", options.results) as results, place(camera()) as installation:
        programs: dict[str, Callable[[], Row]] = {
            "medium": lambda: ours(installation, "medium", viewers, seconds),
            "motion": lambda: motion(installation, viewers, seconds),
            "rtsp-relay": lambda: relay(installation, viewers, seconds, modules),
            "original": lambda: ours(installation, "original", viewers, seconds),
        }
        for name, measure in programs.items():
            with results.attempt(name):
                results.add(what=name, viewers=viewers, **measure())


if __name__ == "__main__":
    main()
