"""Cameras > Cameras > Find, as an administrator uses it, with a device of ONVIF whose stream is a simulated camera."""

from playwright.sync_api import Page, expect

from cameras.simulator import SimulatedCamera
from tests.browser.conftest import LATE_CAMERAS, Gate, log_in
from tests.onvif import PASSWORD, STREAM, USER, device

SETTINGS = LATE_CAMERAS


def test_a_camera_is_found_by_its_address_and_added(page: Page, base: str, yard: SimulatedCamera, gate: Gate) -> None:
    log_in(page, base, "admin")
    page.goto(f"{base}/admin/cameras/camera/")
    page.get_by_role("link", name="Find").click()
    with device("127.0.0.1") as camera:
        camera.answers["GetStreamUri"] = lambda request: STREAM.format(
            yard.url + ("-sub" if ">sub<" in request else "?")
        )
        name = f"Camera (127.0.0.1:{camera.port})"
        page.get_by_label("User name").fill(USER)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Only this address").fill(f"127.0.0.1:{camera.port}")
        page.get_by_role("button", name="Find cameras").click()
        expect(page.get_by_role("rowheader", name=name)).to_be_visible(timeout=15_000)
    expect(page.get_by_text(f"Substream: {yard.url}-sub")).to_be_visible()
    assert PASSWORD not in page.content()
    page.get_by_role("button", name="Import 1 camera").click()
    expect(page.get_by_text("Imported: 1 added")).to_be_visible()
    page.get_by_role("link", name=name).click()
    expect(page.get_by_label("User name")).to_have_value(USER)
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("Stream connected: 640 \u00d7 360")).to_be_visible(timeout=15_000)
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Yes").click()
