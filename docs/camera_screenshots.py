"""Make the screenshots of docs/cameras.md: .venv/bin/python -m docs.camera_screenshots

Needs what docs/screenshots.py needs. Of this script's six cameras, two do not work, and one refuses the password.
"""

from contextlib import ExitStack
from typing import Any

from playwright.sync_api import Browser, Page, expect

from cameras.simulator import Fault, SimulatedCamera
from docs.shooting import DESKTOP, PATIENCE, PHONE, four_cameras, shoot, start_browser
from tests.browser.chromium import enter
from tests.client import Session
from tests.servers import Site, free_port, wait_until

SCHEMES: Any = {"": {"color_scheme": "light"}, "-dark": {"color_scheme": "dark"}}
LIST = "/admin/cameras/camera/"
GROUP = """
from cameras.models import Camera, CameraGroup
CameraGroup.objects.create(name="Outside").cameras.set(Camera.objects.all()[:3])
"""


def add_problems(installation: Site, cameras: dict[str, SimulatedCamera]) -> None:
    url = next(iter(cameras.values())).url
    installation.add_camera("Old gate", f"rtsp://127.0.0.1:{free_port()}/gate")
    installation.add_camera("Workshop", f"{url}-2")
    list(cameras.values())[-1].fault = Fault.UNAUTHORIZED
    installation.manage("shell", "-v0", "-c", GROUP)


def health(browser: Browser, base: str, cookie: str) -> None:
    for suffix, scheme in SCHEMES.items():
        context = browser.new_context(**DESKTOP, **scheme)
        page = context.new_page()
        enter(page, base, cookie)
        page.goto(f"{base}{LIST}")
        shoot(page, f"camera-health{suffix}")
        context.close()


def cards(browser: Browser, base: str, cookie: str) -> None:
    for name, size in (("cards", DESKTOP), ("cards-arranging-phone", PHONE)):
        context = browser.new_context(**size)
        page = context.new_page()
        enter(page, base, cookie)
        if size is PHONE:
            page.get_by_role("button", name="Arrange").click()
        else:
            page.get_by_label("Group").select_option("Outside")
        shoot_cards(page, name)
        context.close()


def shoot_cards(page: Page, name: str) -> None:
    expect(page.locator(".card:not([hidden]) img").first).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(3_000)  # for the other stills
    shoot(page, name)


def main() -> None:
    with ExitStack() as stack:
        installation, cameras, _ = stack.enter_context(four_cameras())
        add_problems(installation, cameras)
        worker = installation.start_worker(STREAM_CHECK_MINUTES="15", STREAM_READ_TIMEOUT_SECONDS="1")
        admin = Session(worker.base, "admin")
        browser = start_browser(stack)
        wait_until(lambda: b"0 cameras" in admin.get(f"{LIST}?health=never")[1], 60, "all are checked")
        health(browser, worker.base, admin.cookie)
        cards(browser, worker.base, Session(worker.base).cookie)


if __name__ == "__main__":
    main()
