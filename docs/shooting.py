"""Helps the screenshot scripts: starts simulated cameras, a worker and Chromium, and saves pages as WebP."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from cameras.simulator import SimulatedCamera, Simulator, default_cameras
from tests.browser.chromium import FLAGS, chromium
from tests.databases import make_template
from tests.servers import Site, site

IMAGES = Path(__file__).resolve().parent / "images"
DESKTOP: Any = {"viewport": {"width": 1280, "height": 800}}
PHONE: Any = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
SIZES = {"": DESKTOP, "-phone": PHONE}
SETTINGS = {
    "STREAM_MAX_CONCURRENT": "10",
    "STREAM_FIRST_FRAME_SECONDS": "4",
    "STREAM_READ_TIMEOUT_SECONDS": "1",
    "STREAM_RECONNECT_SECONDS": "30",
    "STREAM_IDLE_MINUTES": "0.5",
}
PATIENCE = 30_000  # ms for a state to come
LOSSY = 80  # of WebP; a picture of a camera is one already


def shoot(page: Page, name: str) -> None:
    picture: Any = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    cv2.imwrite(str(IMAGES / f"{name}.webp"), picture, [cv2.IMWRITE_WEBP_QUALITY, LOSSY])


@contextmanager
def four_cameras() -> Iterator[tuple[Site, dict[str, SimulatedCamera], dict[str, str]]]:
    """Run one worker and four cameras. Yields the installation; name -> camera; camera's name -> id."""
    with tempfile.TemporaryDirectory(prefix="nvr-screenshots-") as name, ExitStack() as stack:
        (folder := Path(name, "site")).mkdir()
        (template := Path(name, "template")).mkdir()
        simulator = stack.enter_context(Simulator(port=0))
        cameras = {camera.name: simulator.add(camera) for camera in default_cameras(4)}
        installation = stack.enter_context(site(folder, make_template(template)))
        ids = {camera.name: installation.add_camera(camera.name, camera.url) for camera in cameras.values()}
        installation.start_worker(**SETTINGS)  # type: ignore[arg-type]
        yield installation, cameras, ids


def start_browser(stack: ExitStack) -> Browser:
    """Returns a new Chromium, which closes when `stack` ends."""
    playwright = stack.enter_context(sync_playwright())
    browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
    stack.callback(browser.close)
    return browser
