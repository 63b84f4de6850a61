"""The wall, as the tests use it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, expect

from cameras.simulator import SimulatedCamera, Simulator
from tests.servers import Site

NAMES = ("Door", "Gate", "Lobby", "Yard")


@contextmanager
def watched_cameras(
    house: Site, simulator: Simulator, names: Sequence[str], size: tuple[int, int] = (320, 180), fps: int = 5
) -> Iterator[list[str]]:
    """The ids of cameras of a house, which are removed at the end. `size`: width and height in pixels."""
    made = [simulator.add(SimulatedCamera(name, name.lower(), *size, fps=fps)) for name in names]
    ids = [house.add_camera(camera.name, camera.url) for camera in made]
    yield ids
    for id in ids:
        house.remove_camera(id)


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
