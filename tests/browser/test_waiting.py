"""The line of those who wait for a slot, as a person uses it. The others are at another worker."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.chromium import enter
from tests.browser.conftest import Gate, becomes
from tests.browser.full_house import another_worker, cards, hide, house, join, part, refused, show, strangers, waiting
from tests.browser.others import Others
from tests.servers import PATIENCE, Site, wait_until

__all__ = ["cards", "house", "refused", "strangers", "waiting"]

MESSAGE = "Maximum concurrent streams reached. Please close another stream first."


def test_a_refused_viewer_reads_each_thing_once_and_may_wait(refused: Page) -> None:
    expect(refused.locator(".toast")).to_have_text(re.compile(rf"^{MESSAGE}\s*$"))
    expect(part(refused, "noticeTitle")).to_have_text("All 2 streams are in use")
    expect(part(refused, "noticeText")).to_have_text("Nobody is waiting: you would be next.")
    expect(part(refused, "announcer")).to_have_text("All 2 streams are in use. Nobody is waiting: you would be next.")
    expect(refused.get_by_role("button", name="Wait for a slot")).to_be_visible()
    expect(part(refused, "noticeRetry")).not_to_be_visible()
    expect(part(refused, "yours")).not_to_be_visible()


def test_whoever_waits_sees_the_place_and_a_still_and_then_the_stream_by_itself(
    refused: Page, strangers: Others, gate: Gate
) -> None:
    strangers.wait()
    refused.evaluate("window.announced = []")
    join(refused)
    expect(part(refused, "noticeTitle")).to_have_text("2nd in line, 2 waiting")
    expect(part(refused, "noticeText")).to_contain_text(
        re.compile(r"^All 2 streams are in use\. You have been waiting for \d")
    )
    becomes(refused, "picture", "snapshot")
    expect(part(refused, "age")).to_have_text(re.compile("^Snapshot"))
    expect(part(refused, "canvas")).to_have_css("opacity", "1")
    strangers.leave()  # the one who waits
    expect(part(refused, "noticeTitle")).to_have_text("You are next")
    strangers.leave()
    becomes(refused, "state", "live")
    expect(part(refused, "notice")).not_to_be_visible()
    assert gate.in_use == 2


def test_a_screen_reader_hears_each_change_of_the_place_once(waiting: Page, strangers: Others) -> None:
    expect(part(waiting, "announcer")).to_have_text("You are next. All 2 streams are in use.")
    strangers.wait()
    waiting.wait_for_timeout(2_500)  # the time counts, and another one joins behind
    assert waiting.evaluate("window.announced") == ["Connecting…", "You are next. All 2 streams are in use."]
    expect(waiting.get_by_role("button", name="Leave the line")).to_be_focused()


def test_whoever_leaves_the_line_is_out_of_it_at_once_and_may_wait_again(waiting: Page, strangers: Others) -> None:
    assert strangers.refused()["waiting"] == 1
    waiting.get_by_role("button", name="Leave the line").click()
    becomes(waiting, "state", "refused")
    wait_until(lambda: strangers.refused()["waiting"] == 0, PATIENCE, "nobody waits")
    expect(waiting.get_by_role("button", name="Wait for a slot")).to_be_focused()
    strangers.leave()
    expect(part(waiting, "noticeTitle")).to_have_text("A stream is free")
    expect(waiting.get_by_role("button", name="Wait for a slot")).not_to_be_visible()


def test_a_hidden_page_tells_that_its_turn_has_come(refused: Page, strangers: Others) -> None:
    # Chromium without the interface of its windows denies notifications, whatever is granted.
    refused.evaluate("""() => {
        window.notified = [];
        window.Notification = class extends window.Notification {
            static permission = "granted";
            constructor(title, options) { super(title, options); window.notified.push(title); }
        };
    }""")
    title = refused.title()
    join(refused)
    hide(refused)
    strangers.leave()
    becomes(refused, "state", "live")
    assert refused.title() == "▶ Live: Yard"
    assert refused.evaluate("window.notified") == ["Live: Yard"]
    show(refused)
    assert refused.title() == title


def test_permission_to_notify_is_asked_for_by_the_click_that_joins_the_line_and_by_nothing_else(
    cards: Page, strangers: Others, camera_id: str
) -> None:
    cards.add_init_script("""
        window.asked = 0;
        Object.defineProperty(Notification, "permission", { get: () => "default" });
        Notification.requestPermission = async () => { window.asked += 1; return "denied"; };
    """)
    address = f"{cards.url}#live={camera_id}"
    cards.goto("about:blank")  # so that the script runs on the page
    cards.goto(address)
    becomes(cards, "state", "refused")
    assert cards.evaluate("window.asked") == 0
    join(cards)
    assert cards.evaluate("window.asked") == 1


def test_a_viewer_who_has_not_touched_the_page_is_asked_while_others_wait(
    page: Page, house: Site, cookie: str, camera_id: str, others: Others, gate: Gate
) -> None:
    with another_worker(house, STREAM_IDLE_MINUTES="0.05") as worker:
        enter(page, worker.base, cookie)
        page.goto(f"{page.url}#live={camera_id}")
        becomes(page, "state", "live")
        others.enter()
        page.wait_for_timeout(8_000)
        expect(part(page, "notice")).not_to_be_visible()  # nobody waits
        others.wait()
        expect(part(page, "noticeTitle")).to_have_text("Are you still watching?", timeout=12_000)
        expect(part(page, "announcer")).to_have_text(re.compile("^Are you still watching"))
        expect(part(page, "canvas")).to_have_css("opacity", "1")
        click = "button => { button.click(); return button.closest('[data-part=notice]').hidden; }"
        assert page.get_by_role("button", name="Still watching").evaluate(click)  # as a screen reader does
        becomes(page, "state", "live")
        page.get_by_role("button", name="Close").click()


def test_a_full_line_is_called_full(refused: Page, strangers: Others) -> None:
    strangers.wait()
    strangers.wait()
    refused.get_by_role("button", name="Wait for a slot").click()
    expect(part(refused, "noticeTitle")).to_have_text("The line is full")
    expect(part(refused, "noticeText")).to_have_text("2 viewers are waiting. Try again later.")
    expect(refused.get_by_role("button", name="Wait for a slot")).not_to_be_visible()
    expect(part(refused, "noticeRetry")).to_be_visible()


def test_a_server_without_a_line_offers_no_waiting(
    page: Page, house: Site, cookie: str, strangers: Others, camera_id: str
) -> None:
    with another_worker(house, STREAM_WAIT_MAX="0") as worker:
        enter(page, worker.base, cookie)
        page.goto(f"{page.url}#live={camera_id}")
        becomes(page, "state", "refused")
        expect(part(page, "noticeText")).to_have_text("This page tells you when one is free.")
        expect(page.get_by_role("button", name="Wait for a slot")).not_to_be_visible()
        page.get_by_role("button", name="Close").click()


def test_every_button_of_a_refusal_can_be_reached(cards: Page, others: Others, camera_id: str) -> None:
    def can_be_reached(button: Locator) -> None:
        for width, height in ((320, 640), (390, 844), (844, 390), (1280, 800)):
            cards.set_viewport_size({"width": width, "height": height})
            button.click(trial=True)
            assert cards.evaluate("document.documentElement.scrollWidth") <= width

    others.enter()
    others.enter()
    cards.goto(f"{cards.url}#live={camera_id}")
    becomes(cards, "state", "refused")
    can_be_reached(cards.get_by_role("button", name="Stop that one and watch here").last)
    join(cards)
    can_be_reached(cards.get_by_role("button", name="Leave the line"))
