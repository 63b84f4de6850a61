"""The list of keyboard shortcuts, controls that hide in full screen, and *Retry*, which is there only when it has a use."""

import pytest
from playwright.sync_api import Page, WebSocket, expect

from cameras.simulator import Fault, SimulatedCamera
from tests.browser.conftest import VIEWER, Gate, becomes, open_modal
from tests.servers import PATIENCE, wait_until

IDLE = 3.0  # seconds without a touch


def test_the_list_of_shortcuts_keeps_their_keys_for_itself_and_closes_alone(cards: Page, gate: Gate) -> None:
    keys, figures = cards.get_by_test_id("keys"), cards.locator(f"{VIEWER} .figures")
    cards.keyboard.press("?")
    expect(keys).not_to_be_visible()  # no shortcut works on the cards
    open_modal(cards)
    cards.keyboard.press("?")
    expect(keys).to_be_visible()
    expect(keys).to_contain_text("Save picture")
    cards.keyboard.press("i")
    expect(figures).not_to_be_visible()
    cards.keyboard.press("Escape")
    expect(keys).not_to_be_visible()
    expect(cards.locator("dialog.live-modal")).to_be_visible()
    cards.keyboard.press("i")
    expect(figures).to_be_visible()
    button = cards.get_by_role("button", name="Keyboard shortcuts")
    button.click()
    expect(keys).to_be_visible()
    cards.keyboard.press("?")
    expect(keys).not_to_be_visible()
    expect(button).to_be_focused()


def test_the_wall_lists_its_shortcuts_too(cards: Page, gate: Gate) -> None:
    cards.get_by_role("link", name="Wall").click()
    cards.get_by_role("button", name="Enlarge Yard").wait_for()
    keys, enlarged = cards.get_by_test_id("keys"), cards.locator(".tile.enlarged")
    cards.keyboard.press("?")
    expect(keys).to_contain_text("Enlarge a tile")
    cards.keyboard.press("1")
    expect(enlarged).to_have_count(0)
    keys.get_by_role("button", name="Close").click()
    cards.keyboard.press("1")
    expect(enlarged).to_have_count(1)
    cards.keyboard.press("?")
    cards.keyboard.press("Escape")
    expect(keys).not_to_be_visible()
    expect(enlarged).to_have_count(1)


@pytest.mark.timing("controls hide after three seconds and are back within one")
def test_controls_hide_in_full_screen_until_somebody_moves(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    viewer, controls = cards.locator(VIEWER), cards.locator(f"{VIEWER} .controls")
    cards.wait_for_timeout(IDLE * 1000 + 300)
    expect(controls).to_have_css("opacity", "1")  # not in full screen
    cards.get_by_role("button", name="Full screen").click()
    wait_until(lambda: bool(cards.evaluate("document.fullscreenElement !== null")), PATIENCE, "full screen")
    cards.wait_for_timeout(500)  # for the layout
    stage = cards.locator(f"{VIEWER} .stage").bounding_box()
    expect(controls).to_have_css("opacity", "0", timeout=(IDLE + 2) * 1000)
    assert cards.locator(f"{VIEWER} .stage").bounding_box() == stage  # nothing jumps
    cards.mouse.move(300, 300)
    expect(controls).to_have_css("opacity", "1", timeout=1_000)
    expect(controls).to_have_css("opacity", "0", timeout=(IDLE + 2) * 1000)
    cards.keyboard.press("f")
    expect(controls).to_have_css("opacity", "1", timeout=1_000)
    assert not viewer.evaluate("viewer => viewer.hasAttribute('data-idle')")


@pytest.mark.timing("controls hide after three seconds and are back within one")
def test_the_controls_of_a_wall_hide_in_full_screen_and_the_tiles_stay(cards: Page, gate: Gate) -> None:
    cards.get_by_role("link", name="Wall").click()
    tile, head = cards.locator(".tile"), cards.locator(".wall-head")
    becomes_live = cards.locator(".tile camera-viewer")
    expect(becomes_live).to_have_attribute("data-state", "live")
    cards.keyboard.press("f")
    wait_until(lambda: bool(cards.evaluate("document.fullscreenElement !== null")), PATIENCE, "full screen")
    expect(head).to_have_css("opacity", "1")
    cards.wait_for_timeout(500)  # for the layout
    before = tile.bounding_box()
    expect(head).to_have_css("opacity", "0", timeout=(IDLE + 2) * 1000)
    assert tile.bounding_box() == before
    cards.mouse.move(200, 200, steps=3)
    expect(head).to_have_css("opacity", "1", timeout=1_000)


def test_retry_is_offered_only_when_there_is_something_to_retry(
    cards: Page, sockets: list[WebSocket], gate: Gate, yard: SimulatedCamera
) -> None:
    open_modal(cards)
    retry = cards.get_by_role("button", name="Retry")
    expect(retry).not_to_be_visible()
    cards.keyboard.press("r")
    cards.wait_for_timeout(300)
    assert len(sockets) == 1
    yard.fault = Fault.SILENT
    becomes(cards, "state", "reconnecting")
    expect(retry).to_be_visible()
    with cards.expect_websocket():
        retry.press("Enter")
    becomes(cards, "state", "connecting")
    expect(cards.get_by_role("button", name="Figures")).to_be_focused()  # the shortcuts still work
    yard.fault = Fault.NONE
    becomes(cards, "state", "live", 30)
    expect(retry).not_to_be_visible()
    assert len(sockets) == 2
