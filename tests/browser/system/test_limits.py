"""Limits and dry runs that an administrator sets on the page apply at every worker."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.others import Others
from tests.browser.system.page import ACROSS, PAGE, PROMPT, save_limit, turn_to
from tests.client import Session
from tests.servers import PATIENCE, wait_until


@pytest.fixture
def limits(system: Page) -> Page:
    turn_to(system, "Limits")
    return system


def test_a_limit_lowered_below_what_is_in_use_cuts_nobody_drains_and_refuses_the_next_at_every_worker(
    limits: Page, here: Others, there: Others
) -> None:
    for viewers in (here, here, there, there, there):
        viewers.enter()
    expect(limits.get_by_test_id("in-use")).to_have_text("5", timeout=ACROSS)
    save_limit(limits, "max_concurrent", "3")
    expect(limits.get_by_test_id("over")).to_have_text("2 over the limit", timeout=ACROSS)
    expect(limits.get_by_test_id("limit")).to_have_text("3")
    expect(limits.get_by_test_id("alarm")).to_contain_text("All streams are in use")
    expect(limits.get_by_test_id("value-max_concurrent")).to_have_text("3")
    expect(limits.get_by_test_id("origin-max_concurrent")).to_contain_text("set by admin")
    expect(limits.get_by_test_id("change-row").first).to_contain_text("Total streams: default → 3")
    there.until_limit(3)
    for viewers in (here, there):
        refusal = viewers.refused()
        assert (refusal["code"], refusal["in_use"], refusal["limit"]) == (4429, 5, 3)
        seen = viewers.pictures
        wait_until(lambda it=viewers, seen=seen: it.pictures > seen + 5, PATIENCE, "more pictures")  # type: ignore[misc]
    expect(limits.get_by_test_id("in-use")).to_have_text("5")
    there.leave_all()
    expect(limits.get_by_test_id("over")).to_have_text("", timeout=ACROSS)
    expect(limits.get_by_test_id("available")).to_have_text("1")
    there.enter()


def test_what_is_typed_stays_while_the_page_follows_and_when_the_server_objects(limits: Page) -> None:
    concurrent, mbps = (limits.get_by_test_id(f"limit-{name}") for name in ("max_concurrent", "max_mbps"))
    mbps.fill("12.5")
    with limits.expect_response("**/system/limits/", timeout=10_000):
        concurrent.fill("0")
    limits.get_by_test_id("save-limits").click()
    error = limits.locator("#limit-max_concurrent-error")
    expect(error).to_contain_text("Must be a whole number from 1")
    expect(concurrent).to_be_focused()
    with limits.expect_response("**/system/limits/", timeout=10_000):
        pass
    expect(mbps).to_have_value("12.5")
    expect(concurrent).to_have_value("0")
    expect(error).to_be_visible()
    concurrent.fill("4")
    expect(limits.get_by_test_id("preview")).to_contain_text("7 days")
    limits.get_by_test_id("save-limits").click()
    expect(error).not_to_be_visible()
    expect(limits.get_by_test_id("limits-said")).to_contain_text("Saved")
    expect(limits.get_by_test_id("limit")).to_have_text("4", timeout=ACROSS)
    expect(limits.get_by_test_id("budget")).to_have_text("of 12.5 Mbit/s")


def test_what_a_colleague_has_changed_is_not_taken_back_by_who_only_had_the_field_under_the_cursor(
    limits: Page, admin: Session
) -> None:
    concurrent = limits.get_by_test_id("limit-max_concurrent")
    concurrent.focus()
    assert admin.post(f"{PAGE}limits/", {"max_concurrent": "4"})[0] == 200
    expect(concurrent).to_have_value("4", timeout=ACROSS)
    save_limit(limits, "max_mbps", "12.5")
    expect(limits.get_by_test_id("limits-said")).to_contain_text("Saved")
    expect(limits.get_by_test_id("change-row").first).to_have_text(re.compile("default → 12.5[^,]*$"))
    expect(limits.get_by_test_id("value-max_concurrent")).to_have_text("4")


def test_what_is_no_number_is_said_at_its_field_and_takes_no_limit_away(limits: Page) -> None:
    sent: list[str] = []
    save_limit(limits, "max_mbps", "15")
    expect(limits.get_by_test_id("value-max_mbps")).to_have_text("15")
    limits.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    mbps, per_user = (limits.get_by_test_id(f"limit-{name}") for name in ("max_mbps", "max_per_user"))
    mbps.press("Control+a")
    mbps.press("-")
    limits.get_by_test_id("save-limits").click()
    expect(limits.locator("#limit-max_mbps-error")).to_have_text("Enter a number.")
    expect(mbps).to_be_focused()
    expect(limits.get_by_test_id("limits-said")).to_have_text("")
    mbps.fill("15")
    per_user.press_sequentially("1e")
    with limits.expect_response("**/system/limits/", timeout=10_000):
        mbps.focus()  # what the page hears changes no field that somebody has touched
    limits.get_by_test_id("save-limits").click()
    expect(limits.locator("#limit-max_per_user-error")).to_have_text("Enter a number.")
    expect(limits.locator("#limit-max_mbps-error")).to_have_text("")
    limits.get_by_role("button", name="Undo").click()
    expect(limits.locator("#limit-max_per_user-error")).to_have_text("")
    assert not per_user.evaluate("field => field.validity.badInput")
    limits.get_by_test_id("trial-max_concurrent").press_sequentially("-")
    limits.get_by_test_id("start-trial").click()
    expect(limits.locator("#trial-max_concurrent-error")).to_have_text("Enter a number.")
    expect(limits.get_by_test_id("value-max_mbps")).to_have_text("15")
    assert not sent


@pytest.mark.timing("the count of a dry run is three seconds old at most")
def test_a_dry_run_refuses_nobody_and_counts_whom_it_would_have(limits: Page, here: Others, there: Others) -> None:
    here.enter()
    limits.get_by_test_id("trial-max_concurrent").fill("1")
    limits.get_by_test_id("start-trial").click()
    expect(limits.get_by_test_id("trial-state")).to_contain_text("would have refused 0 viewers")
    save_limit(limits, "max_concurrent", "9")
    there.until_limit(9)  # and knows of the dry run
    there.enter()
    expect(limits.get_by_test_id("trial-state")).to_contain_text("would have refused 1 viewer.", timeout=PROMPT)
    limits.get_by_test_id("stop-trial").click()
    expect(limits.get_by_test_id("trial-state")).to_contain_text("Not running. The last dry run (Total streams 1)")
    limits.reload()
    expect(limits.get_by_test_id("trial-state")).to_contain_text("would have refused 1 viewer.")
    turn_to(limits, "History")
    expect(limits.get_by_test_id("refusal-row").first).to_contain_text("Dry run", timeout=ACROSS + 5_000)
    assert not here.ended() + there.ended()
