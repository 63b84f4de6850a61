"""Auto on a link that gets too slow for the camera's own video, and fast again."""

import socket
import time

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import (
    LARGE,
    Gate,
    ages_of,
    assert_fresh,
    becomes,
    both_origins,
    canvas_width,
    log_in,
    open_modal,
)
from tests.browser.link import MEGABIT, Link
from tests.browser.others import Others
from tests.servers import Site, wait_until


def memory(house: Site) -> int:
    """Bytes of the worker."""
    return int(psutil.Process(house.workers[0].process.popen.pid).memory_info().rss)


@both_origins
@pytest.mark.parametrize("video", [LARGE])
@pytest.mark.timeout(240)
@pytest.mark.timing("measures the age and the rate of pictures")
def test_auto_steps_down_on_a_slow_link_and_up_again(
    page: Page, origin: str, house: Site, gate: Gate, others: Others, camera_id: str, link: Link
) -> None:
    others.enter()  # on a link of its own
    log_in(page, f"http://{origin}:{link.port}")
    open_modal(page)
    becomes(page, "quality", "original")
    assert_fresh(page)
    link.rate = MEGABIT  # about half of what the camera sends
    becomes(page, "quality", "low", 60)  # at once: medium would take more than the camera's own video
    wait_until(lambda: canvas_width(page) == 640, 20, "a picture of the lower quality")
    page.wait_for_timeout(1_000)  # in which the link empties
    before, started, seen = memory(house), time.monotonic(), others.pictures
    ages = ages_of(page, 80)
    assert len(ages) > 70, ages
    assert ages[int(len(ages) * 0.95)] < 1_500, ages
    assert memory(house) - before < 8_000_000
    assert (others.pictures - seen) / (time.monotonic() - started) > 7, "frames/s of 10"
    becomes(page, "quality", "low")
    link.rate = 0
    becomes(page, "quality", "original", 90)
    expect(page.get_by_label("Quality").locator("option:checked")).to_have_text("Auto (Original)")
    wait_until(lambda: len(ages_of(page, 3)) == 3, 10, "readable pictures")
    assert_fresh(page)
    assert gate.in_use == 2
    link.leave(page)


def test_what_waits_for_a_slow_link_arrives_when_it_is_fast_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Link(server.getsockname()[1]) as link:
        link.rate = 8_000
        ends = []
        for _ in range(2):
            near = socket.create_connection(("127.0.0.1", link.port), timeout=5)
            far, _ = server.accept()
            far.sendall(bytes(4_000))  # the first takes half a second, and the second waits for that
            ends.append((near, far))
        time.sleep(0.2)
        link.rate = 0
        for near, far in ends:
            with near, far:
                assert near.recv(4_000, socket.MSG_WAITALL) == bytes(4_000)
