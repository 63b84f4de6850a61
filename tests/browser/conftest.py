"""Chromium on a running worker with simulated cameras. Skips if there is no Chromium."""

import base64
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, WebSocket, expect

from cameras.simulator import SimulatedCamera
from cameras.simulator.picture.clock import age_ms
from streaming.reports.cached import FRESH
from tests.browser.chromium import FLAGS, PLAIN, SECURE, enter, headless
from tests.browser.link import Link
from tests.browser.others import Others
from tests.client import Session
from tests.servers import PASSWORD, PATIENCE, Site, site, wait_until

both_origins = pytest.mark.parametrize("origin", [SECURE, PLAIN], ids=["secure", "plain"])

LARGE = {"width": 1280, "height": 720, "fps": 15}

VIEWER = "dialog.live-modal camera-viewer"
AT_ONCE = 4.0  # seconds until a slot that was given back is free: less than a lost one is kept for

expect.set_options(timeout=15_000)  # ms, on a machine with other load

HOUSE: dict[str, Any] = {  # two slots, so that two viewers reach the limit
    "STREAM_MAX_CONCURRENT": "2",
    "STREAM_FIRST_FRAME_SECONDS": "3",
    "STREAM_READ_TIMEOUT_SECONDS": "1",
    "STREAM_RECONNECT_SECONDS": "8",
}
LATE_CAMERAS = {  # for the `SETTINGS` of a module: a camera that is late is no failure
    "STREAM_READ_TIMEOUT_SECONDS": "10",
    "STREAM_FIRST_FRAME_SECONDS": "10",
}


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    path = headless()
    if path is None and os.environ.get("NVR_TESTS_MAY_NOT_SKIP"):
        pytest.fail("Chromium is not installed")
    if path is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium-headless-shell)")
    return {"executable_path": path, "args": list(FLAGS)}


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    """An installation with one worker. A module may add settings with its own `SETTINGS`."""
    with site(tmp_path_factory.mktemp("site"), template) as created:
        created.start_worker(**HOUSE | getattr(request.module, "SETTINGS", {}))
        yield created


@pytest.fixture
def yard(camera: SimulatedCamera) -> SimulatedCamera:
    return camera


@pytest.fixture
def camera_id(house: Site, yard: SimulatedCamera) -> Iterator[str]:
    id = house.add_camera("Yard", yard.url)
    yield id
    house.remove_camera(id)


@pytest.fixture
def origin() -> str:
    """The host name that the browser uses for the worker. `both_origins` runs a test with both names."""
    return SECURE


@pytest.fixture
def base(house: Site, origin: str) -> str:
    return f"http://{origin}:{house.workers[0].port}"


@pytest.fixture
def session(house: Site) -> Session:
    return Session(house.workers[0].base)


@pytest.fixture
def gate(session: Session) -> Iterator["Gate"]:
    observed = Gate(session)
    observed.becomes(0)  # a slot whose connection an earlier test has cut is kept for five seconds
    yield observed


class Gate:
    """The number of slots in use, from the server's metrics."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def becomes(self, expected: int, seconds: float = PATIENCE) -> None:
        wait_until(lambda: self._reported() == expected, seconds, f"{expected} slots in use")

    @property
    def in_use(self) -> int:
        """The number now: waits until the server's cached figure has expired."""
        time.sleep(FRESH + 0.1)
        return self._reported()

    def _reported(self) -> int:
        used: int = self._session.json("/api/v1/cameras/stream/metrics")["gate"]["in_use"]
        return used


@pytest.fixture
def link(house: Site) -> Iterator[Link]:
    with Link(house.workers[0].port) as running:
        yield running


@pytest.fixture(scope="module")
def cookie(house: Site) -> str:
    """The Cookie header of *viewer*, logged in."""
    return Session(house.workers[0].base).cookie


def log_in(page: Page, base: str, username: str = "viewer") -> None:
    page.goto(f"{base}/accounts/login/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{base}/")


@pytest.fixture
def faultless(page: Page) -> Iterator[Page]:
    """A page. Fails its test if it reports an error."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    yield page
    assert not errors


@pytest.fixture
def sockets(page: Page) -> list[WebSocket]:
    """All WebSockets that the page has opened."""
    opened: list[WebSocket] = []
    page.on("websocket", lambda socket: opened.append(socket))
    return opened


@pytest.fixture
def cards(faultless: Page, base: str, camera_id: str, cookie: str) -> Page:
    """The page of cards, logged in."""
    enter(faultless, base, cookie)
    return faultless


@pytest.fixture
def others(session: Session, camera_id: str) -> Iterator[Others]:
    viewers = Others(session, camera_id)
    yield viewers
    viewers.end()


def open_modal(page: Page, seconds: float = 15) -> None:
    page.get_by_role("button", name="Live View").click()
    expect(page.locator(VIEWER)).to_have_attribute("data-state", "live", timeout=seconds * 1000)


def becomes(page: Page, attribute: str, value: str, seconds: float = 15) -> None:
    expect(page.locator(VIEWER)).to_have_attribute(f"data-{attribute}", value, timeout=seconds * 1000)


def choose(page: Page, choice: str) -> None:
    page.get_by_label("Quality").select_option(choice)


def figure(page: Page, name: str) -> str:
    """A value of the figures overlay."""
    return page.locator(f"{VIEWER} .figures dt", has_text=re.compile(f"^{name}$")).locator("+ dd").inner_text()


def canvas_width(page: Page) -> int:
    width: int = page.locator(f"{VIEWER} canvas").evaluate("canvas => canvas.width")
    return width


def image_of(url: str) -> Any:
    """Decodes the data URL of a canvas: rows, columns, BGR."""
    return cv2.imdecode(np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)


def picture_age(page: Page) -> float | None:
    """Returns the age of the picture on the canvas in milliseconds, from its clock, or None if that is unreadable."""
    url, now = page.locator(f"{VIEWER} canvas").evaluate("canvas => [canvas.toDataURL('image/jpeg', 0.9), Date.now()]")
    return age_ms(image_of(url), now)


def ages_of(page: Page, count: int = 10) -> list[float]:
    """Returns the ages of `count` pictures in milliseconds, sorted, without the unreadable ones."""
    ages = []
    for _ in range(count):
        page.wait_for_timeout(120)
        ages.append(picture_age(page))
    return sorted(age for age in ages if age is not None)


def assert_fresh(page: Page, below: float = 500) -> None:
    """Fails if the clock in the pictures is unreadable, or if their median age is `below` milliseconds or more.

    Tries three times, because a busy machine is late for a moment, but a wrong player is always late.
    """
    rounds: list[list[float]] = []
    while len(rounds) < 3:
        rounds.append(ages_of(page))
        if len(rounds[-1]) >= 8 and rounds[-1][len(rounds[-1]) // 2] < below:
            return
    raise AssertionError(f"Ages of readable pictures, milliseconds: {rounds}")


def record_states(page: Page) -> None:
    """Records the states since the browser tells the page that it is offline, and how soon after that they came, in ms."""
    page.evaluate(
        """selector => {
        const viewer = document.querySelector(selector);
        addEventListener("offline", (event) => {
            const record = () => window.states.push([viewer.dataset.state, performance.now() - event.timeStamp]);
            window.states = [];
            record(); // the player was told first
            new MutationObserver(record).observe(viewer, { attributeFilter: ["data-state"] });
        }, { once: true });
    }""",
        VIEWER,
    )
