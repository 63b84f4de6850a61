import pytest
from playwright.sync_api import Page

from tests.browser.conftest import *


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_shots(cards: Page, gate, scheme, others, yard) -> None:
    cards.emulate_media(color_scheme=scheme)
    for w, h in ((390, 844), (1280, 800), (844, 390), (320, 640)):
        cards.set_viewport_size({"width": w, "height": h})
        open_modal(cards)
        cards.wait_for_timeout(1500)
        cards.screenshot(path=f"/tmp/shots/{scheme}-{w}-live.png")
        cards.keyboard.press("i"); cards.keyboard.press("+")
        cards.wait_for_timeout(1000)
        cards.screenshot(path=f"/tmp/shots/{scheme}-{w}-figures.png")
        cards.keyboard.press("i")
        print(w, cards.evaluate("[document.documentElement.scrollWidth, document.querySelector('dialog').scrollWidth, document.querySelector('.controls').scrollWidth, document.querySelector('.controls').clientWidth]"))
        cards.keyboard.press("Escape")
        cards.wait_for_timeout(500)
