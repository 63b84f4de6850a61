"""axe-core finds nothing on any page of the product: at a phone's and a desktop's width, light and dark."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cameras.simulator import Simulator
from tests.browser.chromium import enter
from tests.browser.conftest import HOUSE
from tests.browser.walls import are_live, watched_cameras
from tests.client import Session
from tests.servers import ROOT, Site, site
from tests.walls import NOW, add_display, add_wall, change_displays, remove_walls

AXE = ROOT / "tests/js/node_modules/axe-core/axe.min.js"
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
RUN = """async () => {
    document.body.offsetWidth; // colors change now
    for (const animation of document.getAnimations()) if (animation instanceof CSSTransition) animation.finish();
    const { violations } = await axe.run({ preload: false });
    return violations.flatMap(({ id, nodes }) =>
        nodes.map((node) => `${id} at ${node.target.join(" ")}: ${[...node.any, ...node.all, ...node.none][0].message}`));
}"""


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.exists() and os.environ.get("NVR_TESTS_MAY_NOT_SKIP"):
        pytest.fail("axe-core is not installed: make lint installs it")
    if not AXE.exists():
        pytest.skip("axe-core is not installed: accessibility is not tested (make lint installs it)")
    return AXE.read_text()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    """Two cameras, a saved wall and a display."""
    with Simulator(port=0) as simulator, site(tmp_path_factory.mktemp("site"), template) as created:
        created.start_worker(**{**HOUSE, "STREAM_MAX_CONCURRENT": "8"})
        with watched_cameras(created, simulator, ("Door", "Gate")) as ids:
            add_wall(created, "lobby", [*ids, "00000000-0000-0000-0000-000000000000"])
            add_display(created, "lobby")
            yield created
        remove_walls(created)


@pytest.fixture(scope="module")
def admin_cookie(house: Site) -> str:
    return Session(house.workers[0].base, "admin").cookie


def modal(page: Page) -> None:
    page.locator(".watch").first.click()
    expect(page.locator("dialog camera-viewer")).to_have_attribute("data-state", "live")


def pictures(page: Page) -> None:
    are_live(page, 2)


def enlarged(page: Page) -> None:
    are_live(page, 2)
    page.keyboard.press("1")


def arranging(page: Page) -> None:
    page.get_by_role("button", name="Arrange").click()


def saving(page: Page) -> None:
    arranging(page)
    page.get_by_role("button", name="Save…").click()


def checked(page: Page) -> None:
    """Of each kind a camera: a new one, a changed one, and one that is left out."""
    csv = "name,stream_url,username,password\nDoor,rtsp://127.0.0.1/1,ada,s3cret\nYard,rtsp://127.0.0.1/2,,\nRoof,file:///x,,\n"
    page.get_by_label("File:").set_input_files({"name": "cameras.csv", "mimeType": "text/csv", "buffer": csv.encode()})
    page.get_by_role("button", name="Check the file").click()
    for title in ("To be added: 1", "To be changed: 1", "Left out: 1"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()


def refused_file(page: Page) -> None:
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("alert")).to_have_text("Choose a file.")


def nothing(page: Page) -> None:
    pass


PAGES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "cards": ("/", nothing),
    "cards being arranged": ("/", arranging),
    "modal": ("/", modal),
    "wall": ("/wall/", pictures),
    "enlarged tile": ("/wall/", enlarged),
    "saved wall": ("/wall/lobby/", pictures),
    "saved wall being arranged": ("/wall/lobby/", arranging),
    "saved wall being saved": ("/wall/lobby/", saving),
    "kiosk": ("/wall/lobby/?kiosk=1", pictures),
    "display without a link": ("/display/", nothing),
    "password": ("/accounts/password/", nothing),
    "password changed": ("/accounts/password/done/", nothing),
    "not found": ("/nowhere/", nothing),
    "settings": ("/admin/", nothing),
    "system": ("/admin/streaming/system/", nothing),
    "cameras": ("/admin/cameras/camera/", nothing),
    "camera": ("/admin/cameras/camera/add/", nothing),
    "import": ("/admin/cameras/camera/import/", nothing),
    "import without a file": ("/admin/cameras/camera/import/", refused_file),
    "import of a checked file": ("/admin/cameras/camera/import/", checked),
    "finding cameras": ("/admin/cameras/camera/find/", nothing),
    "groups": ("/admin/cameras/cameragroup/", nothing),
    "walls": ("/admin/cameras/wall/", nothing),
    "new token": ("/admin/cameras/apitoken/add/", nothing),
    "displays": ("/admin/cameras/displaytoken/", nothing),
    "new display": ("/admin/cameras/displaytoken/add/", nothing),
}


def assert_accessible(page: Page, axe: str) -> None:
    found = []
    page.evaluate(axe)
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += [f"{size}, {scheme}: {finding}" for finding in page.evaluate(RUN)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(faultless: Page, house: Site, axe: str, admin_cookie: str, name: str) -> None:
    path, prepare = PAGES[name]
    enter(faultless, house.workers[0].base, admin_cookie)
    faultless.goto(house.workers[0].base + path)
    prepare(faultless)
    assert_accessible(faultless, axe)


def test_axe_finds_nothing_at_the_log_in(faultless: Page, house: Site, axe: str) -> None:
    faultless.goto(f"{house.workers[0].base}/accounts/login/")
    assert_accessible(faultless, axe)
    faultless.get_by_label("Username").fill("viewer")
    faultless.get_by_label("Password").fill("wrong")
    faultless.get_by_role("button", name="Log in").click()
    expect(faultless.get_by_role("alert")).to_be_visible()
    assert_accessible(faultless, axe)


def test_axe_finds_nothing_on_a_display_that_has_expired(faultless: Page, house: Site, axe: str) -> None:
    token = add_display(house, "lobby")
    change_displays(house, "expires", NOW)
    faultless.goto(f"{house.workers[0].base}/display/#{token}")
    expect(faultless.get_by_role("heading", name="This display has expired")).to_be_visible()
    assert_accessible(faultless, axe)
