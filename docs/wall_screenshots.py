"""Make the screenshots of docs/wall.md: .venv/bin/python -m docs.wall_screenshots

Needs what docs/screenshots.py needs. Others take slots, so that the wall has three for its four cameras.
"""

from contextlib import ExitStack

from playwright.sync_api import expect

from docs.screenshots import PATIENCE, SIZES, house, shoot, start_browser
from tests.browser.chromium import enter
from tests.browser.others import Others
from tests.client import Session

OTHERS = 7


def main() -> None:
    with ExitStack() as stack:
        installation, _, ids = stack.enter_context(house())
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


if __name__ == "__main__":
    main()
