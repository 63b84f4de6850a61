"""The age of the picture in a real browser, beside OpenCV's own read of the camera, and the browser's memory.

    .venv/bin/python -m bench.browser --viewers 20
    .venv/bin/python -m bench.browser --memory-minutes 10

One worker, one camera of 1280x720 at 25 frames/s, one Chromium. The other viewers, the camera and OpenCV's read run in
processes of their own. An age starts when the camera draws the picture, which a clock in the picture tells. It ends
when the picture is on the page's canvas, or in a program that only reads (and decodes) the same camera.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.cameras import start_cameras
from bench.results import FOLDER
from cameras.simulator.picture.clock import age_ms
from cameras.sources import CameraSource
from streaming.ingest.pictures import Decoder
from streaming.ingest.reader import Allowance, Reader
from tests.browser.chromium import FLAGS, chromium, enter
from tests.client import Session, Stream
from tests.databases import make_template
from tests.servers import Site, site

SPAWN = multiprocessing.get_context("spawn")
SETTLE = 5.0  # seconds after all have a picture
EVERY = 5.0  # seconds between two readings of the memory
KINDS = ("heap in use after a collection", "renderers, private", "renderers, resident", "all of Chromium, resident")
MEGABYTE = 1_000_000

Row = dict[str, object]

# Reads the strip from the canvas after every third picture. A bit is the mean of the middle half of a block, in the middle
# row of the strip. cameras/simulator/picture/clock.py draws the strip.
SAMPLE = """() => {
    const context = document.querySelector("camera-viewer canvas").getContext("2d");
    let count = 0;
    window.ages = [];
    context.drawImage = function (...picture) {
        CanvasRenderingContext2D.prototype.drawImage.apply(this, picture);
        count += 1;
        if (count % 3 === 0) window.ages.push(age(this, this.canvas.width, Math.floor(this.canvas.height / 32)));
    };
    function age(context, width, row) {
        const pixels = context.getImageData(0, row, width, 1).data;
        const now = Date.now();
        let drawn = 0;
        for (let block = 0; block < 32; block += 1) {
            const [left, right] = [Math.floor((block * width) / 32), Math.floor(((block + 1) * width) / 32)];
            const margin = Math.floor((right - left) / 4);
            let sum = 0;
            for (let x = left + margin; x < right - margin; x += 1) sum += pixels[x * 4 + 1];
            const mean = sum / (right - left - 2 * margin);
            if (mean > 80 && mean < 175) return null;
            drawn = drawn * 2 + (mean > 127 ? 1 : 0);
        }
        return ((now % 2 ** 32) - drawn + 2 ** 32) % 2 ** 32;
    }
}"""


# In processes of their own.


def watch(base: str, camera: str, count: int, parent: Connection) -> None:
    """Run `count` viewers of `camera` (an id) at quality `original` until this process is ended. Sends "live" to
    `parent` when all have a picture.
    """
    asyncio.run(_watch(base, camera, count, parent))


async def _watch(base: str, camera: str, count: int, parent: Connection) -> None:
    session = Session(base)
    async with AsyncExitStack() as stack:
        streams = [Stream(session, camera, "?quality=original&formats=jpeg,h264") for _ in range(count)]
        await asyncio.gather(*(stack.enter_async_context(stream) for stream in streams))
        await asyncio.gather(*(stream.live(60) for stream in streams))
        parent.send("live")
        await asyncio.Event().wait()


def read(url: str, parent: Connection) -> None:
    """Send "live" to `parent`, then read and decode the camera at `url` until the parent sends something. Then send the
    parent a list with a tuple for each picture: time of decoding (Unix ms), age when read, age when decoded (ms).
    """
    reader = Reader(CameraSource(url), Allowance(open_timeout=10, read_timeout=5))
    decoder = Decoder(reader.codec, reader.extradata)
    ages: list[tuple[float, float, float]] = []  # time of decoding (Unix ms); age when read and when decoded (ms)
    parent.send("live")
    while not parent.poll():
        data, read_at = reader.read(), time.time() * 1000
        picture = decoder.decode(data)
        decoded_at = time.time() * 1000
        age = picture and age_ms(picture.to_ndarray(format="gray"), decoded_at)
        if age is not None:
            ages.append((decoded_at, age - (decoded_at - read_at), age))
    reader.close()
    parent.send(ages)


@contextmanager
def beside(work: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    """Run `work` in a process of its own until the block ends, with `arguments` and one end of a pipe. Yields the
    other end. The block begins with the first message from `work`. Raises AssertionError if none comes within 60 s.
    """
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=work, args=(*arguments, there), daemon=True)
    process.start()
    try:
        assert here.poll(60), f"{work.__name__} does not get a picture"
        here.recv()
        yield here
    finally:
        here.close()
        process.terminate()
        process.join()


# The browser.


@contextmanager
def page_at(browser: Browser, base: str, cookie: str, camera: str, quality: str) -> Iterator[Page]:
    """Yields a page that shows `camera` (an id) live at `quality`, closed after the block."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    enter(page, base, cookie)
    page.locator(f"[data-camera='{camera}']").get_by_role("button", name="Live View").click()
    page.get_by_label("Quality").select_option(quality)
    page.wait_for_selector(f"camera-viewer[data-state=live][data-quality={quality}]", timeout=60_000)
    yield page
    context.close()


def measure_ages(browser: Browser, base: str, camera: str, url: str, options: argparse.Namespace) -> Iterator[Row]:
    """Yields the rows of ages: on the canvas, when read, when decoded, and the differences. `camera`: its id; `url`: of
    the same camera.
    """
    with ExitStack() as stack:
        stack.enter_context(beside(watch, base, camera, options.viewers - 1))
        floor = stack.enter_context(beside(read, url))
        page = stack.enter_context(page_at(browser, base, Session(base).cookie, camera, "original"))
        assert page.get_attribute("camera-viewer", "data-format") == "h264", "this Chromium plays no H.264"
        time.sleep(SETTLE)
        psutil.cpu_percent()
        started = time.time() * 1000
        page.evaluate(SAMPLE)
        page.wait_for_timeout(options.seconds * 1000)
        shown = page.evaluate("window.ages")
        watching = Session(base).json("/api/v1/cameras/stream/metrics")["gate"]["in_use"]
        ended, busy = time.time() * 1000, psutil.cpu_percent()
        floor.send("enough")
        beside_it = [ages for at, *ages in floor.recv() if started <= at < ended]
    readable = [age for age in shown if age is not None]
    floors = [statistics.median(ages) for ages in zip(*beside_it, strict=True)]
    yield row("browser", readable, viewers=watching, unreadable=len(shown) - len(readable), machine_busy=busy)
    yield row("raw read", [age for age, _ in beside_it])
    yield row("raw read and decode", [age for _, age in beside_it])
    median = statistics.median(readable)
    yield {"what": "browser less floor", "ms_over_read": median - floors[0], "ms_over_decode": median - floors[1]}


def row(what: str, ages: list[float], **facts: object) -> Row:
    """Returns a row with the number (`pictures`), median and 95th percentile of `ages` (ms), and the given facts. `ages`:
    at least one."""
    late = sorted(ages)[int(len(ages) * 0.95)]
    return {"what": what, **facts, "pictures": len(ages), "age_ms_p50": statistics.median(ages), "age_ms_p95": late}


# Memory.


def measure_memory(browser: Browser, base: str, camera: str, quality: str, minutes: float) -> Iterator[Row]:
    """Show `camera` (an id) for so many minutes. Yields a row for each of `KINDS` of memory: the means of the first
    and of the last minute (MB), and the growth (MB a minute, by linear regression).
    """
    with page_at(browser, base, Session(base).cookie, camera, quality) as page:
        time.sleep(SETTLE)
        started, looks = time.monotonic(), []
        inside, outside = page.context.new_cdp_session(page), browser.new_browser_cdp_session()
        inside.send("Performance.enable")
        while (passed := time.monotonic() - started) < minutes * 60:
            looks.append((passed / 60, *memory(inside, outside)))
            page.wait_for_timeout(EVERY * 1000)
        assert page.get_attribute("camera-viewer", "data-state") == "live"
    times, *kinds = zip(*looks, strict=True)
    for kind, sizes in zip(KINDS, kinds, strict=True):
        yield {
            "what": f"memory at {quality}: {kind}",
            "minutes": minutes,
            "first_minute_mb": statistics.mean(size for at, size in zip(times, sizes, strict=True) if at <= 1),
            "last_minute_mb": statistics.mean(size for at, size in zip(times, sizes, strict=True) if at >= minutes - 1),
            "mb_per_minute": statistics.linear_regression(times, sizes).slope,
        }


def memory(page: CDPSession, browser: CDPSession) -> tuple[float, ...]:
    """Returns the megabytes of each of KINDS: JavaScript heap after a garbage collection, private and resident memory
    of the renderer processes, resident memory of all Chromium. Resident memory that is not private is mostly shared
    memory. Without a GPU, Chromium takes nearly half a gigabyte of it in the first seconds of video, and no more later.
    """
    page.send("HeapProfiler.collectGarbage")
    metrics = {metric["name"]: metric["value"] for metric in page.send("Performance.getMetrics")["metrics"]}
    private = renderers = everything = 0
    for process in browser.send("SystemInfo.getProcessInfo")["processInfo"]:
        with suppress(psutil.NoSuchProcess):
            used = psutil.Process(process["id"]).memory_info()
            everything += used.rss
            if process["type"] == "renderer":
                renderers += used.rss
                private += used.rss - used.shared
    return tuple(size / MEGABYTE for size in (metrics["JSHeapUsedSize"], private, renderers, everything))


# The whole measurement.


@contextmanager
def place(viewers: int) -> Iterator[tuple[Site, str, str]]:
    """Run a worker and a simulated camera until the block ends. Yields the installation, and the id and address of the
    camera. `viewers`: the limit of streams.
    """
    with tempfile.TemporaryDirectory(prefix="nvr-bench-") as name, ExitStack() as stack:
        (folder := Path(name, "site")).mkdir()
        (template := Path(name, "template")).mkdir()
        installation = stack.enter_context(site(folder, make_template(template), STREAM_MAX_CONCURRENT=str(viewers)))
        (url,), _ = start_cameras(stack, folder, installation.environment, 1)
        installation.start_worker()
        yield installation, installation.add_camera("Bench", url), url


def measure(options: argparse.Namespace) -> Iterator[Row]:
    with place(options.viewers) as (installation, camera, url), sync_playwright() as playwright:
        base = installation.workers[0].base
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        version = browser.version
        yield {"what": "surroundings", "chromium": version, "cores": os.cpu_count(), "machine": platform.machine()}
        yield from measure_ages(browser, base, camera, url, options)
        for quality in ("original", "medium") if options.memory_minutes else ():
            yield from measure_memory(browser, base, camera, quality, options.memory_minutes)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--viewers", type=int, default=20, help="of the camera, the browser included (default 20)")
    parser.add_argument("--seconds", type=float, default=30, help="in which ages are measured (default 30)")
    parser.add_argument("--memory-minutes", type=float, default=0, help="of each format (default: not measured)")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder for the JSON file (default var/bench)")
    options = parser.parse_args()
    rows: list[Row] = []
    for measured in measure(options):
        rows.append({name: round(value, 3) if isinstance(value, float) else value for name, value in measured.items()})
        print("  ".join(f"{name}={value}" for name, value in rows[-1].items()), flush=True)
        options.results.mkdir(parents=True, exist_ok=True)
        (options.results / "browser.json").write_text(
            json.dumps({"part": "browser", "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "rows": rows}, indent=1)
        )


if __name__ == "__main__":
    main()
