"""The page Settings > System, as the tests use it."""

from playwright.sync_api import Locator, Page

PAGE = "/admin/streaming/system/"
MESSAGE = "The gate is closed for the night. Ask Anna."
ACROSS = 3_000  # ms in which what is ordered at one worker has happened at the other, and the page has said so
FULL = "All streams in use"
ENDED = 80  # seconds in which a minute has ended, and is written
WRITTEN = 30_000  # ms in which the database has a refusal, and the page has asked for it


def save_limit(page: Page, name: str, value: str) -> None:
    page.get_by_test_id(f"limit-{name}").fill(value)
    page.get_by_test_id("save-limits").click()


def row_of(page: Page, user: str) -> Locator:
    return page.get_by_test_id("viewer-row").filter(has_text=user)
