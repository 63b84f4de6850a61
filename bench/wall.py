"""A wall (a page with a grid of live cameras) in Chromium: is it smooth at a small cost, and opened gently?

    .venv/bin/python -m bench.wall --minutes 30

Needs Chromium, and a quiet machine: cameras, worker and browser share it. Without a GPU, Chromium decodes and paints on
the processor. Exit code 1 if a target is missed; all figures go to var/bench/wall.json.

First 36 tiles are opened at once, with cameras of 320x180 at 5 frames/s. The openings are counted at the cameras and in
the worker's log. Then a wall of 16 cameras of 640x360 at 15 frames/s and 0.5 Mbit/s each runs for `--minutes` on one
worker. Frames are counted where the page paints them. At last a camera dies for ten seconds and returns. Memory is
judged in runs of ten minutes or more: its mean in the last fifth of the time against that in the second fifth.
"""

import re
import statistics
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psutil
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.browser import memory
from bench.meter import FULL, Meter
from bench.results import Results, Row, arguments, percentile
from cameras.simulator import Fault, SimulatedCamera, Simulator
from tests.browser.chromium import FLAGS, chromium
from tests.client import Session
from tests.databases import make_template
from tests.servers import Site, site, wait_until

OPENED, SMOOTH = 36, 16  # tiles
PER_SECOND, GATE_MS = 4, 20.0  # openings of one wall; p95 of an acquire
FPS, SERVER_PERCENT, GROWTH = 14.0, 12.0, 1.05  # least of a tile; most of a core; most memory, as a factor
# Seconds by which two openings may be seen closer together than the page asked for them: the way to the observer takes a
# few milliseconds more or less each time, and the log's times are whole milliseconds.
JITTER = 0.1
SETTLE = 15.0  # seconds after the last tile is live
EVERY = 10.0  # seconds between two looks at the memory
LONG = 10.0  # minutes after which memory is judged
DEATH, RETURN = 10.0, 30.0  # seconds that a camera is away, and the most until its tile is live again
SETTINGS = {"STREAM_MAX_CONCURRENT": "100", "STREAM_MAX_PER_USER": "100", "STREAM_MAX_CAMERAS_PER_WORKER": "64"}

# Counts the pictures that each tile paints, and the longest time between two of them since `window.restart()`.
COUNT = """
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    const tiles = new Map();
    window.restart = () => tiles.forEach((tile) => Object.assign(tile, { painted: 0, gap: 0 }));
    window.tiles = () => Object.fromEntries(tiles);
    CanvasRenderingContext2D.prototype.drawImage = function (...picture) {
        draw.apply(this, picture);
        const name = this.canvas.closest(".tile")?.dataset.name;
        const now = performance.now();
        const tile = tiles.get(name) ?? { painted: 0, gap: 0, last: now };
        tiles.set(name, { painted: tile.painted + 1, gap: Math.max(tile.gap, now - tile.last), last: now });
    };
"""


class Wall:
    """The page of live `cameras` in Chromium, which counts the pictures that each tile paints. One worker reads all."""

    def __init__(self, browser: Browser, installation: Site, cameras: list[SimulatedCamera]) -> None:
        self.cameras, self.site = cameras, installation
        self.base = installation.workers[0].base
        self.page: Page = browser.new_page(viewport={"width": 1920, "height": 1080})
        self.page.add_init_script(COUNT)
        pairs = (pair.partition("=") for pair in Session(self.base).cookie.split("; "))
        self.page.context.add_cookies([{"name": name, "value": value, "url": self.base} for name, _, value in pairs])
        self._inside: CDPSession = self.page.context.new_cdp_session(self.page)
        self._outside: CDPSession = browser.new_browser_cdp_session()
        self._inside.send("Performance.enable")

    def open(self) -> None:
        self.page.goto(f"{self.base}/wall/")

    @property
    def live(self) -> int:
        return self.page.locator(".tile [data-state=live]").count()

    def becomes_live(self, seconds: float) -> float:
        """Wait until all tiles are live. Returns the seconds it took. Raises AssertionError after `seconds`."""
        return wait_until(lambda: self.live == len(self.cameras), seconds, f"{len(self.cameras)} live tiles")

    def chromium(self) -> Meter:
        processes = self._outside.send("SystemInfo.getProcessInfo")["processInfo"]
        return Meter(next(process["id"] for process in processes if process["type"] == "browser"))

    def renderers_mb(self) -> float:
        """Returns the private megabytes of all Chromium renderers together, after a garbage collection."""
        return memory(self._inside, self._outside)[1]

    def watch(
        self, seconds: float, look: Callable[[], None] = lambda: None
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Watch the page for `seconds`, and call `look` each `EVERY` seconds and at the end. Returns, for each tile
        by name, the frames/s, and the longest time between two frames in milliseconds. The time after a tile's last
        frame does not count."""
        started = time.monotonic()
        self.page.evaluate("window.restart()")
        while (left := started + seconds - time.monotonic()) > 0:
            self.page.wait_for_timeout(min(left, EVERY) * 1000)
            look()
        tiles, passed = self.page.evaluate("window.tiles()"), time.monotonic() - started
        return {name: tile["painted"] / passed for name, tile in tiles.items()}, {
            name: tile["gap"] for name, tile in tiles.items()
        }


@contextmanager
def wall_of(browser: Browser, count: int, width: int, height: int, fps: int, bit_rate: int) -> Iterator[Wall]:
    """Run `count` cameras, a worker, and the page that shows them all live. Yields the page, not opened yet."""
    with tempfile.TemporaryDirectory(prefix="nvr-bench-") as name, Simulator(port=0) as simulator:
        (folder := Path(name, "site")).mkdir()
        (template := Path(name, "template")).mkdir()
        cameras = [
            simulator.add(SimulatedCamera(f"Camera {number:02}", f"c{number}", width, height, fps, bit_rate=bit_rate))
            for number in range(count)
        ]
        with site(folder, make_template(template), **SETTINGS) as installation:
            for camera in cameras:
                installation.add_camera(camera.name, camera.url)
            installation.start_worker()
            wall = Wall(browser, installation, cameras)
            yield wall
            wall.page.context.close()


def measure_openings(wall: Wall, results: Results) -> list[str]:
    """Open the page, time admissions and count openings per second. Returns a complaint for each missed target."""
    seen: list[float] = []
    wall.open()

    def all_seen() -> bool:
        connected = sum(camera.connections_total for camera in wall.cameras)
        seen.extend([time.monotonic()] * (connected - len(seen)))
        return len(seen) >= OPENED

    wait_until(all_seen, 60, f"{OPENED} cameras are opened")
    wall.becomes_live(30)
    log = wall.site.logs()
    asked = [
        datetime.fromisoformat(at).timestamp()
        for at in re.findall(r"^(\S+ \S+,\d+) INFO .* opened viewing=", log, re.M)
    ]
    waits = [float(ms) for ms in re.findall(r" admitted viewing=.* ms=([\d.]+)", log)]
    p95 = gate_p95(Session(wall.base, "admin").get("/metrics")[1].decode())
    row = {
        "tiles": OPENED,
        "cameras_per_second": (OPENED - 1) / (seen[-1] - seen[0]),
        "cameras_most_in_a_second": most_at_once(seen),
        "worker_per_second": (len(asked) - 1) / (asked[-1] - asked[0]),
        "worker_most_in_a_second": most_at_once(asked),
        "gate_ms_p95": p95,
        "admission_ms_p95": percentile(waits, 95),  # also log-in, permission and camera
    }
    results.add(**row)
    broken = [f"more than {PER_SECOND} openings a second"] if too_many(seen) or too_many(asked) else []
    return broken + ([f"the gate's p95 is {p95:.1f} ms"] if p95 >= GATE_MS else [])


def most_at_once(times: Sequence[float]) -> int:
    """Returns the most openings within `1 - JITTER` seconds. `times`: of the openings, seconds, at least one."""
    return max(sum(start <= other < start + 1 - JITTER for other in times) for start in times)


def too_many(times: Sequence[float]) -> bool:
    """Whether over `PER_SECOND` openings came in `1 - JITTER` s, or per second on average. `times`: ascending."""
    passed = times[-1] - times[0] + JITTER
    return most_at_once(times) > PER_SECOND or len(times) - 1 > PER_SECOND * passed


def gate_p95(metrics: str) -> float:
    """Returns the 95th percentile of the time of an admission at all workers, ms, as Prometheus computes it; infinity
    above the last bucket. `metrics`: the text of /metrics, with at least one admission in `streams_admission_seconds`.
    """
    found = re.findall(r'^streams_admission_seconds_bucket\{.*le="([\d.]+)".*\} (\d+)', metrics, re.M)
    buckets = [(float(edge), int(count)) for edge, count in found]
    rank, below, counted = (
        0.95 * int(re.findall(r"^streams_admission_seconds_count\S* (\d+)", metrics, re.M)[0]),
        0.0,
        0,
    )
    for edge, count in buckets:
        if count >= rank:
            return 1000 * (below + (edge - below) * (rank - counted) / (count - counted))
        below, counted = edge, count
    return float("inf")


def measure_smoothness(wall: Wall, minutes: float, results: Results) -> list[str]:
    """Open the wall. Once all tiles are live, watch frame rates, CPU and memory for so many minutes. Adds rows to
    `results`. Returns a complaint for each target that is missed. The page stays open for `measure_death`."""
    wall.open()
    wall.becomes_live(60)
    time.sleep(SETTLE)
    server, chromium = Meter(wall.site.workers[0].process.popen.pid), wall.chromium()
    looks: list[tuple[float, float]] = []
    psutil.cpu_percent()
    started, before = time.monotonic(), (server.cpu(), chromium.cpu())
    rates, gaps = wall.watch(minutes * 60, lambda: looks.append((server.own_memory(), wall.renderers_mb())))
    passed = time.monotonic() - started
    percents = [100 * (meter.cpu() - used) / passed for meter, used in zip((server, chromium), before, strict=True)]
    results.add(
        tiles=SMOOTH,
        minutes=minutes,
        fps_least=min(rates.values()),
        fps_median=statistics.median(rates.values()),
        longest_gap_ms=max(gaps.values()),
        server_percent=percents[0],
        chromium_percent=percents[1],
        **machine(),
    )
    broken = too_slow(rates, "")
    broken += [f"the server takes {percents[0]:.1f} % of a core"] if percents[0] >= SERVER_PERCENT else []
    for what, sizes in zip(("server", "renderers"), zip(*looks, strict=True), strict=True):
        broken += judge_memory(what, sizes, minutes, results)
    return broken


def machine() -> Row:
    """Returns the load since psutil was last asked: `busy`, percent of all cores; `full`, whether it is >= FULL."""
    busy = psutil.cpu_percent()
    return {"busy": busy, "full": busy >= FULL}


def too_slow(rates: dict[str, float], when: str) -> list[str]:
    """Returns a complaint if tiles are below `FPS` frames/s, else []. `when`: words in it, with a leading space."""
    slow = [rate for rate in rates.values() if rate < FPS]
    return [f"{len(slow)} tiles have less than {FPS:g} frames/s{when}, the slowest {min(slow):.1f}"] if slow else []


def judge_memory(what: str, sizes: Sequence[float], minutes: float, results: Results) -> list[str]:
    """Add a row of memory. Returns a complaint if it grows in a long run, else []. `sizes`: MB, at even intervals."""
    fifth = max(1, len(sizes) // 5)
    early, late = statistics.mean(sizes[fifth : 2 * fifth] or sizes), statistics.mean(sizes[-fifth:])
    results.add(memory_of=what, second_fifth_mb=early, last_fifth_mb=late, most_mb=max(sizes))
    return [f"the memory of the {what} grows"] if minutes >= LONG and late > early * GROWTH else []


def measure_death(wall: Wall, results: Results) -> list[str]:
    """Let one camera fail and return. Returns a complaint per missed target; AssertionError: not live in time."""
    dying = wall.cameras[len(wall.cameras) // 2]
    others = wall.page.locator(f".tile:not([data-name='{dying.name}']) [data-state=live]")
    lost: list[int] = []
    dying.fault = Fault.REFUSE
    dying.drop_connections()
    rates, gaps = wall.watch(DEATH, lambda: lost.append(len(wall.cameras) - 1 - others.count()))
    was_seen = wall.live < len(wall.cameras)
    dying.fault = Fault.NONE
    returned = wall.becomes_live(RETURN)
    later, later_gaps = wall.watch(DEATH, lambda: lost.append(len(wall.cameras) - 1 - others.count()))
    for tiles in (rates, gaps, later, later_gaps):
        del tiles[dying.name]
    results.add(
        died=1,
        others_fps_least=min(rates.values()),
        others_longest_gap_ms=max(gaps.values()),
        live_again_s=returned,
        others_fps_least_after=min(later.values()),
        others_longest_gap_ms_after=max(later_gaps.values()),
        **machine(),
    )
    broken = too_slow(rates, " beside a dead camera") + too_slow(later, " after a camera returned")
    broken += [] if was_seen else ["the death of a camera is not seen"]
    return broken + (["other tiles are lost with a camera"] if any(lost) else [])


def run(browser: Browser, options: Namespace, results: Results) -> list[str]:
    """Measure the opening of many tiles, then the smoothness of fewer. Returns a complaint for each missed target."""
    broken: list[str] = []
    with results.attempt(f"{OPENED} tiles opened"), wall_of(browser, OPENED, 320, 180, 5, 100_000) as wall:
        broken += measure_openings(wall, results)
    if options.minutes:
        with results.attempt(f"{SMOOTH} tiles"), wall_of(browser, SMOOTH, 640, 360, 15, 500_000) as wall:
            broken += measure_smoothness(wall, options.minutes, results)
            broken += measure_death(wall, results)
    return broken


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="that 16 tiles are watched (default 30)")
    options = parser.parse_args()
    with Results("wall", options.results) as results, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        broken = run(browser, options, results)
        browser.close()
        for line in broken:
            print(f"  broken: {line}")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
