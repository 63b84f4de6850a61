"""The wall, as the tests use it."""

from playwright.sync_api import Locator, Page, expect

NAMES = ("Door", "Gate", "Lobby", "Yard")


def tiles(page: Page, state: str) -> Locator:
    return page.locator(f".tile camera-viewer[data-state={state}]")


def are_live(page: Page, count: int, seconds: float = 15) -> None:
    expect(tiles(page, "live")).to_have_count(count, timeout=seconds * 1000)


def picture(page: Page, name: str) -> str:
    drawn: str = page.locator(f".tile[data-name={name}] canvas").evaluate("canvas => canvas.toDataURL()")
    return drawn


def set_visibility(page: Page, state: str) -> None:
    page.evaluate(
        """state => {
            Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def order(page: Page) -> list[str]:
    """The names of all places, in their order."""
    names: list[str] = page.locator(".tile").evaluate_all("tiles => tiles.map(tile => tile.dataset.name)")
    return names
