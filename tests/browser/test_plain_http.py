"""The camera's own H.264 on a page over plain HTTP, where there is no WebCodecs: by Media Source Extensions."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from cameras.simulator import SimulatedCamera, Simulator
from tests.browser.chromium import PLAIN, enter
from tests.browser.conftest import VIEWER, Gate, assert_fresh, becomes, choose, figure, open_modal
from tests.servers import Site, wait_until

FAILED = "This browser could not play the camera's own video"

# Counts the jumps of videos that are not part of the page, and the frames of video that arrive.
OBSERVE = """
    window.jumps = window.frames = window.shown = 0;
    const create = document.createElement.bind(document);
    document.createElement = (name) => {
        const element = create(name);
        if (name === "video") element.addEventListener("seeking", () => (window.jumps += 1));
        return element;
    };
    window.WebSocket = class extends WebSocket {
        constructor(address) {
            super(address);
            this.addEventListener("message", ({ data }) => (window.frames += data.byteLength ? 1 : 0));
        }
    };
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    CanvasRenderingContext2D.prototype.drawImage = function (...picture) {
        window.shown += 1;
        return draw.apply(this, picture);
    };
"""

BREAK_ON = """
    window.appended = 0;
    const append = SourceBuffer.prototype.appendBuffer;
    SourceBuffer.prototype.appendBuffer = function (segment) {
        window.appended += 1;
        if (window.appended > %d) throw new DOMException("broken by the test", "%s");
        return append.call(this, segment);
    };
"""


@pytest.fixture
def origin() -> str:
    return PLAIN


@pytest.fixture(autouse=True)
def needs_h264(page: Page, house: Site) -> None:
    page.goto(f"{house.workers[0].base}/healthz")
    if not page.evaluate("""MediaSource.isTypeSupported('video/mp4; codecs="avc1.42E01E"')"""):
        pytest.skip("This Chromium was built without H.264")


@pytest.mark.timing("measures the age and the rate of pictures")
def test_plain_http_plays_the_camera_s_own_video_at_its_rate_without_a_jump(
    cards: Page, gate: Gate, yard: SimulatedCamera
) -> None:
    cards.add_init_script(OBSERVE)
    cards.reload()
    assert cards.evaluate("[isSecureContext, 'VideoDecoder' in window]") == [False, False]
    open_modal(cards)
    becomes(cards, "format", "h264")
    becomes(cards, "quality", "original")
    cards.wait_for_timeout(2_000)
    cards.evaluate("window.jumps = window.frames = window.shown = 0")
    cards.keyboard.press("i")
    cards.wait_for_timeout(6_000)
    jumps, frames, shown = cards.evaluate("[window.jumps, window.frames, window.shown]")
    assert jumps == 0
    assert shown > 0.5 * frames, f"{shown} of {frames} pictures"
    assert float(figure(cards, "kbit/s")) < 1.15 * yard.bit_rate / 1000
    assert cards.locator(f"{VIEWER} .figures p").inner_text() == ""
    assert cards.locator(f"{VIEWER} option[value=original]").get_attribute("title") == ""
    assert_fresh(cards)
    assert gate.in_use == 1


@pytest.mark.parametrize(("after", "error"), [(0, "QuotaExceededError"), (50, "InvalidStateError")])
def test_at_the_first_error_jpeg_replaces_it_for_this_camera_until_the_user_chooses_it_again(
    cards: Page, gate: Gate, after: int, error: str
) -> None:
    cards.add_init_script(BREAK_ON % (after, error))
    cards.reload()
    open_modal(cards)
    becomes(cards, "format", "jpeg")
    becomes(cards, "quality", "medium")
    cards.keyboard.press("i")
    expect(cards.locator(f"{VIEWER} .figures p")).to_contain_text(FAILED)
    appended = cards.evaluate("window.appended")
    cards.reload()
    becomes(cards, "state", "live")
    becomes(cards, "quality", "medium")
    assert appended > after
    assert cards.evaluate("window.appended") == 0, "tried again after a reload"
    choose(cards, "original")
    wait_until(lambda: bool(cards.evaluate("window.appended > 0")), 10, "the video is tried again")
    becomes(cards, "quality", "high")
    assert gate.in_use == 1


def test_a_video_that_shows_nothing_is_replaced_by_jpeg(cards: Page, gate: Gate) -> None:
    cards.add_init_script("HTMLVideoElement.prototype.requestVideoFrameCallback = () => 0")
    cards.reload()
    cards.get_by_role("button", name="Live View").click()
    becomes(cards, "format", "jpeg", 20)
    becomes(cards, "state", "live")
    becomes(cards, "quality", "medium")


@pytest.mark.timing("measures the age of pictures")
def test_a_browser_that_can_do_neither_plays_jpeg_and_says_what_https_would_bring(cards: Page, gate: Gate) -> None:
    cards.add_init_script("delete window.MediaSource")
    cards.reload()
    open_modal(cards)
    becomes(cards, "format", "jpeg")
    cards.keyboard.press("i")
    expect(cards.locator(f"{VIEWER} .figures")).to_contain_text("The camera's own video needs HTTPS")
    expect(cards.locator(f"{VIEWER} option[value=original]")).to_have_attribute("title", re.compile("HTTPS"))
    choose(cards, "original")
    becomes(cards, "quality", "original")
    becomes(cards, "format", "jpeg")
    assert_fresh(cards)


@pytest.fixture
def odd_camera(house: Site, simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[str]:
    camera = simulator.add(SimulatedCamera(name="Odd", path="odd", width=640, height=360, fps=15, **request.param))
    id = house.add_camera("Odd", camera.url)
    yield id
    house.remove_camera(id)


@pytest.mark.timing("measures the age of pictures")
@pytest.mark.parametrize("odd_camera", [{"b_frames": 2}], indirect=True)
def test_b_frames_are_shown_in_the_camera_s_order(
    page: Page, base: str, gate: Gate, odd_camera: str, cookie: str
) -> None:
    enter(page, base, cookie)
    open_modal(page, 20)
    becomes(page, "format", "h264")
    assert_fresh(page, 1_000)


@pytest.mark.parametrize("odd_camera", [{"truncate_every": 10}], indirect=True)
def test_video_that_cannot_be_decoded_is_replaced_by_jpeg(
    page: Page, base: str, gate: Gate, odd_camera: str, cookie: str
) -> None:
    enter(page, base, cookie)
    open_modal(page, 20)
    becomes(page, "format", "jpeg")
    becomes(page, "quality", "medium")
    becomes(page, "state", "live")
