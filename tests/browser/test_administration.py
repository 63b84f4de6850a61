"""Settings > System, and the form of a camera, as an administrator uses them."""

from playwright.sync_api import Page, expect

from cameras.simulator import SimulatedCamera
from tests.browser.conftest import Gate, log_in
from tests.browser.others import Others


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
    expect(page.get_by_text("1280 \u00d7 720")).to_be_visible(timeout=15_000)
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
    expect(page.get_by_text("Stream connected: 1280 \u00d7 720")).to_be_visible(timeout=15_000)
    expect(page.locator("[data-stream=sub]")).to_be_hidden()
    page.get_by_label("Substream").fill(f"{yard.url}-typo")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("Substream: No stream at this path.")).to_be_visible(timeout=15_000)
    expect(page.get_by_text("Stream connected: 1280 \u00d7 720")).to_be_visible(timeout=15_000)


def test_a_wrong_address_is_explained_in_the_form(page: Page, base: str, gate: Gate) -> None:
    log_in(page, base, "admin")
    page.goto(f"{base}/admin/cameras/camera/add/")
    page.get_by_label("Name:", exact=True).fill("Wrong")
    page.get_by_label("Stream address").fill("file:///etc/passwd")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The address must begin with one of rtsp://")).to_be_visible()


def test_a_wrong_password_is_explained_at_the_log_in(page: Page, base: str, gate: Gate) -> None:
    page.goto(f"{base}/")
    page.get_by_label("Username").fill("viewer")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("correct")
