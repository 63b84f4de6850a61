"""The controls around the picture: saving, zoom, picture in picture; and cards that are about to be opened."""

import re
from pathlib import Path

import cv2
import pytest
from playwright.sync_api import Page, expect

from cameras.simulator import Fault, SimulatedCamera
from tests.browser.conftest import AT_ONCE, VIEWER, Gate, becomes, open_modal
from tests.servers import PATIENCE, wait_until

CANVAS = f"{VIEWER} canvas"


def transform(page: Page) -> str:
    text: str = page.locator(CANVAS).evaluate("canvas => canvas.style.transform")
    return text


def test_a_picture_is_saved_under_the_camera_s_name_and_the_time(cards: Page, gate: Gate, tmp_path: Path) -> None:
    open_modal(cards)
    with cards.expect_download() as download:
        cards.get_by_role("button", name="Save picture").click()
    assert re.fullmatch(r"Yard \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.jpg", download.value.suggested_filename)
    file = tmp_path / "picture.jpg"
    download.value.save_as(file)
    picture = cv2.imread(str(file))
    assert picture is not None
    assert picture.shape == (360, 640, 3)
    assert picture.std() > 10, "not an empty canvas"
    expect(cards.locator("dialog.live-modal")).to_be_visible()


def test_zoom_by_keys_wheel_and_double_click(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    cards.keyboard.press("+")
    assert "scale(1.5)" in transform(cards)
    before = transform(cards)
    cards.keyboard.press("ArrowRight")
    assert transform(cards) != before
    for _ in range(20):
        cards.keyboard.press("ArrowRight")
    box, stage = cards.locator(CANVAS).bounding_box(), cards.locator(f"{VIEWER} .stage").bounding_box()
    assert box and stage
    assert box["x"] + box["width"] == pytest.approx(stage["x"] + stage["width"], abs=1), "no edge comes into sight"
    cards.keyboard.press("0")
    assert transform(cards) == ""
    cards.locator(CANVAS).hover(position={"x": 10, "y": 10})
    cards.mouse.wheel(0, -500)
    wait_until(lambda: "scale(2.7" in transform(cards), PATIENCE, "the wheel zooms")
    cards.get_by_role("button", name="Show the whole picture").click()
    assert transform(cards) == ""
    cards.locator(CANVAS).dblclick()
    assert "scale(2.25)" in transform(cards)
    cards.keyboard.press("Escape")
    open_modal(cards)
    assert transform(cards) == ""


def test_two_fingers_zoom(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    box = cards.locator(CANVAS).bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fingers = cards.context.new_cdp_session(cards)

    def touch(type: str, apart: float) -> None:
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}] if apart else []
        fingers.send("Input.dispatchTouchEvent", {"type": type, "touchPoints": points})

    touch("touchStart", 50)
    for apart in (60, 80, 100):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    wait_until(lambda: "scale(2)" in transform(cards), PATIENCE, "twice as large")


def test_everything_is_reached_by_the_keyboard_and_has_a_name(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    becomes(cards, "picture", "live")
    reached = []
    for _ in range(10):
        cards.keyboard.press("Tab")
        reached.append(cards.evaluate("document.activeElement.ariaLabel ?? document.activeElement.dataset.part"))
    tools = {"Figures", "Save picture", "Picture in picture", "Full screen"}
    assert {"Close", "Keyboard shortcuts", "quality", *tools} <= set(reached)


def test_picture_in_picture_keeps_the_stream_of_a_hidden_page(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    button = cards.get_by_role("button", name="Picture in picture")
    button.click()
    try:
        expect(button).to_have_attribute("aria-pressed", "true", timeout=5_000)
    except AssertionError:
        pytest.skip("This Chromium has no window for picture in picture")
    cards.keyboard.press("Escape")
    wait_until(
        lambda: bool(cards.evaluate("document.pictureInPictureElement === null")),
        PATIENCE,
        "the small window is closed",
    )
    gate.becomes(0, AT_ONCE)


SMALL_WINDOW = """() => {
    HTMLVideoElement.prototype.requestPictureInPicture = async function () { window.small = this; };
    document.exitPictureInPicture = async () => {};
}"""
BRIGHTNESS = """() => {
    const context = Object.assign(document.createElement("canvas"), { width: 64, height: 36 }).getContext("2d");
    context.drawImage(window.small, 0, 0, 64, 36);
    const { data } = context.getImageData(0, 0, 64, 36);
    return data.reduce((sum, value) => sum + value, 0) / data.length;
}"""


def test_a_picture_that_stands_still_is_dimmed_in_picture_in_picture_too(
    cards: Page, gate: Gate, yard: SimulatedCamera
) -> None:
    """Its window is the browser's own: what it is given is looked at."""
    cards.evaluate(SMALL_WINDOW)
    open_modal(cards)
    becomes(cards, "picture", "live")
    cards.get_by_role("button", name="Picture in picture").click()
    wait_until(lambda: bool(cards.evaluate("window.small?.videoWidth === 640")), PATIENCE, "the small window opens")
    for _ in range(10):  # until the camera was not late at that moment: a late one is dimmed
        becomes(cards, "state", "live")
        cards.wait_for_timeout(500)
        live = cards.evaluate(BRIGHTNESS)
        if cards.locator(VIEWER).get_attribute("data-state") == "live":
            break
    yard.fault = Fault.SILENT
    becomes(cards, "state", "reconnecting")
    wait_until(lambda: bool(cards.evaluate(BRIGHTNESS) < 0.8 * live), PATIENCE, "the small window is dimmed")
    yard.fault = Fault.NONE
    becomes(cards, "state", "live", 30)
    wait_until(lambda: bool(cards.evaluate(BRIGHTNESS) > 0.95 * live), PATIENCE, "the small window is bright again")


@pytest.mark.timing("the next still comes by itself after ten seconds")
def test_a_card_under_the_pointer_gets_a_fresh_still_and_takes_no_slot(cards: Page, gate: Gate) -> None:
    expect(cards.locator(".card img")).to_be_visible(timeout=10_000)
    cards.wait_for_timeout(3_100)
    with cards.expect_request("**/snapshot?*", timeout=2_000):
        cards.locator(".card").hover()
    assert gate.in_use == 0
