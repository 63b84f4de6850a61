"""Saved walls, as a person makes and uses them."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from cameras.simulator import Simulator
from tests.browser.chromium import enter
from tests.browser.conftest import HOUSE, Gate
from tests.browser.walls import NAMES, are_live, order, tiles, watched_cameras
from tests.servers import Site, site
from tests.walls import add_wall, remove_walls

SETTINGS = {
    "STREAM_FIRST_FRAME_SECONDS": "10",  # a camera that is late is no failure
    "STREAM_MAX_CONCURRENT": "8",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template, **HOUSE | SETTINGS) as created:
        created.start_worker()
        yield created


@pytest.fixture
def cameras(house: Site, simulator: Simulator) -> Iterator[list[str]]:
    with watched_cameras(house, simulator, NAMES) as ids:
        yield ids
    remove_walls(house)


@pytest.fixture
def person(faultless: Page, base: str, cameras: list[str], cookie: str, gate: Gate) -> Page:
    """A page that is logged in."""
    enter(faultless, base, cookie)
    return faultless


@pytest.fixture
def arranging(person: Page, base: str) -> Page:
    """The wall of all cameras, being arranged."""
    person.goto(f"{base}/wall/")
    are_live(person, 4)
    person.get_by_role("button", name="Arrange").click()
    expect(person.get_by_role("button", name="Cancel").first).to_be_focused()  # there is no camera to add
    return person


def tile(page: Page, name: str) -> Locator:
    return page.locator(f".tile[data-name={name}]")


def drag(page: Page, name: str, target: str) -> None:
    """Drags a tile by its name, without a button under the pointer."""
    for which in (name, target):
        box = tile(page, which).locator(".tile-name").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
        if which == name:
            page.mouse.down()
    page.mouse.up()


def save(page: Page, name: str) -> None:
    page.get_by_role("button", name="Save…").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile("/wall/.+/"))


def test_cameras_are_dragged_sized_and_taken_off_and_a_reload_keeps_it(arranging: Page) -> None:
    page = arranging
    drag(page, "Yard", "Door")
    assert order(page) == ["Yard", "Door", "Gate", "Lobby"]
    page.get_by_role("button", name="Size of Door: 1").click()
    page.get_by_role("button", name="Take Lobby off the wall").click()
    save(page, "Front of the house")
    assert page.url.endswith("/wall/front-of-the-house/")
    page.reload()
    assert order(page) == ["Yard", "Door", "Gate"]
    are_live(page, 3)
    large, small = (tile(page, name).bounding_box() for name in ("Door", "Gate"))
    assert large is not None
    assert small is not None
    assert large["width"] > 1.9 * small["width"]
    expect(page.get_by_label("Wall", exact=True)).to_have_value("/wall/front-of-the-house/")
    height, width = page.evaluate("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]")
    assert (width, height) == (1280, 720)  # nothing scrolls


def test_streams_go_on_while_their_tiles_move(arranging: Page) -> None:
    drag(arranging, "Yard", "Door")
    drag(arranging, "Gate", "Lobby")
    expect(tiles(arranging, "live")).to_have_count(4)


def test_a_tile_is_moved_by_keyboard_and_keeps_the_focus(arranging: Page) -> None:
    page = arranging
    button = page.get_by_role("button", name="Move Door later")
    button.focus()
    for key, expected in (
        ("ArrowRight", ["Gate", "Door", "Lobby", "Yard"]),
        ("Enter", ["Gate", "Lobby", "Door", "Yard"]),
        ("ArrowLeft", ["Gate", "Door", "Lobby", "Yard"]),
    ):
        page.keyboard.press(key)
        assert order(page) == expected
        expect(button).to_be_focused()
    expect(page.locator("[data-moved]")).to_have_text("Door: place 2 of 4")


def test_what_is_cancelled_is_as_before(arranging: Page) -> None:
    page = arranging
    drag(page, "Yard", "Door")
    page.get_by_role("button", name="Size of Door: 1").click()
    page.get_by_role("button", name="Take Lobby off the wall").click()
    page.get_by_role("button", name="Cancel").first.click()
    assert order(page) == list(NAMES)
    are_live(page, 4)
    expect(page.get_by_role("button", name="Arrange")).to_be_focused()
    page.keyboard.press("1")
    expect(page.locator(".tile.enlarged")).to_have_attribute("data-name", "Door")


def test_a_camera_that_was_taken_off_is_added_again_at_the_end(arranging: Page) -> None:
    page = arranging
    page.get_by_role("button", name="Take Gate off the wall").click()
    page.get_by_label("Add a camera").select_option(label="Gate")
    assert order(page) == ["Door", "Lobby", "Yard", "Gate"]
    are_live(page, 4)


def test_what_the_server_refuses_is_told_in_the_dialog(arranging: Page) -> None:
    page = arranging
    page.get_by_role("button", name="Save…").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("name:")
    page.keyboard.press("Escape")
    assert order(page) == list(NAMES)


def test_a_wall_is_deleted(arranging: Page, base: str) -> None:
    page = arranging
    save(page, "Short")
    page.get_by_role("button", name="Arrange").click()
    page.get_by_role("button", name="Save…").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete wall").click()
    page.wait_for_url(f"{base}/wall/")
    expect(page.get_by_label("Wall", exact=True)).to_have_count(0)


def test_pages_turn_by_themselves_with_the_slots_of_one_page_until_they_are_paused(
    person: Page, house: Site, base: str, cameras: list[str], gate: Gate
) -> None:
    add_wall(house, "tour", cameras[:2], per_page=1, cycle_seconds=5)
    person.goto(f"{base}/wall/tour/")
    expect(person.get_by_text("Page 1 of 2")).to_be_visible()
    expect(person.get_by_text("Page 2 of 2")).to_be_visible(timeout=8_000)
    are_live(person, 1)
    gate.becomes(1)
    person.get_by_role("button", name="Pause").click()
    shown = person.locator("[data-page]").inner_text()
    person.wait_for_timeout(6_000)
    assert person.locator("[data-page]").inner_text() == shown


def test_the_place_of_a_camera_that_is_gone_is_empty_and_says_so(
    person: Page, house: Site, base: str, cameras: list[str]
) -> None:
    add_wall(house, "old", [cameras[0], str(uuid.uuid4()), cameras[1]])
    person.goto(f"{base}/wall/old/")
    are_live(person, 2)
    gap = person.locator(".tile[data-gap]")
    expect(gap).to_contain_text("This camera was removed, or you don't have access to it.")
    places = [box["x"] + box["y"] for box in (one.bounding_box() for one in person.locator(".tile").all()) if box]
    assert len(places) == len(set(places)) == 3  # nothing moves up into it
    person.keyboard.press("2")
    expect(person.locator(".tile.enlarged")).to_have_count(0)


def test_a_group_is_chosen(person: Page, house: Site, base: str, cameras: list[str]) -> None:
    house.execute("INSERT INTO cameras_cameragroup (id, name) VALUES (1, 'Outside')")
    for id in cameras[1:3]:
        house.execute(
            "INSERT INTO cameras_cameragroup_cameras (cameragroup_id, camera_id) VALUES (1, ?)", (uuid.UUID(id).hex,)
        )
    try:
        person.goto(f"{base}/wall/")
        person.get_by_label("Group").select_option(label="Outside")
        person.wait_for_url(f"{base}/wall/?group=1")
        assert order(person) == ["Gate", "Lobby"]
        person.get_by_label("Group").select_option(label="All groups")
        person.wait_for_url(lambda url: "group=1" not in url)
        assert order(person) == list(NAMES)
    finally:
        for table in ("cameras_cameragroup_cameras", "cameras_cameragroup"):
            house.execute(f"DELETE FROM {table}")  # noqa: S608


def test_kiosk_mode_is_one_click_away_and_escape_leads_back(
    person: Page, house: Site, base: str, cameras: list[str]
) -> None:
    add_wall(house, "lobby", cameras, owner="viewer")
    person.goto(f"{base}/wall/lobby/")
    person.get_by_role("link", name="Kiosk mode").click()
    person.wait_for_url(f"{base}/wall/lobby/?kiosk=1")
    are_live(person, 4)
    person.keyboard.press("1")
    expect(person.locator(".tile.enlarged")).to_have_count(1)
    person.keyboard.press("Escape")
    expect(person.locator(".tile.enlarged")).to_have_count(0)
    assert "kiosk" in person.url
    person.keyboard.press("Escape")
    person.wait_for_url(f"{base}/wall/lobby/")
