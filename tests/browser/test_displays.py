"""A display: a screen that shows one wall, for days, without a hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cameras.simulator import Simulator
from tests.browser.conftest import HOUSE, Gate
from tests.browser.link import Link
from tests.browser.walls import are_live, order, picture, set_visibility, tiles, watched_cameras
from tests.client import Session
from tests.servers import RedisServer, Site, site, wait_until
from tests.walls import NOW, add_display, add_wall, change_displays, change_wall, remove_walls

OUTAGE = 60  # seconds
BACK = 45  # seconds until all tiles are live again
TOLD = 30  # seconds until the page shows a change: a look each 15 s
# Here each 1.5 s. One test waits for the page's own.
LOOK_OFTEN = """
    const { setInterval } = window;
    window.setInterval = (job, ms, ...rest) => setInterval(job, ms === 15_000 ? 1_500 : ms, ...rest);
"""


@pytest.fixture(scope="module")
def redis_of_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, template: Path, redis_of_house: RedisServer) -> Iterator[Site]:
    settings = {**HOUSE, "REDIS_URL": redis_of_house.url, "STREAM_MAX_CONCURRENT": "8"}
    with site(tmp_path_factory.mktemp("site"), template, **settings) as created:
        created.start_worker()
        yield created


@pytest.fixture
def session(house: Site) -> Session:
    return Session(house.workers[-1].base)


@pytest.fixture
def cameras(house: Site, simulator: Simulator) -> Iterator[list[str]]:
    with watched_cameras(house, simulator, ("Door", "Gate")) as ids:
        yield ids
    remove_walls(house)


@pytest.fixture
def network(house: Site) -> Iterator[Link]:
    """Between the screen and the server."""
    with Link(house.workers[-1].port) as running:
        yield running


@pytest.fixture
def looks() -> str:
    """A script of each page."""
    return LOOK_OFTEN


@pytest.fixture
def screen(faultless: Page, house: Site, network: Link, cameras: list[str], gate: Gate, looks: str) -> Page:
    """A screen at its link, which shows two live tiles."""
    page = faultless
    page.add_init_script(looks)
    add_wall(house, "lobby", cameras)
    page.goto(f"http://127.0.0.1:{network.port}/display/#{add_display(house, 'lobby')}")
    page.wait_for_url("**/wall/lobby/?kiosk=1")
    are_live(page, 2)
    return page


def moves(page: Page) -> None:
    before = picture(page, "Door")
    wait_until(lambda: picture(page, "Door") != before, 10, "another picture")


def test_a_screen_shows_the_pictures_of_its_wall_and_nothing_else(screen: Page) -> None:
    assert order(screen) == ["Door", "Gate"]
    for role in ("navigation", "banner", "combobox", "link"):
        expect(screen.get_by_role(role)).to_have_count(0)
    expect(screen.get_by_text("Log out")).to_have_count(0)
    height, width = screen.evaluate("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]")
    assert (width, height) == (1280, 720)
    assert "nvr_" not in screen.evaluate("JSON.stringify([document.cookie, location.href, history.length])")


def test_the_screen_is_kept_awake(screen: Page) -> None:
    screen.add_init_script("""
        window.locks = [];
        const request = WakeLock.prototype.request;
        WakeLock.prototype.request = function (type) {
            window.locks.push(type);
            return request.call(this, type);
        };
    """)
    screen.reload()
    wait_until(lambda: screen.evaluate("window.locks") == ["screen"], 5, "a wake lock")


def test_a_hidden_page_goes_on(screen: Page, gate: Gate) -> None:
    set_visibility(screen, "hidden")
    screen.wait_for_timeout(20_000)  # a person's page gives its slots back after 5 s, and closes its streams after 15 s
    assert gate.in_use == 2
    moves(screen)


@pytest.mark.timeout(150)
def test_a_screen_survives_a_restart_of_all_workers_and_of_redis(
    screen: Page, house: Site, redis_of_house: RedisServer
) -> None:
    worker = house.workers[-1]
    worker.process.end()
    redis_of_house.kill()
    expect(tiles(screen, "live")).to_have_count(0, timeout=10_000)
    redis_of_house.start()
    house.start_worker(port=worker.port)
    are_live(screen, 2, BACK)
    moves(screen)


@pytest.mark.timeout(180)
def test_a_screen_survives_a_loss_of_the_network_of_a_minute(screen: Page, network: Link) -> None:
    network.cut()
    expect(tiles(screen, "live")).to_have_count(0, timeout=10_000)
    screen.wait_for_timeout(OUTAGE * 1000)
    network.mend()
    are_live(screen, 2, BACK)
    moves(screen)


@pytest.mark.timeout(240)
def test_an_expired_screen_says_so_and_continues_when_it_is_renewed(screen: Page, house: Site) -> None:
    change_displays(house, "expires", NOW)
    expect(screen.get_by_role("heading", name="This display has expired")).to_be_visible(timeout=TOLD * 1000)
    expect(screen.get_by_text("admin", exact=True)).to_be_visible()
    change_displays(house, "expires", "NULL")
    are_live(screen, 2, TOLD)


def test_a_revoked_screen_says_so(screen: Page, house: Site) -> None:
    change_displays(house, "revoked", NOW)
    expect(screen.get_by_role("heading", name="This display was revoked")).to_be_visible(timeout=TOLD * 1000)


@pytest.mark.parametrize("looks", ["// the page's own"], ids=["own"])
def test_a_changed_wall_is_shown(screen: Page, house: Site, cameras: list[str]) -> None:
    change_wall(house, "lobby", cameras[:1])
    expect(screen.locator(".tile")).to_have_count(1, timeout=TOLD * 1000)
    are_live(screen, 1)


@pytest.mark.timeout(240)
def test_a_stopped_screen_comes_back_after_the_block(screen: Page, house: Site) -> None:
    admin = Session(house.workers[-1].base, "admin")
    for row in admin.json("/api/v1/streams")["items"]:
        admin.post("/admin/streaming/system/stop/", {"viewing": row["id"], "block_seconds": "20"})
    expect(tiles(screen, "closed").first).to_be_visible(timeout=5_000)
    are_live(screen, 2, TOLD + 30)


def test_a_wrong_link_says_so(page: Page, house: Site) -> None:
    for link in ("/display/#nvr_wrong", "/display/"):
        page.goto(house.workers[-1].base + link)
        expect(page.get_by_role("heading", name="This link is not valid")).to_be_visible()
        page.goto("about:blank")
