"""The live modal turns to the next and the previous camera, in the same slot."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocket, expect

from cameras.simulator import SimulatedCamera
from tests.browser.chromium import enter
from tests.browser.conftest import HOUSE, VIEWER, Gate, becomes, choose
from tests.browser.others import Others
from tests.client import Session
from tests.servers import Site, site, wait_until

NAMES = ("Door", "Gate", "Lobby", "Yard")
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
on_both = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])

SETTINGS = {
    "STREAM_FIRST_FRAME_SECONDS": "10",  # a camera that is late is no failure
    "STREAM_MAX_CONCURRENT": "1",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    """An installation with two workers and a single slot."""
    with site(tmp_path_factory.mktemp("site"), template, **HOUSE | SETTINGS) as created:
        created.start_worker()
        created.start_worker()
        yield created


@pytest.fixture
def ids(house: Site, yard: SimulatedCamera) -> Iterator[dict[str, str]]:
    added = {name: house.add_camera(name, yard.url) for name in NAMES}
    added["Off"] = house.add_camera("Off", yard.url, enabled=False)
    yield added
    for id in added.values():
        house.remove_camera(id)


@pytest.fixture
def cards(faultless: Page, base: str, ids: dict[str, str], cookie: str, gate: Gate, sockets: list[WebSocket]) -> Page:
    enter(faultless, base, cookie)
    return faultless


@pytest.fixture
def live(cards: Page) -> Page:
    """The page shows *Gate*, which has the only slot."""
    cards.get_by_role("button", name="Live View: Gate").click()
    becomes(cards, "state", "live")
    return cards


@pytest.fixture
def stranger(house: Site, ids: dict[str, str]) -> Iterator[Others]:
    """Another user, at the other worker."""
    viewers = Others(Session(house.workers[1].base, "viewer2"), ids["Gate"])
    yield viewers
    viewers.end()


def shows(page: Page, name: str) -> None:
    expect(page.locator("dialog.live-modal h2")).to_have_text(name)
    becomes(page, "state", "live")


def by_button(page: Page, label: str) -> None:
    page.get_by_role("button", name=f"{label} camera").click()


def by_key(page: Page, label: str) -> None:
    page.keyboard.press("ArrowRight" if label == "Next" else "ArrowLeft")


def by_swipe(page: Page, label: str) -> None:
    box = page.locator(f"{VIEWER} .stage").bounding_box()
    assert box is not None
    y, left, right = box["y"] + box["height"] / 2, box["x"] + 60, box["x"] + box["width"] - 60
    start, end = (right, left) if label == "Next" else (left, right)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    began = time.time()

    def touch(kind: str, after: float, *x: float) -> None:
        """`after`: seconds since the beginning, as the page is told: the test may take longer than a swipe may."""
        points = [{"x": one, "y": y} for one in x]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points, "timestamp": began + after})

    touch("touchStart", 0, start)
    for number in range(1, 6):
        touch("touchMove", number / 20, start + (end - start) * number / 5)
    touch("touchEnd", 0.3)
    devtools.detach()


TURNS: tuple[tuple[Callable[[Page, str], None], str, str], ...] = (
    (by_button, "Next", "Lobby"),
    (by_key, "Next", "Yard"),
    (by_swipe, "Next", "Door"),
    (by_key, "Previous", "Yard"),
    (by_button, "Previous", "Lobby"),
    (by_swipe, "Previous", "Gate"),
)


@on_both
@pytest.mark.timing("the slot is free at once: sooner than a lost one")
def test_the_next_and_the_previous_camera_come_in_the_same_slot_although_somebody_waits_for_it(
    live: Page, gate: Gate, stranger: Others, size: dict[str, int]
) -> None:
    live.set_viewport_size(size)  # type: ignore[arg-type]
    stranger.wait()
    for turn, label, name in TURNS:
        turn(live, label)
        shows(live, name)
        assert gate.in_use == 1
    assert stranger.pictures == 0, "the slot was never free"
    live.keyboard.press("Escape")
    wait_until(lambda: stranger.pictures > 0, 5, "the slot is free for whoever waits")


def test_whoever_turns_several_cameras_further_opens_only_the_last(
    live: Page, gate: Gate, sockets: list[WebSocket], ids: dict[str, str]
) -> None:
    live.locator(VIEWER).evaluate(
        """viewer => {
            const press = () => new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true });
            for (let times = 0; times < 3; times += 1) viewer.dispatchEvent(press());
        }"""
    )
    shows(live, "Door")  # Off cannot be watched, and after the last camera comes the first
    assert [ids["Gate"] in sockets[0].url, ids["Door"] in sockets[1].url, len(sockets)] == [True, True, 2]
    assert "replace=" in sockets[1].url
    gate.becomes(1)


def test_turning_while_the_next_camera_opens_keeps_the_slot(live: Page, gate: Gate, stranger: Others) -> None:
    stranger.wait()
    for _ in range(4):
        live.keyboard.press("ArrowRight")
        live.wait_for_timeout(260)  # the opening has begun
    shows(live, "Gate")
    assert (gate.in_use, stranger.pictures) == (1, 0)


@pytest.mark.timing("the slot is free within a second")
def test_back_closes_the_dialog_after_turning_and_frees_the_slot(live: Page, gate: Gate, ids: dict[str, str]) -> None:
    live.keyboard.press("ArrowRight")
    shows(live, "Lobby")
    assert live.url.endswith(f"#live={ids['Lobby']}")
    live.evaluate("history.back()")
    expect(live.locator("dialog.live-modal")).not_to_be_visible()
    gate.becomes(0, 1)
    assert "#" not in live.url


def test_only_cameras_that_the_search_shows_are_turned_to(cards: Page, gate: Gate) -> None:
    cards.get_by_label("Search cameras").fill("y")  # Lobby, Yard
    cards.get_by_role("button", name="Live View: Lobby").click()
    becomes(cards, "state", "live")
    for name in ("Yard", "Lobby"):
        cards.keyboard.press("ArrowRight")
        shows(cards, name)
    cards.keyboard.press("Escape")
    cards.get_by_label("Search cameras").fill("yard")
    cards.get_by_role("button", name="Live View: Yard").click()
    expect(cards.get_by_role("button", name="Next camera")).not_to_be_visible()
    cards.keyboard.press("Escape")
    gate.becomes(0)


def test_arrow_keys_move_a_zoomed_picture_and_choose_a_quality_instead(live: Page, gate: Gate) -> None:
    live.keyboard.press("+")
    live.keyboard.press("ArrowRight")
    expect(live.locator("dialog.live-modal h2")).to_have_text("Gate")
    live.keyboard.press("0")
    choose(live, "low")
    live.get_by_label("Quality").focus()
    live.keyboard.press("ArrowLeft")
    expect(live.locator("dialog.live-modal h2")).to_have_text("Gate")


def test_full_screen_stays_while_turning(live: Page, gate: Gate) -> None:
    live.keyboard.press("f")
    wait_until(lambda: bool(live.evaluate("document.fullscreenElement !== null")), 5, "full screen")
    live.keyboard.press("ArrowRight")
    shows(live, "Lobby")
    assert live.evaluate("document.fullscreenElement !== null")
