"""The pages of Settings > System, as the tests use them."""

from playwright.sync_api import Locator, Page, expect

PAGE = "/admin/streaming/system/"
MESSAGE = "The gate is closed for the night. Ask Anna."
ACROSS = 10_000  # ms until a change at one worker is done at the other and shown on the page; without news it is 30 s
FULL = "All streams in use"
ENDED = 80  # seconds until the current minute has ended and is in the database
PROMPT = (
    4_000  # ms until the count of a dry run is there: it is three seconds old at most, and the machine has other load
)
WRITTEN = 30_000  # ms until a refusal is in the database and on the page


def turn_to(page: Page, label: str) -> None:
    """Follows the link to another page of System, and returns when its script runs."""
    link = page.get_by_role("navigation", name="System").get_by_role("link", name=label)
    link.click()
    expect(link).to_have_attribute("aria-current", "page")
    page.locator("[data-place=system][data-gate]").wait_for()


def save_limit(page: Page, name: str, value: str) -> None:
    """On the page *Limits*."""
    page.get_by_test_id(f"limit-{name}").fill(value)
    page.get_by_test_id("save-limits").click()


def row_of(page: Page, user: str) -> Locator:
    return page.get_by_test_id("viewer-row").filter(has_text=user)
