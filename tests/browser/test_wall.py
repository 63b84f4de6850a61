"""The wall of all cameras, as a person uses it. Somebody else may be at another worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, WebSocket, expect

from cameras.simulator import Simulator
from tests.browser.chromium import enter
from tests.browser.conftest import AT_ONCE, HOUSE, Gate
from tests.browser.others import Others
from tests.browser.system.page import PAGE
from tests.browser.walls import NAMES, are_live, picture, set_visibility, tiles, watched_cameras
from tests.client import Session
from tests.servers import PASSWORD, PATIENCE, Site, site, wait_until

SETTINGS = {
    "STREAM_FIRST_FRAME_SECONDS": "10",  # a camera that is late is no failure
    "STREAM_MAX_CONCURRENT": "4",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    """An installation with two workers and four slots."""
    with site(tmp_path_factory.mktemp("site"), template, **HOUSE | SETTINGS) as created:
        created.start_workers(2)
        yield created


@pytest.fixture
def cameras(house: Site, simulator: Simulator) -> Iterator[list[str]]:
    """Four cameras."""
    with watched_cameras(house, simulator, NAMES, (1280, 720), 10) as ids:
        yield ids


@pytest.fixture
def wall(faultless: Page, sockets: list[WebSocket], base: str, cameras: list[str], cookie: str, gate: Gate) -> Page:
    enter(faultless, base, cookie)
    faultless.get_by_role("link", name="Wall").click()
    return faultless


@pytest.fixture
def strangers(house: Site, cameras: list[str]) -> Iterator[Others]:
    """Another user, at the other worker."""
    viewers = Others(Session(house.workers[1].base, "viewer2"), cameras[0])
    yield viewers
    viewers.end()


@pytest.fixture
def two_slots(house: Site) -> Iterator[Session]:
    admin = Session(house.workers[0].base, "admin")
    assert admin.post(f"{PAGE}limits/", {"max_concurrent": "2"})[0] == 200
    yield admin
    admin.post(f"{PAGE}limits/", {"max_concurrent": ""})


def enlarge(page: Page, name: str) -> Locator:
    page.get_by_role("button", name=f"Enlarge {name}").click()
    tile = page.locator(f".tile.enlarged[data-name={name}]")
    expect(tile).to_be_visible()
    return tile


def is_focused(page: Page, name: str) -> None:
    expect(page.get_by_role("button", name=f"Enlarge {name}")).to_be_focused()


def test_four_cameras_move_within_seconds_and_hold_four_slots(wall: Page, gate: Gate, sockets: list[WebSocket]) -> None:
    are_live(wall, 4)
    gate.becomes(4)
    assert len(sockets) == 4
    assert all("quality=low" in socket.url and "background=1" in socket.url for socket in sockets)
    before = {name: picture(wall, name) for name in NAMES}
    wait_until(lambda: all(picture(wall, name) != before[name] for name in NAMES), PATIENCE, "other pictures")
    height, width = wall.evaluate("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]")
    assert (width, height) == (1280, 720)  # nothing scrolls
    for name in NAMES:
        tile = wall.locator(f".tile[data-name={name}]")
        expect(tile.get_by_role("heading", name=name)).to_be_visible()
        expect(tile).to_contain_text("Live")


def test_two_slots_show_two_streams_and_two_labeled_stills_that_become_live_by_themselves(
    two_slots: Session, wall: Page, gate: Gate
) -> None:
    are_live(wall, 2)
    waiting = tiles(wall, "waiting")
    expect(waiting).to_have_count(2)
    for index in (0, 1):
        expect(waiting.nth(index)).to_have_attribute("data-picture", "snapshot")
        expect(waiting.nth(index)).to_contain_text("Snapshot")
    expect(waiting.first).to_contain_text("You are next")
    gate.becomes(2)
    two_slots.post(f"{PAGE}limits/", {"max_concurrent": "4"})
    are_live(wall, 4)


@pytest.mark.timing("the slot is free at once: sooner than a lost one")
def test_leaving_the_page_frees_all_slots_at_once(wall: Page, gate: Gate) -> None:
    are_live(wall, 4)
    gate.becomes(4)
    wall.get_by_role("link", name="Cameras").click()
    gate.becomes(0, AT_ONCE)


def test_a_hidden_page_gives_its_slots_back_after_five_seconds_and_gets_them_again(wall: Page, gate: Gate) -> None:
    are_live(wall, 4)
    set_visibility(wall, "hidden")
    gate.becomes(0, 15)
    set_visibility(wall, "visible")
    are_live(wall, 4)


def test_a_tile_is_enlarged_and_made_small_again_on_the_same_socket(
    wall: Page, gate: Gate, sockets: list[WebSocket]
) -> None:
    are_live(wall, 4)
    tile = enlarge(wall, "Lobby")
    viewer = tile.locator("camera-viewer")
    expect(wall.get_by_role("button", name="Back to the wall")).to_be_focused()
    expect(viewer).not_to_have_attribute("data-quality", "low")
    expect(tile.get_by_label("Quality")).to_be_visible()
    tile.locator("canvas").click()
    expect(wall.locator(".tile.enlarged")).to_have_count(0)
    expect(wall.locator(".tile[data-name=Lobby] camera-viewer")).to_have_attribute("data-quality", "low")
    is_focused(wall, "Lobby")
    are_live(wall, 4)
    assert len(sockets) == 4


def test_a_tile_of_a_small_camera_shows_its_own_video(
    faultless: Page, house: Site, simulator: Simulator, base: str, cookie: str, gate: Gate
) -> None:
    with watched_cameras(house, simulator, ("Door",), (640, 360), 15):
        enter(faultless, base, cookie)
        faultless.get_by_role("link", name="Wall").click()
        viewer = faultless.locator(".tile camera-viewer")
        expect(viewer).to_have_attribute("data-quality", "original")  # within five seconds its size is known
        are_live(faultless, 1)


def test_covered_tiles_give_their_slots_back_until_they_are_seen_again(wall: Page, gate: Gate) -> None:
    are_live(wall, 4)
    enlarge(wall, "Gate")
    gate.becomes(1, 15)
    wall.keyboard.press("Escape")
    are_live(wall, 4)


def test_the_wall_is_used_by_keyboard(wall: Page, gate: Gate) -> None:
    are_live(wall, 4)  # two rows of two
    for key, name in (("ArrowRight", "Door"), ("ArrowRight", "Gate"), ("ArrowDown", "Yard"), ("ArrowLeft", "Lobby")):
        wall.keyboard.press(key)
        is_focused(wall, name)
    wall.keyboard.press("Enter")
    expect(wall.locator(".tile.enlarged")).to_have_attribute("data-name", "Lobby")
    wall.keyboard.press("2")
    expect(wall.locator(".tile.enlarged")).to_have_attribute("data-name", "Gate")
    wall.keyboard.press("Escape")
    expect(wall.locator(".tile.enlarged")).to_have_count(0)
    is_focused(wall, "Gate")
    wall.keyboard.press("f")
    wait_until(lambda: bool(wall.evaluate("document.fullscreenElement?.matches('.wall')")), PATIENCE, "full screen")


def test_the_tiles_that_do_not_fit_on_the_screen_are_on_another_page(wall: Page, gate: Gate) -> None:
    are_live(wall, 4)
    wall.set_viewport_size({"width": 320, "height": 240})
    expect(wall.get_by_text("Page 1 of 2")).to_be_visible()
    gate.becomes(2, 15)
    wall.get_by_role("button", name="Next page").click()
    expect(wall.get_by_role("button", name="Enlarge Yard")).to_be_visible()
    expect(wall.get_by_role("button", name="Enlarge Door")).not_to_be_visible()
    gate.becomes(2, 15)


@pytest.mark.timing("two seconds, which are promised")
def test_a_person_who_waits_gets_a_slot_of_the_wall_within_two_seconds(
    wall: Page, gate: Gate, strangers: Others
) -> None:
    are_live(wall, 4)
    strangers.wait()
    wait_until(lambda: strangers.pictures > 0, 3, "a picture")
    expect(tiles(wall, "waiting")).to_have_count(1)
    gate.becomes(4)
    strangers.leave()
    are_live(wall, 4)


def test_whoever_is_logged_out_logs_in_and_is_back(page: Page, base: str, cameras: list[str]) -> None:
    page.goto(f"{base}/wall/")
    page.get_by_label("Username").fill("viewer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{base}/wall/")
    are_live(page, 4)
