"""The waiting line on the page: who waits, *Move to front* and *Remove*."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.others import Others
from tests.browser.system.page import ACROSS, MESSAGE, save_limit, turn_to
from tests.servers import PATIENCE, wait_until


def fill(page: Page, here: Others, there: Others) -> Locator:
    """One viewer holds the only slot, and two wait for it. Returns the rows of the line."""
    turn_to(page, "Limits")
    save_limit(page, "max_concurrent", "1")
    expect(page.get_by_test_id("limit")).to_have_text("1", timeout=ACROSS)
    there.until_limit(1)
    here.enter()
    here.wait()
    there.wait()
    turn_to(page, "Now")
    expect(page.get_by_test_id("waiting")).to_have_text("2 waiting", timeout=ACROSS)
    page.get_by_test_id("waiting").click()
    rows = page.get_by_test_id("line-row")
    expect(rows).to_have_count(2, timeout=ACROSS)
    return rows


def test_an_administrator_sees_the_line_and_lets_one_be_next(system: Page, here: Others, there: Others) -> None:
    turn_to(system, "Line")
    nobody = system.get_by_text("Nobody is waiting for a stream.")
    expect(nobody).to_be_visible()
    expect(system.get_by_text("Held back by")).not_to_be_visible()
    rows = fill(system, here, there)
    expect(nobody).not_to_be_visible()
    expect(rows.nth(0)).to_contain_text(
        re.compile(r"1.*viewer.*Yard.*\d s, since.*All streams in use.*Normal", re.DOTALL)
    )
    expect(rows.nth(0).get_by_role("button", name="Move to front")).to_be_disabled()
    button = system.get_by_role("button", name="Move to front: viewer2, Yard")
    button.press("Enter")
    expect(rows.nth(0)).to_contain_text(re.compile("viewer2.*Moved to front", re.DOTALL))
    expect(button).to_be_focused()
    expect(system.locator("[data-place=line-said]")).to_have_text("viewer2 is next in line.")
    here.leave(0)
    wait_until(lambda: there.pictures > 0, PATIENCE, "the one who was moved has a picture")
    expect(rows).to_have_count(1, timeout=ACROSS)
    expect(rows).to_contain_text("1")
    for width in (390, 1280):
        system.set_viewport_size({"width": width, "height": 844})
        assert system.evaluate("document.documentElement.scrollWidth <= innerWidth")
        box, row = (it.bounding_box() for it in (rows.get_by_role("button", name="Remove"), rows))
        assert box and row
        assert row["y"] <= box["y"] and box["y"] + box["height"] <= row["y"] + row["height"]


def test_a_viewer_is_removed_with_a_message(system: Page, here: Others, there: Others) -> None:
    rows = fill(system, here, there)
    dialog = system.get_by_test_id("stop-dialog")
    system.get_by_role("button", name="Remove: viewer2, Yard").click()
    expect(dialog).to_contain_text("Remove viewer2 from the line?")
    expect(dialog.get_by_label("Message to viewer")).to_have_value(re.compile("removed you from the waiting line"))
    expect(dialog.get_by_label("Block this user for")).not_to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    expect(rows).to_have_count(2)
    system.get_by_role("button", name="Remove: viewer2, Yard").click()
    dialog.get_by_label("Message to viewer").fill(MESSAGE)
    dialog.get_by_role("button", name="Remove").click()
    expect(rows).to_have_count(1, timeout=ACROSS)
    wait_until(lambda: bool(there.ended()), PATIENCE, "the viewer is told")
    assert [(error["code"], error["message"]) for error in there.ended()] == [(4410, MESSAGE)]
    expect(system.locator("[data-place=line-said]")).to_be_focused()
    expect(system.locator("[data-place=line-said]")).to_have_text("viewer2 was removed from the line.")
