"""The live modal as a person uses it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from cameras.simulator import SimulatedCamera
from tests.browser.conftest import AT_ONCE, LARGE, VIEWER, Gate, assert_fresh, canvas_width, log_in, open_modal
from tests.browser.others import Others
from tests.browser.system.page import PAGE
from tests.client import Session
from tests.servers import PATIENCE, Site, wait_until


@pytest.mark.timing("measures the age of pictures")
def test_the_picture_moves_and_its_clock_is_less_than_half_a_second_behind(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    assert_fresh(cards)


def by_x(page: Page) -> None:
    page.get_by_role("button", name="Close").click()


def by_escape(page: Page) -> None:
    page.keyboard.press("Escape")


def by_going_back(page: Page) -> None:
    page.evaluate("history.back()")


def by_leaving_the_page(page: Page) -> None:
    page.goto(page.url.partition("#")[0] + "healthz")


def by_closing_the_tab(page: Page) -> None:
    page.close()


@pytest.mark.parametrize("close", [by_x, by_escape, by_going_back, by_leaving_the_page, by_closing_the_tab])
def test_closing_frees_the_slot(cards: Page, gate: Gate, close: Callable[[Page], None]) -> None:
    open_modal(cards)
    gate.becomes(1)
    close(cards)
    gate.becomes(0, AT_ONCE)


def test_closing_returns_the_focus_to_the_card(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    cards.keyboard.press("Escape")
    expect(cards.locator("dialog.live-modal")).not_to_be_visible()
    expect(cards.get_by_role("button", name="Live View")).to_be_focused()
    gate.becomes(0, AT_ONCE)


def test_a_click_before_the_modules_have_loaded_is_not_lost(cards: Page, gate: Gate) -> None:
    held: list[Route] = []
    cards.route("**/cards/cameras*.js", lambda route: held.append(route))
    cards.reload(wait_until="commit")
    cards.get_by_role("button", name="Live View").click()
    wait_until(
        lambda: "#live=" in cards.evaluate("location.hash") and bool(held), PATIENCE, "the deep address, a module held"
    )
    held[0].continue_()
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "live")
    gate.becomes(1)
    cards.keyboard.press("Escape")
    gate.becomes(0, AT_ONCE)


@pytest.mark.parametrize("key", ["Enter", " "])
def test_a_card_is_opened_by_the_keys_of_a_button(cards: Page, gate: Gate, key: str) -> None:
    cards.get_by_role("button", name="Live View").press(key)
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "live")
    cards.keyboard.press("Escape")
    gate.becomes(0, AT_ONCE)


def test_the_hash_of_the_address_opens_switches_and_closes(
    cards: Page, gate: Gate, house: Site, yard: SimulatedCamera, camera_id: str, others: Others
) -> None:
    others.enter()  # one slot is left
    porch = house.add_camera("Porch", yard.url)
    try:
        cards.reload()
        name = cards.locator("dialog.live-modal h2")
        for camera, expected in ((camera_id, "Yard"), (porch, "Porch")):
            cards.evaluate("id => { location.hash = `live=${id}` }", camera)
            expect(name).to_have_text(expected)
            expect(cards.locator(VIEWER)).to_have_attribute("data-state", "live")
            gate.becomes(2)
        cards.keyboard.press("Escape")
        expect(cards.locator("dialog.live-modal")).not_to_be_visible()
        wait_until(lambda: cards.evaluate("location.hash") == "", PATIENCE, "an address without a camera")
        gate.becomes(1)
    finally:
        house.remove_camera(porch)


def test_a_card_says_that_no_slot_is_free_and_its_live_view_opens_all_the_same(
    cards: Page, gate: Gate, others: Others
) -> None:
    expect(cards.get_by_test_id("slots")).to_contain_text("0 of 2")
    others.enter()
    others.enter()
    expect(cards.get_by_test_id("slots")).to_contain_text("2 of 2")
    expect(cards.locator("[data-reason]")).to_have_text("All 2 streams are in use")
    cards.get_by_role("button", name="Live View").click()
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", re.compile("refused|waiting"))
    cards.keyboard.press("Escape")
    others.leave()
    expect(cards.locator("[data-reason]")).to_have_text("")


@pytest.mark.timing("the figures come within a second of the refusal")
def test_figures_from_before_a_refusal_offer_no_stream(cards: Page, gate: Gate, others: Others, camera_id: str) -> None:
    old = {"gate": {"in_use": 1, "limit": 2, "available": 1, "state": "open"}, "cameras": {}}
    cards.route("**/stream/metrics", lambda route: route.fulfill(json=old))
    others.enter()
    others.enter()
    cards.goto(f"{cards.url}#live={camera_id}")
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "refused")
    with cards.expect_response("**/stream/metrics"):
        cards.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    cards.wait_for_timeout(100)
    expect(cards.locator(f"{VIEWER} [data-part=noticeTitle]")).to_have_text("All 2 streams are in use", timeout=1)
    expect(cards.locator(VIEWER)).to_contain_text("A stream is free")  # as the next figures say


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("max_per_camera", "This camera has reached its viewer limit"),
        ("max_per_user", "You've reached your stream limit"),
    ],
)
def test_a_card_tells_the_limit_of_its_camera_or_user(
    cards: Page, gate: Gate, others: Others, house: Site, limit: str, words: str
) -> None:
    admin = Session(house.workers[0].base, "admin")
    others.enter()
    assert admin.post(f"{PAGE}limits/", {limit: "1"})[0] == 200
    try:
        expect(cards.locator("[data-reason]")).to_have_text(words)
        expect(cards.locator("[data-state-words]")).to_contain_text("1 of 1" if limit == "max_per_camera" else "1 w")
        cards.get_by_role("button", name="Live View").click()
        expect(cards.locator(VIEWER)).to_contain_text(words)
        expect(cards.locator(".toast")).not_to_be_attached()  # the notice says it
        cards.keyboard.press("Escape")
        others.leave()
        expect(cards.locator("[data-reason]")).to_have_text("")
    finally:
        admin.post(f"{PAGE}limits/", {limit: ""})


@pytest.mark.parametrize("video", [LARGE])
def test_quality_switches_without_a_new_slot(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    gate.becomes(1)
    for quality, width in (("low", 640), ("high", 1280), ("medium", 1280)):
        cards.get_by_label("Quality").select_option(quality)
        expect(cards.locator(VIEWER)).to_have_attribute("data-quality", quality)
        wait_until(lambda width=width: canvas_width(cards) == width, PATIENCE, f"a picture {width} pixels wide")  # type: ignore[misc]
        assert gate.in_use == 1


def test_a_log_out_elsewhere_ends_the_stream_and_offers_to_log_in(
    cards: Page, gate: Gate, base: str, house: Site
) -> None:
    cards.context.clear_cookies()  # those are the other tests' too
    log_in(cards, base)
    open_modal(cards)
    other = cards.context.new_page()
    other.goto(f"{base}/")
    other.get_by_role("button", name="Log out").click()
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "closed")
    expect(cards.get_by_role("link", name="Log in")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844), (1280, 800)])
def test_nothing_is_wider_than_the_screen(cards: Page, gate: Gate, width: int, height: int) -> None:
    cards.set_viewport_size({"width": width, "height": height})
    assert cards.evaluate("document.documentElement.scrollWidth") <= width
    open_modal(cards)
    assert cards.evaluate("document.documentElement.scrollWidth") <= width
    box = cards.locator(f"{VIEWER} canvas").bounding_box()
    assert box is not None
    assert box["width"] <= width


def test_full_screen_takes_two_escapes_to_leave_the_modal(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    cards.get_by_role("button", name="Full screen").click()
    wait_until(lambda: bool(cards.evaluate("document.fullscreenElement !== null")), PATIENCE, "full screen")
    cards.keyboard.press("Escape")
    wait_until(lambda: bool(cards.evaluate("document.fullscreenElement === null")), PATIENCE, "no full screen")
    expect(cards.locator("dialog.live-modal")).to_be_visible()
    cards.keyboard.press("Escape")
    expect(cards.locator("dialog.live-modal")).not_to_be_visible()
    gate.becomes(0, AT_ONCE)
