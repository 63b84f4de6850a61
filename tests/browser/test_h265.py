"""An H.265 camera in a browser that plays no H.265, as the tests' Chromium: each way to JPEG."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocket, expect

from cameras.simulator import SimulatedCamera, Simulator
from tests.browser.conftest import VIEWER, Gate, assert_fresh, becomes, both_origins, choose, open_modal

H265 = 3
FAILED = "This browser could not play the camera's own video"

# Makes the browser say that it plays the codecs that match a pattern.
CLAIM = """
    const claimed = /%s/;
    const isConfigSupported = window.VideoDecoder?.isConfigSupported.bind(VideoDecoder);
    if (isConfigSupported) {
        VideoDecoder.isConfigSupported = async (config) =>
            claimed.test(config.codec) ? { supported: true, config } : isConfigSupported(config);
    }
    const isTypeSupported = MediaSource.isTypeSupported.bind(MediaSource);
    MediaSource.isTypeSupported = (type) => claimed.test(type) || isTypeSupported(type);
"""
COMMON, ANY = r"(hev1|hvc1)\.1\.6\.L93\.B0", r"(hev1|hvc1)\."  # the camera's own is 1.6.L93.90


@pytest.fixture
def yard(simulator: Simulator) -> SimulatedCamera:
    return simulator.add(SimulatedCamera(name="Yard", path="yard", width=1280, height=720, fps=10, codec="h265"))


@pytest.fixture(autouse=True)
def needs_a_browser_without_h265(page: Page, yard: SimulatedCamera) -> None:
    if page.evaluate("""MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L93.B0"')"""):
        pytest.skip("This browser plays H.265")


class Wire:
    """The addresses of the page's sockets, and their messages."""

    def __init__(self, page: Page) -> None:
        self.addresses: list[str] = []
        self.sent: list[str | bytes] = []
        self.kinds: set[int] = set()
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        self.addresses.append(socket.url)
        socket.on("framesent", lambda message: self.sent.append(message))
        socket.on("framereceived", self._received)

    def _received(self, data: Any) -> None:
        if isinstance(data, bytes):
            self.kinds.add(data[1])

    @property
    def confirmed(self) -> list[str | bytes]:
        return [message for message in self.sent if "confirm_codec" in str(message)]


@pytest.mark.timing("measures the age of pictures")
@both_origins
def test_a_browser_that_plays_no_h265_does_not_ask_for_it_and_original_is_jpeg(cards: Page, gate: Gate) -> None:
    wire = Wire(cards)
    open_modal(cards)
    choose(cards, "original")
    becomes(cards, "quality", "original")
    becomes(cards, "format", "jpeg")
    assert "h265" not in wire.addresses[0]
    assert H265 not in wire.kinds
    assert_fresh(cards, 1_000)
    assert gate.in_use == 1


@both_origins
def test_a_browser_that_does_not_play_the_camera_s_codec_gets_no_h265_and_remembers_it(cards: Page, gate: Gate) -> None:
    cards.add_init_script(CLAIM % COMMON)
    wire = Wire(cards)
    cards.reload()
    open_modal(cards)
    becomes(cards, "quality", "medium")
    becomes(cards, "format", "jpeg")
    assert "h265" in wire.addresses[0]
    cards.keyboard.press("i")
    expect(cards.locator(f"{VIEWER} .figures p")).to_contain_text(FAILED)
    cards.reload()
    becomes(cards, "state", "live")
    assert not re.search("quality=original", wire.addresses[-1]), "tried again after a reload"
    choose(cards, "original")
    becomes(cards, "quality", "high")
    assert wire.confirmed == []
    assert H265 not in wire.kinds
    assert gate.in_use == 1


@pytest.mark.timing("measures the age of pictures")
@both_origins
def test_a_browser_whose_decoder_fails_after_all_gets_jpeg_at_the_first_error(cards: Page, gate: Gate) -> None:
    cards.add_init_script(CLAIM % ANY)
    wire = Wire(cards)
    cards.reload()
    open_modal(cards)
    becomes(cards, "quality", "medium")
    becomes(cards, "format", "jpeg")
    assert [str(message) for message in wire.confirmed] == ['{"type":"confirm_codec","codec":"hev1.1.6.L93.90"}']
    assert H265 in wire.kinds
    assert_fresh(cards, 1_000)
    assert gate.in_use == 1
