"""A full house: two slots that others have, and a page that is refused or waits in line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

from tests.browser.chromium import enter
from tests.browser.conftest import HOUSE, VIEWER, Gate, becomes
from tests.browser.link import Link
from tests.browser.others import Others
from tests.client import Session
from tests.servers import Site, Worker, site

SETTINGS = {
    "STREAM_FIRST_FRAME_SECONDS": "10",  # a camera that is late is no failure
    "STREAM_RESUME_SECONDS": "8",  # for a reload on a busy machine
    "STREAM_WAIT_MAX": "2",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    """An installation with two workers, two slots, and room for two in line."""
    with site(tmp_path_factory.mktemp("site"), template, **HOUSE | SETTINGS) as created:
        created.start_workers(2)
        yield created


@pytest.fixture
def strangers(house: Site, camera_id: str) -> Iterator[Others]:
    """Another user, who takes both slots."""
    viewers = Others(Session(house.workers[1].base, "viewer2"), camera_id)
    try:
        viewers.enter()
        viewers.enter()
        yield viewers
    finally:
        viewers.end()


@pytest.fixture
def cards(page: Page, link: Link, camera_id: str, cookie: str, gate: Gate) -> Iterator[Page]:
    """The page of cards, behind a link that can fail."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    enter(page, f"http://127.0.0.1:{link.port}", cookie)
    yield page
    link.leave(page)
    assert not errors


@pytest.fixture
def refused(cards: Page, strangers: Others, camera_id: str) -> Page:
    """A page that was refused."""
    cards.goto(f"{cards.url}#live={camera_id}")
    becomes(cards, "state", "refused")
    return cards


@pytest.fixture
def waiting(refused: Page) -> Page:
    """A page that waits in line, and is next. Announcements are recorded."""
    refused.evaluate("""() => {
        window.announced = [];
        const region = document.querySelector("camera-viewer [role=status]");
        new MutationObserver(() => window.announced.push(region.textContent)).observe(region, { childList: true });
    }""")
    join(refused)
    return refused


@contextmanager
def another_worker(house: Site, **settings: str) -> Iterator[Worker]:
    """A worker of the same installation with settings of its own."""
    worker = house.start_worker(**settings)  # type: ignore[arg-type]
    try:
        yield worker
    finally:
        worker.process.end()
        house.workers.remove(worker)


def part(page: Page, name: str) -> Locator:
    return page.locator(f"{VIEWER} [data-part={name}]")


def join(page: Page) -> None:
    page.get_by_role("button", name="Wait for a slot").click()
    becomes(page, "state", "waiting")


def hide(page: Page) -> None:
    """The user turns to another tab."""
    page.evaluate("""() => {
        Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }""")


def show(page: Page) -> None:
    page.evaluate("""() => {
        delete document.visibilityState;
        document.dispatchEvent(new Event("visibilitychange"));
    }""")
