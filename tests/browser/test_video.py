"""The camera's own H.264 in the page, and JPEG where it cannot be."""

import base64
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from cameras.simulator import Fault, SimulatedCamera, Simulator
from tests.browser.chromium import enter
from tests.browser.conftest import (
    LARGE,
    VIEWER,
    Gate,
    assert_fresh,
    becomes,
    both_origins,
    canvas_width,
    choose,
    figure,
    image_of,
    log_in,
    open_modal,
)
from tests.servers import PATIENCE, Site, wait_until


@pytest.fixture(autouse=True)
def needs_h264(page: Page, house: Site) -> None:
    page.goto(f"{house.workers[0].base}/healthz")
    plays = page.evaluate("VideoDecoder.isConfigSupported({codec: 'avc1.42E01F'}).then(answer => answer.supported)")
    if not plays:
        pytest.skip("This Chromium was built without H.264")


@pytest.mark.timing("measures the age of pictures")
def test_auto_plays_the_camera_s_own_video(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    becomes(cards, "format", "h264")
    becomes(cards, "quality", "original")
    expect(cards.get_by_label("Quality").locator("option:checked")).to_have_text("Auto (Original)")
    assert_fresh(cards)


@pytest.mark.timing("measures the age of pictures")
@pytest.mark.parametrize("video", [LARGE])
def test_original_to_low_and_back_in_one_viewing(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    for choice, format, width in (("original", "h264", 1280), ("low", "jpeg", 640), ("original", "h264", 1280)):
        choose(cards, choice)
        becomes(cards, "quality", choice)
        becomes(cards, "format", format)
        wait_until(lambda width=width: canvas_width(cards) == width, PATIENCE, f"a picture {width} pixels wide")  # type: ignore[misc]
        assert gate.in_use == 1
        assert_fresh(cards)


@pytest.mark.timing("measures the age of pictures")
@pytest.mark.parametrize("video", [LARGE | {"fps": 25}])
def test_the_figures_tell_format_rate_and_age(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    becomes(cards, "format", "h264")
    cards.keyboard.press("i")
    cards.wait_for_timeout(5_500)
    assert figure(cards, "Format") == "h264"
    assert figure(cards, "Size") == "1280 \u00d7 720"
    assert float(figure(cards, "Frames/s")) > 15
    assert float(figure(cards, "kbit/s")) > 100
    assert max(map(int, re.findall(r"(\d+) ms", figure(cards, "Delay since the server")))) < 500
    assert figure(cards, "Streams") == "1 of 2 in use"
    cards.get_by_role("button", name="Figures").click()
    expect(cards.locator(f"{VIEWER} .figures")).not_to_be_visible()


PATCHES = np.array([(0, 0, 0), (255, 255, 255), (60, 60, 200), (60, 200, 60), (200, 60, 60)], np.uint8)  # as RGB

DECODE = """async (text) => {
    const { browser } = await import("/static/streaming/engine/browser.js");
    const { WebCodecsDecoder } = await import("/static/streaming/engine/video-decoder.js");
    const { MseDecoder } = await import("/static/streaming/engine/mse-decoder.js");
    const Decoder = isSecureContext ? WebCodecsDecoder : MseDecoder;
    let decoder;
    const picture = await new Promise((resolve, reject) => {
        const listener = { onPicture: resolve, onTaken: () => {}, onSkipped: reject, onError: reject };
        decoder = new Decoder(browser(), listener);
        decoder.configure("avc1.42C01F");
        const payload = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
        decoder.push({ kind: 2, flags: 1, epoch: 0, seq: 1, readAt: 0, presentedAt: 0, payload });
    });
    const pen = new OffscreenCanvas(picture.displayWidth, picture.displayHeight).getContext("2d");
    pen.drawImage(picture, 0, 0);
    decoder.close();
    const middle = (number) => [(number + 0.5) * pen.canvas.width / 5, pen.canvas.height / 2, 1, 1];
    return [0, 1, 2, 3, 4].map((number) => [...pen.getImageData(...middle(number)).data.slice(0, 3)]);
}"""


def key_picture(height: int, colors: str, says: int, values: int) -> bytes:
    """Of the patches, by libx264; `says` is the matrix it tells of, 2 for none."""
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 1280, height, "yuv420p"
    context.time_base, context.thread_count = Fraction(1, 25), 1
    context.colorspace, context.color_range = says, values
    context.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "10"}
    picture = av.VideoFrame.from_ndarray(np.repeat(PATCHES[None], height, 0).repeat(256, 1), format="rgb24")
    picture = picture.reformat(format="yuv420p", dst_colorspace=colors, dst_color_range=values)
    picture.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(picture), *context.encode(None)])


OF_VIDEO, ALL = 1, 2  # values: 16 to 235, or 0 to 255


COLORS = (  # height, matrix, what is told of it, values
    (720, "ITU709", 1, OF_VIDEO),
    (720, "ITU709", 1, ALL),
    (480, "ITU709", 1, OF_VIDEO),
    (720, "ITU601", 6, OF_VIDEO),
    (720, "ITU601", 5, ALL),
    (720, "ITU709", 2, OF_VIDEO),
    (480, "ITU601", 2, OF_VIDEO),
    (720, "ITU601", 2, ALL),
    (480, "ITU601", 2, ALL),
)


@both_origins
def test_video_has_the_colors_that_the_camera_saw(cards: Page) -> None:
    for camera in COLORS:  # each is decoded by a decoder of its own
        sent = base64.b64encode(key_picture(*camera)).decode()
        np.testing.assert_allclose(cards.evaluate(DECODE, sent), PATCHES, atol=9, err_msg=str(camera))


def test_the_camera_s_own_video_and_jpeg_of_it_look_the_same(cards: Page, gate: Gate) -> None:
    open_modal(cards)
    looks = []
    for choice in ("original", "medium"):
        choose(cards, choice)
        becomes(cards, "quality", choice)
        becomes(cards, "format", {"original": "h264", "medium": "jpeg"}[choice])
        cards.wait_for_timeout(1_000)
        url = cards.locator(f"{VIEWER} canvas").evaluate("canvas => canvas.toDataURL('image/png')")
        looks.append(cv2.resize(image_of(url), (32, 18), interpolation=cv2.INTER_AREA).astype(int))
    differences = np.abs(looks[0] - looks[1]).max(axis=2)
    # A wrong matrix or range differs by 10 and more, JPEG itself by 2. The rest is the clock, and what moves.
    assert np.percentile(differences, 90) <= 4


@both_origins
@pytest.mark.timing("measures the age of pictures")
def test_a_camera_that_restarts_or_changes_its_size_goes_on(cards: Page, gate: Gate, yard: SimulatedCamera) -> None:
    open_modal(cards)
    becomes(cards, "format", "h264")
    yard.fault = Fault.REFUSE
    yard.drop_connections()
    becomes(cards, "state", "reconnecting")
    yard.fault = Fault.NONE
    becomes(cards, "state", "live")
    assert_fresh(cards)
    yard.resize(640, 360)
    wait_until(lambda: canvas_width(cards) == 640, 15, "a picture of the new size")
    assert_fresh(cards)
    assert cards.locator(VIEWER).get_attribute("data-format") == "h264"
    assert gate.in_use == 1


SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "b-frames": ({"b_frames": 2}, "h264"),
    "main": ({"profile": "main"}, "h264"),
    "slices": ({"slices": 4}, "h264"),
    "split-key-frames": ({"slices": 2, "repeat_parameter_sets": "slice"}, "h264"),
    "no-parameter-sets": ({"repeat_parameter_sets": "none"}, "h264"),
    "parameter-sets-once": ({"repeat_parameter_sets": "once"}, "h264"),
    "h265": ({"codec": "h265"}, "jpeg"),
    "mjpeg": ({"codec": "mjpeg"}, "jpeg"),
    "mjpeg-over-http": ({"transport": "http"}, "jpeg"),
    "intra-refresh": ({"intra_refresh": True}, ""),
    "open-gop": ({"open_gop": True}, ""),
}


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> tuple[dict[str, Any], str]:
    return SHAPES[request.param]


@pytest.fixture
def odd_camera(house: Site, simulator: Simulator, shape: tuple[dict[str, Any], str]) -> Iterator[str]:
    camera = simulator.add(SimulatedCamera(name="Odd", path="odd", width=640, height=360, fps=15, **shape[0]))
    id = house.add_camera("Odd", camera.url)
    yield id
    house.remove_camera(id)


@pytest.mark.timing("measures the age of pictures")
def test_a_camera_of_any_shape_is_seen(
    page: Page, base: str, gate: Gate, odd_camera: str, shape: tuple[dict[str, Any], str], cookie: str
) -> None:
    settings, format = shape
    below = 1_000 if settings.get("b_frames") or settings.get("open_gop") else 500
    enter(page, base, cookie)
    open_modal(page, 20)
    choose(page, "original")
    becomes(page, "quality", "original")
    if format:
        becomes(page, "format", format)
    assert_fresh(page, below)


def record_formats(page: Page) -> None:
    page.locator(VIEWER).evaluate("""viewer => {
        window.formats = [];
        const record = () => window.formats.push(viewer.dataset.format);
        new MutationObserver(record).observe(viewer, { attributeFilter: ["data-format"] });
    }""")


def test_video_that_the_decoder_gives_up_on_is_replaced_by_jpeg(
    page: Page, base: str, gate: Gate, house: Site, simulator: Simulator
) -> None:
    torn = simulator.add(SimulatedCamera(name="Torn", path="torn", width=1280, height=720, fps=15, truncate_every=10))
    id = house.add_camera("Torn", torn.url)
    try:
        log_in(page, base)
        open_modal(page, 20)
        becomes(page, "format", "jpeg", 30)
        becomes(page, "quality", "medium")
        becomes(page, "state", "live")
        record_formats(page)
        choose(page, "original")
        becomes(page, "quality", "high", 30)
        assert "h264" in page.evaluate("window.formats")
        assert gate.in_use == 1
    finally:
        house.remove_camera(id)
