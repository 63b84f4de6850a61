"""A page that comes back to its slot or place, or takes the slot of another page of the same user."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Gate, becomes
from tests.browser.full_house import cards, house, part, refused, strangers, waiting
from tests.browser.link import Link
from tests.browser.others import Others
from tests.servers import PATIENCE, wait_until

__all__ = ["cards", "house", "refused", "strangers", "waiting"]

SINCE = re.compile(r"^Yard, since \d\d:\d\d$")


def test_a_reload_keeps_the_place(waiting: Page, strangers: Others) -> None:
    strangers.wait()
    waiting.reload()
    becomes(waiting, "state", "waiting")
    expect(part(waiting, "noticeTitle")).to_have_text("You are next")
    strangers.leave(0)
    becomes(waiting, "state", "live")


def test_a_reload_while_watching_goes_before_those_who_wait(
    cards: Page, camera_id: str, others: Others, gate: Gate
) -> None:
    others.enter()
    cards.goto(f"{cards.url}#live={camera_id}")
    becomes(cards, "state", "live")
    others.wait()
    cards.reload()
    becomes(cards, "state", "waiting")  # who waited got the slot
    expect(part(cards, "noticeTitle")).to_have_text("You are next")
    others.leave()
    becomes(cards, "state", "live")


def test_a_network_that_is_lost_for_a_moment_costs_no_place(waiting: Page, strangers: Others, link: Link) -> None:
    strangers.wait()
    link.cut()
    becomes(waiting, "state", "reconnecting")
    link.mend()
    becomes(waiting, "state", "waiting")
    expect(part(waiting, "noticeTitle")).to_have_text("You are next")


def test_a_network_that_is_lost_for_a_moment_costs_no_slot(
    cards: Page, others: Others, link: Link, camera_id: str, gate: Gate
) -> None:
    others.enter()
    cards.goto(f"{cards.url}#live={camera_id}")
    becomes(cards, "state", "live")
    others.wait()
    link.cut()
    becomes(cards, "state", "reconnecting")
    cards.wait_for_timeout(2_000)
    link.mend()
    becomes(cards, "state", "live")
    assert gate.in_use == 2


def test_one_s_own_viewing_is_stopped_in_favor_of_this_page(
    cards: Page, others: Others, camera_id: str, gate: Gate
) -> None:
    others.enter()
    others.enter()
    cards.goto(f"{cards.url}#live={camera_id}")
    becomes(cards, "state", "refused")
    expect(part(cards, "yours").get_by_role("listitem")).to_have_count(2)
    expect(part(cards, "yours").locator("span").first).to_have_text(SINCE)
    cards.get_by_role("button", name="Stop that one and watch here").first.click()
    becomes(cards, "state", "live")
    wait_until(lambda: [error["reason"] for error in others.ended()] == ["replaced"], PATIENCE, "one was replaced")
    assert gate.in_use == 2


def test_a_page_that_was_replaced_says_so_and_does_not_come_back_by_itself(
    cards: Page, others: Others, camera_id: str, gate: Gate
) -> None:
    cards.goto(f"{cards.url}#live={camera_id}")
    becomes(cards, "state", "live")
    others.enter()
    second = cards.context.new_page()
    second.goto(cards.url)
    becomes(second, "state", "refused")
    cards.bring_to_front()
    second.get_by_role("button", name="Stop that one and watch here").first.click()  # the oldest: the first page
    becomes(second, "state", "live")
    becomes(cards, "state", "closed")
    expect(part(cards, "noticeTitle")).to_have_text("Continued in another window")
    cards.wait_for_timeout(3_000)
    becomes(cards, "state", "closed")
    second.close()
    cards.get_by_role("button", name="Watch here again").click()
    becomes(cards, "state", "live")
