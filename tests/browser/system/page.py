"""The page Settings > System, as the tests use it."""

from playwright.sync_api import Locator, Page

PAGE = "/admin/streaming/system/"
MESSAGE = "The gate is closed for the night. Ask Anna."
ACROSS = 10_000  # ms until a change at one worker is done at the other and shown on the page; without news it is 30 s
FULL = "All streams in use"
ENDED = 80  # seconds until the current minute has ended and is in the database
WRITTEN = 30_000  # ms until a refusal is in the database and on the page


def save_limit(page: Page, name: str, value: str) -> None:
    page.get_by_test_id(f"limit-{name}").fill(value)
    page.get_by_test_id("save-limits").click()


def row_of(page: Page, user: str) -> Locator:
    return page.get_by_test_id("viewer-row").filter(has_text=user)
