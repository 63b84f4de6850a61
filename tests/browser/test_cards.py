"""The page of cards as a person uses it: search, groups, an order of one's own, and many cameras."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from cameras.simulator import SimulatedCamera
from tests.browser.chromium import enter
from tests.browser.conftest import LATE_CAMERAS, Gate
from tests.client import Session
from tests.servers import Site, wait_until

SETTINGS = LATE_CAMERAS
NAMES = ("Door", "Gate", "Lobby", "Yard")
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
on_both = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])


@pytest.fixture
def ids(house: Site, yard: SimulatedCamera) -> Iterator[dict[str, str]]:
    """Four cameras; *Gate* and *Yard* are in the group *Outside*."""
    added = {name: house.add_camera(name, yard.url) for name in NAMES}
    house.execute("INSERT INTO cameras_cameragroup (id, name) VALUES (1, 'Outside')")
    for name in ("Gate", "Yard"):
        values = (1, added[name].replace("-", ""))
        house.execute("INSERT INTO cameras_cameragroup_cameras (cameragroup_id, camera_id) VALUES (?, ?)", values)
    yield added
    house.execute("DELETE FROM cameras_cameragroup_cameras")
    house.execute("DELETE FROM cameras_cameragroup")
    house.execute("DELETE FROM cameras_cardorder")
    for id in added.values():
        house.remove_camera(id)


@pytest.fixture
def cards(faultless: Page, base: str, ids: dict[str, str], cookie: str, gate: Gate) -> Page:
    enter(faultless, base, cookie)
    return faultless


def card(page: Page, name: str) -> Locator:
    return page.locator(f'.card[data-name="{name}"]')


def shown(page: Page) -> list[str]:
    names: list[str] = page.locator(".card:not([hidden])").evaluate_all("all => all.map((card) => card.dataset.name)")
    return names


def becomes(page: Page, *names: str) -> None:
    wait_until(lambda: shown(page) == list(names), 5, f"the cards are {names}, not {shown(page)}")


@on_both
def test_search_and_group_show_what_matches_and_stay_in_the_address(cards: Page, size: dict[str, int]) -> None:
    cards.set_viewport_size(size)  # type: ignore[arg-type]
    cards.get_by_label("Group").select_option("Outside")
    becomes(cards, "Gate", "Yard")
    cards.get_by_label("Search cameras").fill("YAR")
    becomes(cards, "Yard")
    expect(cards.locator("[data-announcer]")).to_have_text("1 camera")
    cards.reload()
    becomes(cards, "Yard")
    cards.get_by_label("Search cameras").fill("nothing of the kind")
    becomes(cards)
    assert cards.evaluate("document.documentElement.scrollWidth") <= size["width"]
    cards.get_by_role("button", name="Show all cameras").click()
    becomes(cards, *NAMES)
    expect(cards.get_by_label("Search cameras")).to_be_focused()
    assert "?" not in cards.url


def arrange(page: Page) -> None:
    page.get_by_role("button", name="Arrange").click()
    expect(page.get_by_role("button", name="Live View: Yard")).not_to_be_visible()


@on_both
def test_cards_are_moved_by_keys_and_the_order_is_kept(cards: Page, size: dict[str, int]) -> None:
    cards.set_viewport_size(size)  # type: ignore[arg-type]
    arrange(cards)
    handle = cards.get_by_role("button", name="Move Yard")
    handle.focus()
    with cards.expect_response("**/cards/order/"):
        cards.keyboard.press("ArrowLeft")
    becomes(cards, "Door", "Gate", "Yard", "Lobby")
    expect(cards.locator("[data-announcer]")).to_have_text("Yard: place 3 of 4")
    with cards.expect_response("**/cards/order/"):
        cards.keyboard.press("Home")
    expect(handle).to_be_focused()
    cards.keyboard.press("ArrowUp")  # is the first already
    becomes(cards, "Yard", "Door", "Gate", "Lobby")
    cards.get_by_role("button", name="Done").click()
    expect(cards.get_by_role("button", name="Live View: Yard")).to_be_visible()
    cards.reload()
    becomes(cards, "Yard", "Door", "Gate", "Lobby")
    arrange(cards)
    with cards.expect_response("**/cards/order/"):
        cards.get_by_role("button", name="By name").click()
    cards.reload()
    becomes(cards, *NAMES)


def middle(locator: Locator) -> tuple[float, float]:
    box = locator.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_card_is_dragged_by_the_mouse_past_several_others(cards: Page) -> None:
    cards.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    arrange(cards)
    cards.mouse.move(*middle(card(cards, "Yard")))
    cards.mouse.down()
    for name in ("Lobby", "Gate", "Door"):
        cards.mouse.move(*middle(card(cards, name)), steps=4)
    with cards.expect_response("**/cards/order/"):
        cards.mouse.up()
    becomes(cards, "Yard", "Door", "Gate", "Lobby")
    cards.reload()
    becomes(cards, "Yard", "Door", "Gate", "Lobby")


def test_a_finger_drags_a_card_by_its_handle(cards: Page) -> None:
    cards.set_viewport_size(PHONE)  # type: ignore[arg-type]
    devtools = cards.context.new_cdp_session(cards)
    devtools.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    arrange(cards)
    x, y = middle(cards.get_by_role("button", name="Move Door"))
    _, below = middle(card(cards, "Gate"))

    def touch(kind: str, *points: tuple[float, float]) -> None:
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    touch("touchStart", (x, y))
    for share in range(1, 11):
        touch("touchMove", (x, y + (below - y) * share / 10))
    with cards.expect_response("**/cards/order/"):
        touch("touchEnd")
    becomes(cards, "Gate", "Door", "Lobby", "Yard")


def test_an_order_that_cannot_be_saved_says_so(cards: Page) -> None:
    cards.route("**/cards/order/", lambda route: route.abort())
    arrange(cards)
    cards.get_by_role("button", name="Move Yard").press("Home")
    expect(cards.locator(".toast")).to_contain_text("The order was not saved")


@pytest.fixture
def many(house: Site, yard: SimulatedCamera) -> Iterator[None]:
    added = [house.add_camera(f"Many {number:03}", yard.url) for number in range(200)]
    yield
    for id in added:
        house.remove_camera(id)


def test_of_two_hundred_cameras_only_the_visible_ones_load_stills_and_one_request_tells_all_states(
    page: Page, base: str, cookie: str, gate: Gate, many: None
) -> None:
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    stills: set[str] = set()
    states: list[str] = []

    def note(request: Request) -> None:
        if "/snapshot" in request.url:
            stills.add(request.url)
        elif request.url.endswith("/stream/metrics"):
            states.append(request.url)

    page.on("request", note)
    started = time.monotonic()
    enter(page, base, cookie)
    loaded = page.locator(".still img:not([hidden])")
    expect(loaded.nth(7)).to_be_visible(timeout=15_000)
    page.wait_for_timeout(2_000)
    first = len(stills)
    assert 8 <= first <= 20, first
    assert 1 <= len(states) <= 1 + (time.monotonic() - started) / 2, states  # 2 s after each answer
    card(page, "Many 199").scroll_into_view_if_needed()
    expect(card(page, "Many 199").locator("img")).to_be_visible(timeout=15_000)
    page.wait_for_timeout(1_000)
    assert len(stills) < first + 40, "not those that were passed by"


@on_both
def test_the_own_password_is_changed_from_the_head_which_has_one_line(
    faultless: Page, base: str, house: Site, size: dict[str, int]
) -> None:
    faultless.set_viewport_size(size)  # type: ignore[arg-type]
    enter(faultless, base, Session(base, "admin").cookie)  # with the most links
    box = faultless.get_by_role("banner").bounding_box()
    assert box is not None
    assert box["height"] < 64
    expect(faultless.get_by_role("button", name="Log out")).to_be_visible()
    faultless.get_by_role("link", name="admin", exact=True).click()
    expect(faultless.get_by_role("heading", name="Change password")).to_be_visible()
