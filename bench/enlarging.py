"""How soon an enlarged tile shows its larger stream, on a wall (a grid of live cameras) of 16 with substreams.

    .venv/bin/python -m bench.enlarging

Needs Chromium, and a quiet machine. Exit code 1 if a tile takes a second or more; the figures go to
var/bench/enlarging.json.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from bench.results import Results, arguments
from bench.wall import SETTINGS, Wall
from cameras.simulator import SimulatedCamera, Simulator
from tests.browser.chromium import FLAGS, chromium
from tests.databases import make_template
from tests.servers import site

TILES, TRIES = 16, 5
MOST = 1.0  # seconds
WIDTH = 1280  # of the larger stream
# Presses the button that enlarges a tile. Returns the seconds until its picture has the width.
ENLARGE = """([name, width]) => new Promise((resolve) => {
    const tile = document.querySelector(`.tile[data-name="${name}"]`);
    const started = performance.now();
    const look = () => {
        if (tile.querySelector("canvas").width === width) resolve((performance.now() - started) / 1000);
        else requestAnimationFrame(look);
    };
    tile.querySelector("[data-enlarge]").click();
    look();
})"""


def main() -> None:
    options = arguments(__doc__).parse_args()
    with (
        Results("enlarging", options.results) as results,
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory(prefix="nvr-bench-") as name,
        Simulator(port=0) as simulator,
    ):
        for folder in ("site", "template"):
            Path(name, folder).mkdir()
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        main_stream = simulator.add(SimulatedCamera("Main", "main", WIDTH, 720, 10))
        sub = simulator.add(SimulatedCamera("Sub", "sub", 640, 360, 10, bit_rate=400_000))
        with site(Path(name, "site"), make_template(Path(name, "template")), **SETTINGS) as installation:
            names = [f"Camera {number:02}" for number in range(TILES)]
            for camera in names:
                installation.add_camera(camera, main_stream.url, substream=sub.url)
            installation.start_worker()
            wall = Wall(browser, installation, [sub] * TILES)
            wall.open()
            wall.becomes_live(60)
            delays = []
            for camera in names[:TRIES]:
                wall.page.wait_for_timeout(2_000)
                delays.append(wall.page.evaluate(ENLARGE, [camera, WIDTH]))
                wall.page.keyboard.press("Escape")
                wall.becomes_live(30)
            results.add(tiles=TILES, tries=TRIES, seconds_least=min(delays), seconds_most=max(delays))
        browser.close()
    sys.exit(max(delays) >= MOST)


if __name__ == "__main__":
    main()
