"""The page of the second factor: reached from each page, also on a phone, and accessible."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.chromium import enter
from tests.browser.test_accessibility import assert_accessible, axe  # noqa: F401 - a fixture
from tests.client import Session
from tests.servers import Worker, site

SETTINGS = {"SECOND_FACTOR": "true"}
PHONE: ViewportSize = {"width": 390, "height": 664}  # with the browser's own bars


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Worker]:
    with site(tmp_path_factory.mktemp("site"), template) as installation:
        installation.manage("migrate", "-v0", **SETTINGS)
        yield installation.start_worker(**SETTINGS)  # type: ignore[arg-type]


def test_two_taps_lead_to_the_second_factor_on_a_phone(
    faultless: Page,
    worker: Worker,
    axe: str,  # noqa: F811
) -> None:
    faultless.set_viewport_size(PHONE)
    enter(faultless, worker.base, Session(worker.base).cookie)
    faultless.get_by_title("Password and second factor").click()
    link = faultless.get_by_role("link", name="Second factor")
    expect(link).to_be_in_viewport(ratio=1)
    assert_accessible(faultless, axe)
    faultless.set_viewport_size(PHONE)
    link.click()
    expect(faultless.get_by_role("heading", name="Second factor")).to_be_visible()
    assert_accessible(faultless, axe)
    faultless.get_by_role("link", name="Password", exact=True).click()
    expect(faultless.get_by_role("heading", name="Change password")).to_be_visible()
