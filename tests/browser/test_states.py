"""Each state of the player, reached by a real fault: what the page says, shows and announces, and the way back.

Over both kinds of origin: a secure one, where the camera's own video plays, and plain HTTP. Only the longest wait for a
camera is over one of them, because no video plays meanwhile.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from cameras.simulator import Fault, SimulatedCamera
from tests.browser.chromium import SECURE, enter
from tests.browser.conftest import (
    HOUSE,
    VIEWER,
    Gate,
    becomes,
    both_origins,
    open_modal,
    record_states,
)
from tests.browser.link import Link
from tests.browser.others import Others
from tests.servers import PATIENCE, Site, wait_until

WAIT = "Nobody is waiting: you would be next."
MESSAGE = "Maximum concurrent streams reached. Please close another stream first."
RECONNECTING = "Connection lost. Reconnecting…"
UNREACHABLE = "Can't reach the server. Retrying…"
CAUSE = r"The camera refused the connection, the log-in or the address\. Waiting…"
AGO = re.compile(r"^(Snapshot|Last picture) (just now|\d+ s ago)$")
DIMMED = "0.45"


@pytest.fixture
def cards(page: Page, origin: str, link: Link, camera_id: str, cookie: str) -> Iterator[Page]:
    """The page of cards, behind a link that can fail, with its announcements recorded."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    enter(page, f"http://{origin}:{link.port}", cookie)
    assert page.evaluate("isSecureContext") == (origin == SECURE)
    record_announcements(page)
    yield page
    link.leave(page)
    assert not errors


def record_announcements(page: Page) -> None:
    page.evaluate("""() => {
        window.announced = [];
        const region = document.querySelector("camera-viewer [role=status]");
        new MutationObserver(() => window.announced.push(region.textContent)).observe(region, { childList: true });
    }""")


def announced(page: Page) -> list[str]:
    """All texts that a screen reader was given to say, in order."""
    texts: list[str] = page.evaluate("window.announced")
    return texts


def part(page: Page, name: str) -> Locator:
    return page.locator(f"{VIEWER} [data-part={name}]")


def says(page: Page, state: str, words: str, seconds: float = 15) -> None:
    """The page is in `state`, and says so in `words`, also to a screen reader."""
    becomes(page, "state", state, seconds)
    expect(part(page, "state")).to_have_text("" if state == "live" else words)  # the picture's label says "Live"
    wait_until(lambda: announced(page)[-1] == words, PATIENCE, f"{words!r} is announced")


def notes(page: Page, state: str, title: str, text: str, seconds: float = 15) -> None:
    """As `says`, of a state with a notice over the picture; `text` is a pattern."""
    becomes(page, "state", state, seconds)
    expect(part(page, "noticeTitle")).to_have_text(title)
    expect(part(page, "noticeText")).to_have_text(re.compile(f"^{text}$"))
    assert_no_word_is_cut_off(page)
    said = re.compile(rf"{title}\. {text}")
    wait_until(lambda: bool(said.fullmatch(announced(page)[-1])), PATIENCE, f"{title!r} is announced")


def assert_no_word_is_cut_off(page: Page) -> None:
    shown, whole = part(page, "noticeText").evaluate("text => [text.clientHeight, text.scrollHeight]")
    assert 0 < whole <= shown + 1, (shown, whole)


def watch(page: Page) -> None:
    page.get_by_role("button", name="Live View").click()


def is_live_again(page: Page, seconds: float = 30) -> None:
    says(page, "live", "Live", seconds)
    expect(part(page, "age")).to_have_text(re.compile(r"^Live · \d+\.\d s since the server$"))
    expect(part(page, "canvas")).to_have_css("opacity", "1")
    expect(part(page, "notice")).not_to_be_visible()


def assert_it_looks_old(page: Page) -> None:
    """The picture is dimmed, with its age over it in large letters."""
    expect(part(page, "canvas")).to_have_css("opacity", DIMMED)
    expect(part(page, "age")).to_have_text(AGO)
    size = "age => parseFloat(getComputedStyle(age).fontSize)"
    wait_until(lambda: bool(part(page, "age").evaluate(size) >= 24), PATIENCE, "large letters")


def assert_the_age_ticks_unannounced(page: Page) -> None:
    before, said = part(page, "age").inner_text(), announced(page)
    expect(part(page, "age")).not_to_have_text(before, timeout=10_000)
    expect(part(page, "age")).to_have_text(AGO)
    assert announced(page) == said, "changes of state only"


@both_origins
def test_connecting_shows_the_latest_still(cards: Page, gate: Gate, link: Link) -> None:
    link.hold_web_sockets()
    watch(cards)
    says(cards, "connecting", "Connecting…")
    expect(cards.locator(f"{VIEWER} .spinner")).to_be_visible()
    becomes(cards, "picture", "snapshot")
    expect(part(cards, "age")).to_have_text(AGO)
    assert gate.in_use == 0
    link.let_web_sockets_through()
    is_live_again(cards)
    becomes(cards, "picture", "live")
    said = announced(cards)[: announced(cards).index("Live") + 1]
    assert said in (["Connecting…", "Live"], ["Connecting…", UNREACHABLE, "Live"])  # where it took 10 s
    gate.becomes(1)


@both_origins
@pytest.mark.timing("the link is silent for less than the 12 s after which it counts as dead")
def test_a_network_that_falls_silent_makes_the_picture_stale(cards: Page, gate: Gate, link: Link) -> None:
    open_modal(cards)
    is_live_again(cards)
    link.silence()
    says(cards, "stale", "No new picture")
    assert_it_looks_old(cards)
    assert_the_age_ticks_unannounced(cards)
    link.restore()
    is_live_again(cards)
    assert set(announced(cards)) == {"Connecting…", "Live", "No new picture"}
    assert gate.in_use == 1


@both_origins
def test_a_network_that_is_cut_is_reconnected_to(cards: Page, gate: Gate, link: Link) -> None:
    open_modal(cards)
    link.cut()
    wait_until(lambda: UNREACHABLE in announced(cards), PATIENCE, "the server is out of reach")
    assert RECONNECTING in announced(cards)
    notes(cards, "unavailable", "Stream unavailable", re.escape(UNREACHABLE), 30)
    assert_it_looks_old(cards)
    assert_the_age_ticks_unannounced(cards)
    gate.becomes(0)
    link.mend()
    is_live_again(cards)
    gate.becomes(1)


@both_origins
def test_who_is_back_before_the_server_knows_of_the_absence_is_not_refused_because_of_it(
    cards: Page, gate: Gate, link: Link, others: Others
) -> None:
    others.enter()
    open_modal(cards)
    gate.becomes(2)
    link.vanish()
    wait_until(lambda: RECONNECTING in announced(cards), PATIENCE, "it reconnects")
    is_live_again(cards, 30)
    said = announced(cards)
    at = said.index(RECONNECTING)
    assert said[at : at + 2] == [RECONNECTING, "Live"]
    gate.becomes(2)


@both_origins
def test_a_camera_that_drops_is_reconnected(cards: Page, gate: Gate, yard: SimulatedCamera) -> None:
    open_modal(cards)
    yard.fault = Fault.SILENT
    says(cards, "reconnecting", "The camera is not responding. Reconnecting…")
    assert_it_looks_old(cards)
    yard.fault = Fault.NONE
    is_live_again(cards)
    assert gate.in_use == 1


@both_origins
def test_a_worker_that_is_gone_is_reconnected_to_when_it_is_back(cards: Page, gate: Gate, house: Site) -> None:
    open_modal(cards)
    old = house.workers.pop()
    try:
        old.process.ask_to_end()
        wait_until(lambda: any(said.endswith("Reconnecting…") for said in announced(cards)), PATIENCE, "it reconnects")
    finally:
        old.process.end()
        house.start_worker(port=old.port, **HOUSE)
    is_live_again(cards, 40)
    gate.becomes(1)


@both_origins
def test_at_the_limit_the_viewer_is_refused_with_the_reason_and_offered_the_next_free_slot(
    cards: Page, gate: Gate, others: Others, camera_id: str
) -> None:
    others.enter()
    others.enter()
    cards.goto(f"{cards.url}#live={camera_id}")
    expect(cards.locator(".toast")).to_have_text(re.compile(rf"^{MESSAGE}\s*$"))
    becomes(cards, "state", "refused")
    expect(part(cards, "noticeTitle")).to_have_text("All 2 streams are in use")
    expect(part(cards, "noticeText")).to_have_text(WAIT)
    expect(part(cards, "announcer")).to_have_text(f"All 2 streams are in use. {WAIT}")
    assert_no_word_is_cut_off(cards)
    becomes(cards, "picture", "snapshot", 20)
    expect(part(cards, "canvas")).to_have_css("opacity", DIMMED)
    record_announcements(cards)
    others.leave()
    notes(cards, "refused", "A stream is free", r"Watch now\?")
    cards.get_by_role("button", name="Watch", exact=True).click()
    is_live_again(cards)
    gate.becomes(2)


@both_origins
def test_a_dead_camera_is_unavailable_and_is_shown_live_once_it_is_back(
    cards: Page, gate: Gate, yard: SimulatedCamera
) -> None:
    yard.fault = Fault.REFUSE
    watch(cards)
    notes(cards, "unavailable", "Stream unavailable", CAUSE, 30)
    gate.becomes(0)
    yard.fault = Fault.NONE
    becomes(cards, "picture", "snapshot", 30)  # marked as such
    is_live_again(cards, 15)
    gate.becomes(1)


def test_a_camera_that_was_away_for_longer_than_the_server_waits_is_shown_again_by_itself(
    cards: Page, gate: Gate, yard: SimulatedCamera
) -> None:
    open_modal(cards)
    yard.fault = Fault.REFUSE
    notes(cards, "unavailable", "Stream unavailable", CAUSE, 30)
    gate.becomes(0)
    assert_it_looks_old(cards)
    said = announced(cards)
    cards.wait_for_timeout(10_000)
    assert announced(cards) == said, "nothing is tried while the camera is away"
    yard.fault = Fault.NONE
    is_live_again(cards, 30)
    gate.becomes(1)
    yard.fault = Fault.REFUSE
    becomes(cards, "state", "unavailable", 30)
    cards.get_by_role("button", name="Close").click()
    yard.fault = Fault.NONE
    cards.wait_for_timeout(6_000)
    assert gate.in_use == 0, "it ends when the user closes"


@both_origins
def test_a_browser_without_a_network_is_called_offline_at_once(cards: Page, gate: Gate, link: Link) -> None:
    open_modal(cards)
    record_states(cards)
    link.silence()
    cards.context.set_offline(True)
    says(cards, "stale", "You are offline")
    cards.wait_for_timeout(1_000)
    states = cards.evaluate("window.states")
    assert {state for state, _ in states} == {"stale"}, states
    assert states[0][1] < 1_000, "before a picture is called old anyway"
    assert_it_looks_old(cards)
    link.restore()
    cards.context.set_offline(False)
    is_live_again(cards)
    gate.becomes(1)


@both_origins
def test_a_network_without_web_sockets_shows_stills_until_it_lets_them_through(
    cards: Page, gate: Gate, link: Link
) -> None:
    link.refuses_web_sockets = True
    watch(cards)
    notes(
        cards,
        "unavailable",
        "Stream unavailable",
        r"Can't reach the server\. Retrying…",
        30,
    )
    becomes(cards, "picture", "snapshot", 20)
    assert gate.in_use == 0
    link.refuses_web_sockets = False
    is_live_again(cards)
    gate.becomes(1)
