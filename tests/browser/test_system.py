"""Settings > System as the place from which bandwidth is governed: what is decided there happens at every worker."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from cameras.simulator import SimulatedCamera
from streaming.gate.readings import open_generation
from tests.browser.chromium import enter
from tests.browser.conftest import VIEWER, open_modal
from tests.browser.others import Others
from tests.client import Session
from tests.servers import PASSWORD, RedisServer, Site, site, wait_until

PAGE = "/admin/streaming/system/"
MESSAGE = "The gate is closed for the night. Ask Anna."
ACROSS = 3_000  # ms in which what is ordered at one worker has happened at the other, and the page has said so
FULL = "All streams in use"
ENDED = 80  # seconds in which a minute has ended, and is written
WRITTEN = 30_000  # ms in which the database has a refusal, and the page has asked for it
PERSONS = f"""
from django.contrib.auth.models import Group, Permission, User
User.objects.get(username="staff").user_permissions.set(Permission.objects.filter(codename="view_system"))
User.objects.create_user("guard", password={PASSWORD!r}).groups.set(Group.objects.filter(name="Viewers"))
"""

REFUSED_LONG_AGO = """
from datetime import timedelta
from django.utils import timezone
from streaming.models import Refusal
for days in range(1, 29):
    Refusal.objects.create(time=timezone.now() - timedelta(days=days), reason="user_limit_reached")
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    """Two workers of one installation, where *staff* may look at the page, and *guard* may watch."""
    with site(tmp_path_factory.mktemp("pair"), template) as created:
        created.manage("shell", "-v0", "-c", PERSONS)
        for _ in range(2):
            created.start_worker(STREAM_MAX_CONCURRENT="10")
        yield created


@pytest.fixture
def admin(pair: Site) -> Iterator[Session]:
    """Of the first worker; whatever it has set is given back."""
    session = Session(pair.workers[0].base, "admin")
    yield session
    everything = dict.fromkeys(("max_concurrent", "max_mbps", "reserved_slots", "reserved_group"), "")
    assert session.post(f"{PAGE}limits/", everything)[0] == 200
    assert session.post(f"{PAGE}trial/", {"stop": "1"})[0] == 200
    wait_until(lambda: bool(session.json(f"{PAGE}usage/")["gate"]["limit"] == 10), 3, "the limit of before")


@pytest.fixture
def yard_id(pair: Site, yard: SimulatedCamera) -> Iterator[str]:
    id = pair.add_camera("Yard", yard.url)
    yield id
    pair.remove_camera(id)


@pytest.fixture
def here(pair: Site, yard_id: str) -> Iterator[Others]:
    """Viewers at the administrator's own worker."""
    viewers = Others(Session(pair.workers[0].base), yard_id)
    yield viewers
    viewers.end()


@pytest.fixture
def there(pair: Site, yard_id: str) -> Iterator[Others]:
    """Viewers, of another user, at the other worker."""
    viewers = Others(Session(pair.workers[1].base, "viewer2"), yard_id)
    yield viewers
    viewers.end()


@pytest.fixture
def system(page: Page, admin: Session) -> Iterator[Page]:
    """The administrator's page. Fails on any error that it reports."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    enter(page, admin.base, admin.cookie)
    page.goto(f"{admin.base}{PAGE}")
    yield page
    assert not errors


def save_limit(page: Page, name: str, value: str) -> None:
    page.get_by_test_id(f"limit-{name}").fill(value)
    page.get_by_test_id("save-limits").click()


def row_of(page: Page, user: str) -> Locator:
    return page.get_by_test_id("viewer-row").filter(has_text=user)


# Limits.


def test_a_limit_lowered_below_what_is_in_use_cuts_nobody_drains_and_refuses_the_next_at_every_worker(
    system: Page, here: Others, there: Others
) -> None:
    for viewers in (here, here, there, there, there):
        viewers.enter()
    expect(system.get_by_test_id("in-use")).to_have_text("5", timeout=ACROSS)
    save_limit(system, "max_concurrent", "3")
    expect(system.get_by_test_id("over")).to_have_text("2 over the limit", timeout=ACROSS)
    expect(system.get_by_test_id("limit")).to_have_text("3")
    expect(system.get_by_test_id("alarm")).to_contain_text("All streams are in use")
    expect(system.get_by_test_id("value-max_concurrent")).to_have_text("3")
    expect(system.get_by_test_id("origin-max_concurrent")).to_contain_text("set by admin")
    expect(system.get_by_test_id("change-row").first).to_contain_text("Total streams: default → 3")
    for viewers in (here, there):
        refusal = viewers.refused()
        assert (refusal["code"], refusal["in_use"], refusal["limit"]) == (4429, 5, 3)
        seen = viewers.pictures
        wait_until(lambda viewers=viewers, seen=seen: viewers.pictures > seen + 5, 5, "pictures for who was there")  # type: ignore[misc]
    expect(system.get_by_test_id("in-use")).to_have_text("5")
    there.leave_all()
    expect(system.get_by_test_id("over")).to_have_text("", timeout=ACROSS)
    expect(system.get_by_test_id("available")).to_have_text("1")
    there.enter()


def test_what_is_typed_stays_while_the_page_follows_and_when_the_server_objects(system: Page) -> None:
    concurrent, mbps = (system.get_by_test_id(f"limit-{name}") for name in ("max_concurrent", "max_mbps"))
    mbps.fill("12.5")
    with system.expect_response("**/system/limits/", timeout=10_000):
        concurrent.fill("0")
    system.get_by_test_id("save-limits").click()
    error = system.locator("#limit-max_concurrent-error")
    expect(error).to_contain_text("Must be a whole number from 1")
    expect(concurrent).to_be_focused()
    with system.expect_response("**/system/limits/", timeout=10_000):
        pass
    expect(mbps).to_have_value("12.5")
    expect(concurrent).to_have_value("0")
    expect(error).to_be_visible()
    concurrent.fill("4")
    expect(system.get_by_test_id("preview")).to_contain_text("7 days")
    system.get_by_test_id("save-limits").click()
    expect(error).not_to_be_visible()
    expect(system.get_by_test_id("limits-said")).to_contain_text("Saved")
    expect(system.get_by_test_id("limit")).to_have_text("4", timeout=ACROSS)
    expect(system.get_by_test_id("budget")).to_have_text("of 12.5 Mbit/s")


def test_what_a_colleague_has_changed_is_not_taken_back_by_who_only_had_the_field_under_the_cursor(
    system: Page, admin: Session
) -> None:
    concurrent = system.get_by_test_id("limit-max_concurrent")
    concurrent.focus()
    assert admin.post(f"{PAGE}limits/", {"max_concurrent": "4"})[0] == 200
    expect(concurrent).to_have_value("4", timeout=ACROSS)
    save_limit(system, "max_mbps", "12.5")
    expect(system.get_by_test_id("limits-said")).to_contain_text("Saved")
    expect(system.get_by_test_id("change-row").first).to_have_text(re.compile("default → 12.5[^,]*$"))
    expect(system.get_by_test_id("value-max_concurrent")).to_have_text("4")


def test_what_is_no_number_is_said_at_its_field_and_takes_no_limit_away(system: Page) -> None:
    sent: list[str] = []
    save_limit(system, "max_mbps", "15")
    expect(system.get_by_test_id("value-max_mbps")).to_have_text("15")
    system.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    mbps, per_user = (system.get_by_test_id(f"limit-{name}") for name in ("max_mbps", "max_per_user"))
    mbps.press("Control+a")
    mbps.press("-")
    system.get_by_test_id("save-limits").click()
    expect(system.locator("#limit-max_mbps-error")).to_have_text("Enter a number.")
    expect(mbps).to_be_focused()
    expect(system.get_by_test_id("limits-said")).to_have_text("")
    mbps.fill("15")
    per_user.press_sequentially("1e")
    with system.expect_response("**/system/limits/", timeout=10_000):
        mbps.focus()  # what the page hears changes no field that somebody has touched
    system.get_by_test_id("save-limits").click()
    expect(system.locator("#limit-max_per_user-error")).to_have_text("Enter a number.")
    expect(system.locator("#limit-max_mbps-error")).to_have_text("")
    system.get_by_role("button", name="Undo").click()
    expect(system.locator("#limit-max_per_user-error")).to_have_text("")
    assert not per_user.evaluate("field => field.validity.badInput")
    system.get_by_test_id("trial-max_concurrent").press_sequentially("-")
    system.get_by_test_id("start-trial").click()
    expect(system.locator("#trial-max_concurrent-error")).to_have_text("Enter a number.")
    expect(system.get_by_test_id("value-max_mbps")).to_have_text("15")
    assert not sent


def test_a_dry_run_refuses_nobody_and_counts_whom_it_would_have(system: Page, here: Others, there: Others) -> None:
    here.enter()
    system.get_by_test_id("trial-max_concurrent").fill("1")
    system.get_by_test_id("start-trial").click()
    expect(system.get_by_test_id("trial-state")).to_contain_text("would have refused 0 viewers")
    system.wait_for_timeout(1_500)  # for the other worker to know
    there.enter()
    expect(system.get_by_test_id("trial-state")).to_contain_text("would have refused 1 viewer.", timeout=WRITTEN)
    expect(system.get_by_test_id("refusal-row").first).to_contain_text("Dry run", timeout=ACROSS + 5_000)
    system.get_by_test_id("stop-trial").click()
    expect(system.get_by_test_id("trial-state")).to_have_text("Not running.")
    assert not here.ended() + there.ended()


# Acting.


def test_a_stopped_viewer_reads_why_and_is_kept_out_for_as_long_as_was_chosen_wherever_he_asks(
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
    watching.get_by_role("button", name="Retry").click()
    expect(watching.locator(VIEWER)).to_have_attribute("data-state", "closed", timeout=ACROSS)
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
    guard = Others(Session(pair.workers[0].base, "guard"), yard_id)
    blocked, rows = system.locator("#blocked"), system.get_by_test_id("block-row")
    for row in admin.json(f"{PAGE}blocks/")["blocks"]:
        admin.post(f"{PAGE}blocks/", {"user": row["id"]})  # of the tests before
    expect(blocked).not_to_be_visible(timeout=ACROSS)
    for viewers in (guard, there):
        viewers.enter()
    wait_until(lambda: len(admin.json(f"{PAGE}usage/")["viewers"]) == 2, 3, "both are known")
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


def test_all_viewers_of_a_camera_are_stopped_at_every_worker(system: Page, here: Others, there: Others) -> None:
    here.enter()
    there.enter()
    expect(system.get_by_test_id("camera-row")).to_contain_text("2", timeout=ACROSS)
    system.get_by_test_id("camera-row").get_by_role("button", name="Stop all").click()
    dialog = system.get_by_test_id("stop-dialog")
    expect(dialog).to_contain_text("2 viewers are watching it")
    expect(dialog.get_by_label("Block this user for")).not_to_be_visible()
    dialog.get_by_test_id("stop-confirm").click()
    expect(system.get_by_test_id("in-use")).to_have_text("0", timeout=ACROSS)
    wait_until(lambda: len(here.ended() + there.ended()) == 2, 3, "both are told")
    assert {error["code"] for error in here.ended() + there.ended()} == {4410}


def test_the_focus_stays_where_the_keyboard_has_brought_it(system: Page, pair: Site, here: Others) -> None:
    pair.manage("shell", "-v0", "-c", REFUSED_LONG_AGO)
    here.enter()
    system.reload()
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
    more = system.get_by_test_id("more")
    while more.is_visible():
        shown = system.get_by_test_id("refusal-row").count()
        more.press("Enter")
        expect(system.get_by_test_id("refusal-row")).not_to_have_count(shown)
        assert system.evaluate("document.activeElement.closest('.more') !== null")
    system.get_by_role("button", name="Stop: viewer, Yard").press("Enter")
    system.get_by_test_id("stop-confirm").press("Enter")
    expect(system.get_by_test_id("viewer-row")).to_have_count(0, timeout=ACROSS)
    expect(system.locator("#viewers caption")).to_be_focused()


# Without Redis.


@pytest.mark.timeout(120)
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
    save_limit(page, "max_concurrent", "3")
    expect(page.get_by_test_id("limits-said")).to_contain_text("30 seconds, because Redis does not answer")
    redis_server.start()
    expect(page.get_by_test_id("alarm")).not_to_be_visible(timeout=WRITTEN)
    expect(page.locator("[data-place=unknown-viewers]")).not_to_be_visible()
    expect(page.get_by_test_id("limit")).to_have_text("3", timeout=35_000)
    refusal = page.get_by_test_id("refusal-row").filter(has_text="Limit could not be checked")
    expect(refusal.first).to_contain_text("viewer", timeout=WRITTEN)
    viewers.end()


# The past.


@pytest.mark.timeout(180)
def test_the_chart_shows_a_minutes_refusals(system: Page, here: Others, there: Others) -> None:
    save_limit(system, "max_concurrent", "1")
    expect(system.get_by_test_id("limit")).to_have_text("1", timeout=ACROSS)
    system.wait_for_timeout(1_500)  # for the other worker to know
    here.enter()
    in_chart = refused_in_chart(system)
    rows = system.get_by_test_id("refusal-row").filter(has_text=FULL)
    before = rows.count()
    for viewers in (here, there, there):
        assert viewers.refused()["code"] == 4429
        system.wait_for_timeout(2_200)  # of one viewer a refusal a second is listed at most, by when workers report it
    expect(rows).to_have_count(before + 3, timeout=WRITTEN)
    expect(rows.first).to_contain_text("1 of 1")
    wait_until(lambda: refused_in_chart(system) >= in_chart + 3, ENDED, "the chart has the minute")
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
    found = re.search(f"{FULL.lower()} (\\d+)", page.get_by_test_id("history-summary").inner_text())
    return int(found[1]) if found else 0


PAINTED = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, index) => index % 4 === 3 && value > 0);
}"""


# Who may not.


def test_who_may_only_look_sees_values_and_nothing_to_press(page: Page, pair: Site, here: Others) -> None:
    here.enter()
    session = Session(pair.workers[0].base, "staff")
    enter(page, session.base, session.cookie)
    page.goto(f"{session.base}{PAGE}")
    expect(page.get_by_test_id("viewer-row")).to_have_count(1)
    expect(page.get_by_test_id("value-max_concurrent")).to_have_text("10")
    expect(page.get_by_test_id("trial-state")).to_have_text("Not running.")
    expect(page.locator(".system").get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.get_by_test_id("save-limits")).to_have_count(0)
    expect(page.locator(".system input:not([name=range])")).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_no_wider_than_the_screen(system: Page, here: Others, width: int) -> None:
    here.enter()
    system.set_viewport_size({"width": width, "height": 844})
    system.reload()
    expect(system.get_by_test_id("viewer-row")).to_have_count(1)
    expect(system.get_by_test_id("chart-hours").locator("canvas")).to_be_visible()
    assert system.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = system.get_by_test_id("viewer-row").bounding_box()
    assert box and box["height"] <= 80  # of many viewers, many are in sight
