"""Settings > System, and the form of a camera, as an administrator uses them."""

from pathlib import Path

from playwright.sync_api import Page, expect

from cameras.simulator import SimulatedCamera
from tests.browser.conftest import LATE_CAMERAS, Gate, log_in
from tests.browser.others import Others

SETTINGS = LATE_CAMERAS


def test_system_follows_the_streams_that_come_and_go_without_reloading(
    page: Page, base: str, gate: Gate, others: Others
) -> None:
    log_in(page, base, "admin")
    page.goto(f"{base}/admin/")
    page.get_by_role("link", name="System").first.click()
    expect(page.get_by_test_id("in-use")).to_have_text("0")
    expect(page.get_by_test_id("limit")).to_have_text("2")
    for count in (1, 2):
        others.enter()
        expect(page.get_by_test_id("in-use")).to_have_text(str(count))
        expect(page.get_by_test_id("viewer-row")).to_have_count(count)
    expect(page.get_by_test_id("viewer-row").first).to_contain_text("viewer")
    expect(page.get_by_test_id("viewer-row").first).to_contain_text("Yard")
    others.leave()
    expect(page.get_by_test_id("in-use")).to_have_text("1")
    expect(page.get_by_test_id("viewer-row")).to_have_count(1)


def test_a_camera_is_tried_and_added_and_its_password_never_shown_again(
    page: Page, base: str, yard: SimulatedCamera, gate: Gate
) -> None:
    log_in(page, base, "admin")
    page.goto(f"{base}/admin/cameras/camera/add/")
    page.get_by_label("Name:", exact=True).fill("Tried")
    page.get_by_label("Stream address").fill(yard.url)
    page.get_by_label("User name").fill("operator")
    page.get_by_label("Password:", exact=True).fill("dont-show-me")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("640 \u00d7 360")).to_be_visible(timeout=15_000)
    expect(page.locator("img[src^='data:image/jpeg']")).to_be_visible()
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    assert "dont-show-me" not in page.content()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Yes").click()


def test_both_streams_of_a_camera_are_tried(page: Page, base: str, yard: SimulatedCamera, gate: Gate) -> None:
    log_in(page, base, "admin")
    page.goto(f"{base}/admin/cameras/camera/add/")
    page.get_by_label("Stream address").fill(yard.url)
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("Stream connected: 640 \u00d7 360")).to_be_visible(timeout=15_000)
    expect(page.locator("[data-stream=sub]")).to_be_hidden()
    page.get_by_label("Substream").fill(f"{yard.url}-typo")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("Substream: No stream at this path.")).to_be_visible(timeout=15_000)
    expect(page.get_by_text("Stream connected: 640 \u00d7 360")).to_be_visible(timeout=15_000)


def test_the_connection_can_be_tested_only_once_its_script_has_loaded(page: Page, base: str, gate: Gate) -> None:
    log_in(page, base, "admin")
    script, button = "**/test-connection*.js", page.get_by_role("button", name="Test connection")
    page.route(script, lambda route: route.abort())
    page.goto(f"{base}/admin/cameras/camera/add/")
    expect(button).to_be_disabled()
    page.unroute(script)
    page.reload()
    expect(button).to_be_enabled()


def test_a_wrong_address_is_explained_in_the_form(page: Page, base: str, gate: Gate) -> None:
    log_in(page, base, "admin")
    page.goto(f"{base}/admin/cameras/camera/add/")
    page.get_by_label("Name:", exact=True).fill("Wrong")
    page.get_by_label("Stream address").fill("file:///etc/passwd")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The address must begin with one of rtsp://")).to_be_visible()


def test_a_pasted_address_is_split_at_once(page: Page, base: str, gate: Gate) -> None:
    log_in(page, base, "admin")
    page.goto(f"{base}/admin/cameras/camera/add/")
    name, address = page.get_by_label("Name:", exact=True), page.get_by_label("Stream address")
    name.fill("rtsp://ada:p%40ss@camera.example:554/Streaming/Channels/101")
    name.press("Control+a")
    name.press("Control+x")
    address.press("Control+v")
    expect(address).to_have_value("rtsp://camera.example:554/Streaming/Channels/101")
    expect(page.get_by_label("User name")).to_have_value("ada")
    expect(page.get_by_label("Password:", exact=True)).to_have_value("p@ss")
    expect(page.get_by_text("were moved into their own fields")).to_be_visible()
    box = address.bounding_box()
    assert box and box["width"] > 500
    address.fill("rtsp://eve:other@camera.example/live")  # as typed: split when the field is left
    expect(address).to_have_value("rtsp://eve:other@camera.example/live")
    address.blur()
    expect(address).to_have_value("rtsp://camera.example/live")
    expect(page.get_by_label("User name")).to_have_value("eve")


def test_the_address_of_a_maker_is_filled_in_with_the_typed_host(page: Page, base: str, gate: Gate) -> None:
    log_in(page, base, "admin")
    page.goto(f"{base}/admin/cameras/camera/add/")
    address = page.get_by_label("Stream address")
    page.get_by_text("Addresses of common makers").click()
    page.get_by_role("button", name="Use the address of Axis").click()
    expect(address).to_have_value("rtsp://HOST/axis-media/media.amp")
    page.keyboard.type("192.0.2.7")  # HOST is selected
    expect(address).to_have_value("rtsp://192.0.2.7/axis-media/media.amp")
    page.get_by_role("button", name="Use the address of Reolink").click()
    expect(address).to_have_value("rtsp://192.0.2.7/Preview_01_main")


def test_cameras_are_imported_after_a_look_at_them(page: Page, base: str, gate: Gate, tmp_path: Path) -> None:
    file = tmp_path / "go2rtc.yaml"
    file.write_text("streams:\n  imported: rtsp://ada:dont-show-me@192.0.2.7/live\n  script: exec:dont-show-me\n")
    log_in(page, base, "admin")
    page.goto(f"{base}/admin/cameras/camera/")
    page.get_by_role("link", name="Import").click()
    page.get_by_label("File:").set_input_files(file)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("heading", name="To be added: 1")).to_be_visible()
    expect(page.get_by_role("row", name="script")).to_contain_text("exec: sources are not taken")
    assert "dont-show-me" not in page.content()
    page.get_by_role("button", name="Import 1 camera").click()
    expect(page.get_by_text("Imported: 1 added, 0 changed, 0 unchanged, 1 left out.")).to_be_visible()
    page.get_by_role("link", name="imported").click()
    expect(page.get_by_label("Stream address")).to_have_value("rtsp://192.0.2.7/live")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Yes").click()


def test_a_wrong_password_is_explained_at_the_log_in(page: Page, base: str, gate: Gate) -> None:
    page.goto(f"{base}/")
    page.get_by_label("Username").fill("viewer")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("correct")
