"""A wall of cameras with substreams, and the quality menu, in a page over HTTPS or localhost."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocket, expect

from cameras.simulator import SimulatedCamera
from tests.browser.chromium import enter
from tests.browser.conftest import HOUSE, VIEWER, Gate, becomes, choose, open_modal
from tests.figures import record
from tests.servers import Site, site, wait_until

TILES = 16
# Samples the picture of an enlarged tile with each animation frame: its width, and its brightest value.
WATCH = """name => {
    const canvas = document.querySelector(`.tile[data-name="${name}"] canvas`);
    const small = document.createElement("canvas");
    [small.width, small.height] = [16, 9];
    const context = small.getContext("2d", { willReadFrequently: true });
    window.samples = [];
    const started = performance.now();
    const sample = () => {
        context.drawImage(canvas, 0, 0, 16, 9);
        const brightest = Math.max(...context.getImageData(0, 0, 16, 9).data.filter((_, index) => index % 4 !== 3));
        window.samples.push({ at: performance.now() - started, width: canvas.width, brightest });
        if (performance.now() - started < 3000) requestAnimationFrame(sample);
    };
    sample();
}"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template) as created:
        created.start_worker(**{**HOUSE, "STREAM_MAX_CONCURRENT": "40"})
        yield created


@pytest.fixture
def camera_id(house: Site, main: SimulatedCamera, sub: SimulatedCamera) -> Iterator[str]:
    id = house.add_camera("Yard", main.url, substream=sub.url)
    yield id
    house.remove_camera(id)


@pytest.fixture
def received(page: Page) -> list[int]:
    """The bytes of each message that the page gets over a WebSocket."""
    sizes: list[int] = []

    def follow(socket: WebSocket) -> None:
        socket.on("framereceived", lambda payload: sizes.append(len(payload)))

    page.on("websocket", follow)
    return sizes


@pytest.fixture
def wall(
    page: Page,
    house: Site,
    base: str,
    main: SimulatedCamera,
    sub: SimulatedCamera,
    cookie: str,
    gate: Gate,
    received: list[int],
) -> Iterator[Page]:
    """A wall of sixteen cameras in tiles of at least 640x360. They all send the same, which is encoded once."""
    ids = [house.add_camera(f"Camera {number:02}", main.url, substream=sub.url) for number in range(TILES)]
    page.set_viewport_size({"width": 2640, "height": 1600})
    enter(page, base, cookie)
    page.goto(f"{base}/wall/")
    yield page
    page.goto("about:blank")
    for id in ids:
        house.remove_camera(id)


def kbps(page: Page, received: list[int], seconds: float = 4) -> float:
    before = sum(received)
    page.wait_for_timeout(seconds * 1000)
    return (sum(received) - before) * 8 / 1000 / seconds


@pytest.mark.timing("measures bandwidth, with sixteen videos on one machine")
def test_sixteen_tiles_take_sixteen_substreams_and_an_enlarged_one_the_larger_stream(
    wall: Page, received: list[int], sub: SimulatedCamera, main: SimulatedCamera
) -> None:
    tiles = wall.locator(".tile camera-viewer[data-state=live][data-quality=sub][data-format=h264]")
    expect(tiles).to_have_count(TILES, timeout=30_000)
    assert wall.locator(".tile").first.evaluate("tile => tile.clientWidth") >= 640
    wall.wait_for_timeout(2_000)
    rate = kbps(wall, received)
    record("wall of 16 tiles of 640x360: received", rate / 1000, "Mbit/s")
    assert 0.5 < rate / (TILES * sub.bit_rate / 1000) < 1.15, f"{rate:.0f} kbit/s"
    before = main.connections_total
    assert before == 0
    name = "Camera 05"
    wall.evaluate(WATCH, name)
    wall.get_by_role("button", name=f"Enlarge {name}").click()
    wait_until(lambda: bool(wall.evaluate("window.samples.at(-1).at > 2800")), 10, "the samples")
    samples: list[dict[str, Any]] = wall.evaluate("window.samples")
    larger = [sample["at"] for sample in samples if sample["width"] == main.width]
    assert larger
    record("enlarged tile: the larger stream after", larger[0] / 1000)
    assert min(sample["brightest"] for sample in samples) > 32, "a black frame"
    assert main.connections_total - before == 1
    wall.keyboard.press("Escape")
    expect(tiles).to_have_count(TILES, timeout=30_000)


def test_auto_takes_the_larger_stream_in_a_large_window_and_when_zoomed(
    page: Page, base: str, camera_id: str, cookie: str, gate: Gate
) -> None:
    page.set_viewport_size({"width": 600, "height": 480})
    enter(page, base, cookie)
    open_modal(page)
    becomes(page, "quality", "sub")
    page.keyboard.press("+")
    becomes(page, "quality", "original")
    page.keyboard.press("0")
    becomes(page, "quality", "sub", 20)
    page.set_viewport_size({"width": 1280, "height": 800})
    becomes(page, "quality", "original")
    assert gate.in_use == 1


def test_the_menu_tells_what_each_quality_shows_and_takes(
    page: Page, base: str, camera_id: str, cookie: str, gate: Gate
) -> None:
    enter(page, base, cookie)
    open_modal(page)
    becomes(page, "quality", "original")
    choose(page, "sub")
    becomes(page, "quality", "sub")
    options = page.locator(f"{VIEWER} [data-part=quality] option")
    expect(options.nth(0)).to_have_text("Auto")
    number = r"\d+(\.\d)? Mbit/s"
    expect(options.nth(1)).to_have_text(
        re.compile(rf"^Original \(1280 \u00d7 720, \d+ fps, {number}\)$"), timeout=15_000
    )
    expect(options.nth(2)).to_have_text(re.compile(rf"^Sub \(640 \u00d7 360, \d+ fps, {number}\)$"), timeout=15_000)
    group = page.locator(f"{VIEWER} optgroup")
    expect(group).to_have_attribute("label", "JPEG, for compatibility")
    expect(group.locator("option").last).to_have_text(re.compile(rf"^Low \(640 \u00d7 360, 5 fps, about {number}\)$"))


def test_a_camera_without_a_substream_offers_none(
    page: Page, house: Site, base: str, main: SimulatedCamera, cookie: str, gate: Gate
) -> None:
    id = house.add_camera("Alone", main.url)
    enter(page, base, cookie)
    open_modal(page)
    expect(page.locator(f"{VIEWER} option[value=sub]")).to_be_hidden()
    house.remove_camera(id)
