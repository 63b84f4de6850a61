"""Make the screenshots of docs/wall.md: .venv/bin/python -m docs.wall_screenshots

Needs what docs/screenshots.py needs. A wall is a page that shows all cameras live in a grid. For its first
screenshots, other viewers take so many slots that three are left for its four cameras.
"""

from contextlib import ExitStack

from playwright.sync_api import Browser, Page, expect

from docs.shooting import PATIENCE, SIZES, four_cameras, shoot, start_browser
from tests.browser.chromium import enter
from tests.browser.others import Others
from tests.client import Session
from tests.servers import Site
from tests.walls import NOW, add_display, add_wall, change_displays

OTHERS = 7


def main() -> None:
    with ExitStack() as stack:
        installation, _, ids = stack.enter_context(four_cameras())
        browser = start_browser(stack)
        base = installation.workers[0].base
        others = Others(Session(base, "viewer2"), ids["Car park"])
        stack.callback(others.end)
        for _ in range(OTHERS):
            others.enter()
        for suffix, size in SIZES.items():
            context = browser.new_context(**size)
            page = context.new_page()
            enter(page, base, Session(base).cookie)
            page.get_by_role("link", name="Wall").click()
            for state, count in (("live", 3), ("waiting", 1)):
                expect(page.locator(f".tile [data-state={state}]")).to_have_count(count, timeout=PATIENCE)
            page.wait_for_timeout(2_000)  # until the delay is known
            shoot(page, f"wall{suffix}")
            context.close()
        others.leave_all()
        for suffix, size in SIZES.items():
            for scheme in ("light", "dark"):
                page = browser.new_context(**size, color_scheme=scheme).new_page()
                enter(page, base, Session(base, "admin").cookie)
                arrange(page, suffix + ("-dark" if scheme == "dark" else ""))
                page.context.close()
        display(browser, installation, list(ids.values()))


def arrange(page: Page, suffix: str) -> None:
    page.get_by_role("link", name="Wall").click()
    expect(page.locator(".tile [data-state=live]")).to_have_count(4, timeout=PATIENCE)
    page.get_by_role("button", name="Arrange").click()
    page.locator("[data-resize]").first.click()
    page.wait_for_timeout(2_000)  # until the delay is known
    shoot(page, f"wall-arranging{suffix}")
    page.get_by_role("button", name="Save…").click()
    page.get_by_label("Name").fill("Entrances")
    shoot(page, f"wall-saving{suffix}")


def display(browser: Browser, installation: Site, cameras: list[str]) -> None:
    """Create a wall (a grid of live cameras) of `cameras` (ids), and a display that shows it without a log-in.
    Delete `cameras[-1]` and shoot the display with the other three live. Let it expire and shoot its message.
    """
    add_wall(installation, "entrances", cameras)
    link = f"{installation.workers[0].base}/display/#{add_display(installation, 'entrances')}"
    installation.remove_camera(cameras[-1])
    page = browser.new_context(**SIZES[""]).new_page()
    page.goto(link)
    expect(page.locator(".tile [data-state=live]")).to_have_count(3, timeout=PATIENCE)
    page.wait_for_timeout(2_000)  # until the delay is known
    shoot(page, "wall-display")
    change_displays(installation, "expires", NOW)
    page.reload()
    expect(page.get_by_role("heading", name="This display has expired")).to_be_visible()
    shoot(page, "wall-display-expired")


if __name__ == "__main__":
    main()
