"""The live modal as a person uses it."""

import base64
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from cameras.simulator import Fault, SimulatedCamera
from cameras.simulator.clock import age_ms
from tests.browser.conftest import Gate, Others
from tests.servers import Site, wait_until

MESSAGE = "Maximum concurrent streams reached. Please close another stream first."
VIEWER = "dialog.live-modal camera-viewer"


def open_modal(page: Page) -> None:
    page.get_by_role("button", name="Live View").click()
    expect(page.locator(VIEWER)).to_have_attribute("data-state", "live")


def picture_age(page: Page) -> float | None:
    """Milliseconds by which the clock in the picture on the canvas is behind; None if it cannot be read."""
    url = page.locator(f"{VIEWER} canvas").evaluate("canvas => canvas.toDataURL('image/jpeg', 0.9)")
    image: Any = cv2.imdecode(np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    return age_ms(image, time.time() * 1000)


def test_the_picture_moves_and_its_clock_is_less_than_half_a_second_behind(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    ages = []
    for _ in range(10):
        cards.wait_for_timeout(200)
        ages.append(picture_age(cards))
    readable = sorted(age for age in ages if age is not None)
    assert len(readable) >= 8
    assert readable[len(readable) // 2] < 500


def _has_width(canvas: Locator, width: int) -> bool:
    return bool(canvas.evaluate("canvas => canvas.width") == width)


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
    gate.becomes(0, 1)


def test_closing_returns_the_focus_to_the_card(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    cards.keyboard.press("Escape")
    expect(cards.locator("dialog.live-modal")).not_to_be_visible()
    expect(cards.get_by_role("button", name="Live View")).to_be_focused()
    gate.becomes(0)


def test_at_the_limit_a_toast_says_so_and_a_free_slot_lets_the_viewer_in(
    cards: Page, gate: Gate, others: Others, camera_id: str
) -> None:
    others.enter()
    others.enter()
    cards.goto(f"{cards.url}#live={camera_id}")
    cards.reload()
    expect(cards.locator(".toast")).to_contain_text(MESSAGE)
    expect(cards.locator(".toast")).to_contain_text("2 of 2")
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "refused")
    others.leave()
    gate.becomes(1)
    cards.get_by_role("button", name="Retry").click()
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "live")
    gate.becomes(2)


def test_a_card_says_why_it_cannot_be_watched_when_no_slot_is_free(cards: Page, gate: Gate, others: Others) -> None:
    expect(cards.get_by_test_id("slots")).to_contain_text("0 of 2")
    others.enter()
    others.enter()
    expect(cards.get_by_test_id("slots")).to_contain_text("2 of 2")
    expect(cards.get_by_role("button", name="Live View")).to_be_disabled()
    expect(cards.locator("main")).to_contain_text("All 2 streams are in use")
    others.leave()
    expect(cards.get_by_role("button", name="Live View")).to_be_enabled()


def test_quality_switches_without_a_new_slot(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    gate.becomes(1)
    for quality, width in (("low", 640), ("high", 1280), ("medium", 1280)):
        cards.get_by_label("Quality").select_option(quality)
        expect(cards.locator(VIEWER)).to_have_attribute("data-quality", quality)
        canvas = cards.locator(f"{VIEWER} canvas")
        wait_until(partial(_has_width, canvas, width), 5, f"the picture is {width} pixels wide")
        assert gate.in_use == 1


def test_a_dead_camera_is_said_to_be_unavailable_and_retry_brings_it_back(
    cards: Page, gate: Gate, yard: SimulatedCamera
) -> None:
    yard.fault = Fault.REFUSE
    cards.reload()
    cards.get_by_role("button", name="Live View").click()
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "unavailable", timeout=10_000)
    expect(cards.get_by_role("heading", name="Stream unavailable")).to_be_visible()
    gate.becomes(0)
    yard.fault = Fault.NONE
    # The stills go on by themselves, marked as such.
    expect(cards.locator(VIEWER)).to_have_attribute("data-picture", "snapshot", timeout=15_000)
    assert gate.in_use == 0
    cards.get_by_role("button", name="Retry").click()
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "live", timeout=10_000)


def test_a_camera_that_drops_is_reconnected_before_the_viewers_eyes(
    cards: Page, gate: Gate, yard: SimulatedCamera
) -> None:
    open_modal(cards)
    yard.fault = Fault.SILENT
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "reconnecting", timeout=10_000)
    yard.fault = Fault.NONE
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "live", timeout=10_000)
    assert gate.in_use == 1


def test_a_worker_that_is_gone_is_reconnected_to_when_it_is_back(cards: Page, house: Site, gate: Gate) -> None:
    open_modal(cards)
    old = house.workers.pop()
    old.process.end()
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "reconnecting")
    house.start_worker(STREAM_MAX_CONCURRENT="2", port=old.port)
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "live", timeout=20_000)
    gate.becomes(1)


def test_a_log_out_elsewhere_ends_the_stream_and_offers_to_log_in(
    cards: Page, gate: Gate, base: str, house: Site
) -> None:
    open_modal(cards)
    other = cards.context.new_page()
    other.goto(f"{base}/")
    other.get_by_role("button", name="Log out").click()
    expect(cards.locator(VIEWER)).to_have_attribute("data-state", "closed", timeout=15_000)
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
    wait_until(lambda: bool(cards.evaluate("document.fullscreenElement !== null")), 5, "full screen")
    cards.keyboard.press("Escape")
    wait_until(lambda: bool(cards.evaluate("document.fullscreenElement === null")), 5, "no full screen")
    expect(cards.locator("dialog.live-modal")).to_be_visible()
    cards.keyboard.press("Escape")
    expect(cards.locator("dialog.live-modal")).not_to_be_visible()
    gate.becomes(0)
