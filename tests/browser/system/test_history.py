"""The chart and the refusals on the page, and the page without Redis."""

import re

import pytest
from playwright.sync_api import Page, expect

from cameras.simulator import SimulatedCamera
from streaming.gate.readings import open_generation
from tests.browser.chromium import enter
from tests.browser.others import Others
from tests.browser.system.page import ACROSS, ENDED, FULL, PAGE, WRITTEN, save_limit, turn_to
from tests.client import Session
from tests.servers import RedisServer, Site, wait_until


@pytest.mark.timeout(180)
def test_the_chart_shows_a_minutes_refusals(system: Page, here: Others, there: Others) -> None:
    turn_to(system, "Limits")
    save_limit(system, "max_concurrent", "1")
    expect(system.get_by_test_id("limit")).to_have_text("1", timeout=ACROSS)
    there.until_limit(1)
    here.enter()
    turn_to(system, "History")
    in_chart = refused_in_chart(system)
    rows = system.get_by_test_id("refusal-row").filter(has_text=FULL)
    before = rows.count()
    for viewers in (here, there, there):
        assert viewers.refused()["code"] == 4429
        system.wait_for_timeout(2_200)  # of one viewer a refusal a second is listed at most, by when workers report it
    expect(rows).to_have_count(before + 3, timeout=WRITTEN)
    expect(rows.first).to_contain_text("1 of 1")

    def chart_has_the_minute() -> bool:
        system.wait_for_timeout(2_000)  # to draw charts without a pause would take all of a processor
        return refused_in_chart(system) >= in_chart + 3

    wait_until(chart_has_the_minute, ENDED, "the chart has the minute")
    system.get_by_text("Show as a table").click()
    minutes = system.get_by_test_id("points").get_by_role("row").all_inner_texts()
    assert sum(int(minute.split("\t")[-2]) for minute in minutes) >= 3
    for chart in ("streams", "bandwidth", "refused", "hours"):
        canvas = system.get_by_test_id(f"chart-{chart}").locator("canvas")
        assert canvas.evaluate(PAINTED), chart


def refused_in_chart(page: Page) -> int:
    """For want of a slot, in the last hour, by the chart's words; drawn anew."""
    for range, words in (("24h", "24 hours"), ("1h", "1 hour")):
        with page.expect_response(f"**/history/?range={range}"):
            page.get_by_label(words).check()
    page.wait_for_timeout(200)  # for the drawing
    found = re.search(rf"(\d+): {FULL.lower()}", page.get_by_test_id("history-summary").inner_text())
    return int(found[1]) if found else 0


PAINTED = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, index) => index % 4 === 3 && value > 0);
}"""


@pytest.mark.timeout(240)
def test_without_redis_the_page_says_that_nothing_is_known_and_when_workers_follow(
    page: Page, installation: Site, redis_server: RedisServer, yard: SimulatedCamera
) -> None:
    open_generation(redis_server.url, 0)
    worker = installation.start_worker(REDIS_URL=redis_server.url)
    viewers = Others(Session(worker.base), installation.add_camera("Yard", yard.url))
    viewers.enter()
    admin = Session(worker.base, "admin")
    enter(page, admin.base, admin.cookie)
    page.goto(f"{admin.base}{PAGE}")
    expect(page.get_by_test_id("viewer-row")).to_have_count(1, timeout=ACROSS)
    redis_server.kill()
    expect(page.get_by_test_id("alarm")).to_contain_text("Redis does not answer", timeout=ACROSS)
    for figure in ("in-use", "available", "mbps"):
        expect(page.get_by_test_id(figure)).to_have_text("\N{EN DASH}")
    expect(page.get_by_test_id("viewer-row")).to_have_count(1)
    expect(page.locator("#viewers")).to_contain_text("Last known values.")
    assert viewers.refused()["reason"] == "gate_unavailable"
    page.reload()
    expect(page.locator("#viewers")).to_contain_text("Not available. Redis does not answer.")
    expect(page.get_by_text("Nobody is watching.")).not_to_be_visible()
    turn_to(page, "Limits")
    save_limit(page, "max_concurrent", "3")
    expect(page.get_by_test_id("limits-said")).to_contain_text("30 seconds, because Redis does not answer")
    redis_server.start()
    expect(page.get_by_test_id("alarm")).not_to_be_visible(timeout=WRITTEN)
    expect(page.get_by_test_id("limit")).to_have_text("3", timeout=35_000)
    turn_to(page, "Now")
    expect(page.locator("[data-place=unknown-viewers]")).not_to_be_visible()
    turn_to(page, "History")
    refusal = page.get_by_test_id("refusal-row").filter(has_text="Limit could not be checked")
    expect(refusal.first).to_contain_text("viewer", timeout=WRITTEN)
    viewers.end()
