"""Viewers on the page are stopped, blocked and unblocked. A user who may only look sees no controls."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import enter
from tests.browser.conftest import VIEWER, open_modal
from tests.browser.others import Others
from tests.browser.system.page import ACROSS, MESSAGE, PAGE, row_of, turn_to
from tests.client import Session
from tests.servers import PATIENCE, Site, wait_until

REFUSED_LONG_AGO = """
from datetime import timedelta
from django.utils import timezone
from streaming.models import Refusal
for days in range(1, 29):
    Refusal.objects.create(time=timezone.now() - timedelta(days=days), reason="user_limit_reached")
"""


def test_a_stopped_viewer_reads_why_and_is_kept_out_for_as_long_as_was_chosen_wherever_they_ask(
    system: Page, browser: Browser, pair: Site, yard_id: str, there: Others
) -> None:
    there.enter()
    context = browser.new_context()
    watching = context.new_page()
    session = Session(pair.workers[1].base, "guard")
    enter(watching, session.base, session.cookie)
    open_modal(watching)
    row_of(system, "viewer2").wait_for()
    system.get_by_role("row", name="guard Yard").get_by_role("button", name="Stop").click()
    dialog = system.get_by_test_id("stop-dialog")
    dialog.get_by_label("Message to viewer").fill(MESSAGE)
    dialog.get_by_label("Block this user for").select_option("1 minute")
    dialog.get_by_test_id("stop-confirm").click()
    expect(watching.locator(VIEWER)).to_have_attribute("data-state", "closed", timeout=ACROSS)
    expect(watching.locator(VIEWER)).to_contain_text(MESSAGE)
    expect(watching.locator(VIEWER)).to_contain_text("You can watch again in")
    expect(dialog).not_to_be_visible()
    expect(system.get_by_test_id("in-use")).to_have_text("1", timeout=ACROSS)
    expect(row_of(system, "viewer2")).to_have_count(1)  # nobody else was meant
    expect(watching.get_by_role("button", name="Retry")).not_to_be_visible()  # it would be refused
    watching.keyboard.press("r")
    expect(watching.locator(VIEWER)).to_contain_text(f"{MESSAGE} You can watch again in")
    elsewhere = Others(Session(pair.workers[0].base, "guard"), yard_id)
    refusal = elsewhere.refused()
    elsewhere.end()
    assert (refusal["code"], refusal["reason"], refusal["message"]) == (4410, "stopped_by_administrator", MESSAGE)
    assert 0 < refusal["retry_after"] <= 60
    context.close()
    system.goto(f"{pair.workers[0].base}/admin/")
    expect(system.get_by_text(f"Stopped the stream of guard at Yard, blocked for 60 s: {MESSAGE}")).to_be_visible()


def test_a_blocked_user_is_seen_and_let_in_and_the_focus_stays(
    system: Page, pair: Site, yard_id: str, admin: Session, there: Others
) -> None:
    wait_until(lambda: not admin.json(f"{PAGE}usage/")["viewers"], PATIENCE, "nobody of the test before")
    guard = Others(Session(pair.workers[0].base, "guard"), yard_id)
    blocked, rows = system.locator("#blocked"), system.get_by_test_id("block-row")
    for row in admin.json(f"{PAGE}blocks/")["blocks"]:
        admin.post(f"{PAGE}blocks/", {"user": row["id"]})  # of the tests before
    expect(blocked).not_to_be_visible(timeout=ACROSS)
    for viewers in (guard, there):
        viewers.enter()
    wait_until(lambda: len(admin.json(f"{PAGE}usage/")["viewers"]) == 2, PATIENCE, "both are known")
    for row in admin.json(f"{PAGE}usage/")["viewers"]:
        seconds = "3600" if row["user"] == "guard" else "300"
        admin.post(f"{PAGE}stop/", {"viewing": row["id"], "message": MESSAGE, "block_seconds": seconds})
    expect(rows).to_have_count(2, timeout=ACROSS)
    expect(rows.first).to_contain_text(re.compile(f"guard.*59 min.*{re.escape(MESSAGE)}.*admin", re.DOTALL))
    button = rows.get_by_role("button", name="Unblock: guard")
    button.focus()
    with system.expect_response("**/blocks/"):
        pass
    expect(button).to_be_focused()
    system.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    expect(rows.get_by_role("button", name="Unblock: viewer2")).to_be_focused()
    guard.enter()
    system.keyboard.press("Enter")
    expect(blocked).not_to_be_visible()
    expect(system.locator("[data-place=blocked-said]")).to_be_focused()
    expect(system.locator("[data-place=blocked-said]")).to_have_text("viewer2 can watch again.")
    guard.end()


def test_a_viewer_s_countdown_ends_when_the_block_is_lifted(
    page: Page, pair: Site, yard_id: str, admin: Session
) -> None:
    wait_until(lambda: not admin.json(f"{PAGE}usage/")["viewers"], PATIENCE, "nobody of the test before")
    session = Session(pair.workers[1].base, "guard")
    enter(page, session.base, session.cookie)
    open_modal(page)
    wait_until(lambda: len(admin.json(f"{PAGE}usage/")["viewers"]) == 1, PATIENCE, "the viewer is known")
    (row,) = admin.json(f"{PAGE}usage/")["viewers"]
    admin.post(f"{PAGE}stop/", {"viewing": row["id"], "message": MESSAGE, "block_seconds": "300"})
    viewer = page.locator(VIEWER)
    expect(viewer).to_contain_text("You can watch again in 4 min", timeout=ACROSS)
    page.wait_for_timeout(4_000)  # the block's time and not the first reading of it
    expect(viewer).to_contain_text("You can watch again in 4 min")
    assert admin.post(f"{PAGE}blocks/", {"user": row["user_id"]})[0] == 200
    expect(viewer).to_contain_text("You can watch again now.", timeout=15_000)
    page.get_by_role("button", name="Retry").click()
    expect(viewer).to_have_attribute("data-state", "live")


def test_all_viewers_of_a_camera_are_stopped_at_every_worker(system: Page, here: Others, there: Others) -> None:
    here.enter()
    there.enter()
    viewers = system.get_by_test_id("camera-row").locator("[data-field=viewers]")
    expect(viewers).to_have_text("2", timeout=ACROSS)
    system.get_by_test_id("camera-row").get_by_role("button", name="Stop all").click()
    dialog = system.get_by_test_id("stop-dialog")
    expect(dialog).to_contain_text("2 viewers are watching it")
    expect(dialog.get_by_label("Block this user for")).not_to_be_visible()
    dialog.get_by_test_id("stop-confirm").click()
    expect(system.get_by_test_id("in-use")).to_have_text("0", timeout=ACROSS)
    wait_until(lambda: len(here.ended() + there.ended()) == 2, PATIENCE, "both are told")
    assert {error["code"] for error in here.ended() + there.ended()} == {4410}


def test_the_focus_stays_where_the_keyboard_has_brought_it(system: Page, pair: Site, here: Others) -> None:
    pair.manage("shell", "-v0", "-c", REFUSED_LONG_AGO)
    here.enter()
    turn_to(system, "Limits")
    said, save, start = (system.get_by_test_id(name) for name in ("limits-said", "save-limits", "start-trial"))
    system.get_by_test_id("limit-max_concurrent").fill("9")
    save.press("Enter")
    expect(said).to_contain_text("Saved")
    expect(save).to_be_focused()
    save.press("Enter")  # nothing is left to be saved
    system.get_by_test_id("limit-max_concurrent").fill("8")
    undo = system.get_by_role("button", name="Undo")
    undo.press("Enter")
    expect(system.get_by_test_id("limit-max_concurrent")).to_have_value("9")
    expect(undo).to_be_focused()
    system.get_by_test_id("trial-max_concurrent").fill("2")
    start.press("Enter")
    expect(system.get_by_test_id("trial-said")).to_contain_text("Started")
    expect(start).to_be_focused()
    turn_to(system, "History")
    more = system.get_by_test_id("more")
    more.wait_for()
    while more.is_visible():
        shown = system.get_by_test_id("refusal-row").count()
        more.press("Enter")
        expect(system.get_by_test_id("refusal-row")).not_to_have_count(shown)
        assert system.evaluate("document.activeElement.closest('.more') !== null")
    turn_to(system, "Now")
    system.get_by_role("button", name="Stop: viewer, Yard").press("Enter")
    system.get_by_test_id("stop-confirm").press("Enter")
    expect(system.get_by_test_id("viewer-row")).to_have_count(0, timeout=ACROSS)
    expect(system.locator("#viewers caption")).to_be_focused()


def test_who_may_only_look_sees_values_and_nothing_to_press(page: Page, pair: Site, here: Others) -> None:
    here.enter()
    session = Session(pair.workers[0].base, "staff")
    enter(page, session.base, session.cookie)
    page.goto(f"{session.base}{PAGE}")
    expect(page.get_by_test_id("viewer-row")).to_have_count(1)
    for label in ("Line", "Limits", "History", "Now"):
        turn_to(page, label)
        expect(page.locator(".system").get_by_role("button", name="Stop")).to_have_count(0)
        expect(page.get_by_test_id("save-limits")).to_have_count(0)
        expect(page.locator(".system input:not([name=range])")).to_have_count(0)
        if label == "Limits":
            expect(page.get_by_test_id("value-max_concurrent")).to_have_text("10")
            expect(page.get_by_test_id("trial-state")).to_contain_text("Not running.")


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_screen(system: Page, here: Others, width: int) -> None:
    here.enter()
    system.set_viewport_size({"width": width, "height": 844})
    for label in ("Now", "Line", "Limits", "History"):
        turn_to(system, label)
        if label == "History":
            expect(system.get_by_test_id("chart-hours").locator("canvas")).to_be_visible()
        assert system.evaluate("document.documentElement.scrollWidth <= innerWidth")
    turn_to(system, "Now")
    expect(system.get_by_test_id("viewer-row")).to_have_count(1)
    box = system.get_by_test_id("viewer-row").bounding_box()
    assert box and box["height"] <= 80  # of many viewers, many are in sight
