"""Make the screenshots of README and docs/player.md: .venv/bin/python -m docs.screenshots

Needs the development requirements and Chromium. Runs an installation of its own with simulated cameras. A real
fault of a camera or the network, or a full limit, causes each state of the player except live.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, Page, expect

from cameras.simulator import Fault, SimulatedCamera
from docs.shooting import PATIENCE, SIZES, four_cameras, shoot, start_browser
from tests.browser.chromium import SECURE, enter
from tests.browser.link import Link
from tests.browser.others import Others
from tests.client import Session
from tests.servers import Site

VIEWER = "dialog.live-modal camera-viewer"


@dataclass
class Scene:
    """A page of the browser for one state of the player, and what can disturb it: camera, network and other viewers."""

    page: Page
    suffix: str  # of the names of its screenshots, a key of SIZES
    camera: SimulatedCamera  # that the page shows
    link: Link  # from the page to the worker
    others: Others  # another user's streams of this camera
    own: Others  # streams of the page's user, of another camera

    def watch(self) -> None:
        self.page.locator(f".card[data-name='{self.camera.name}']").get_by_role("button").click()

    def becomes(self, state: str, picture: str = "") -> None:
        expect(self.page.locator(VIEWER)).to_have_attribute("data-state", state, timeout=PATIENCE)
        if picture:
            expect(self.page.locator(VIEWER)).to_have_attribute("data-picture", picture, timeout=PATIENCE)

    def shoot(self, name: str) -> None:
        self.page.wait_for_timeout(600)  # a change of brightness takes its time
        shoot(self.page, name + self.suffix)

    @contextmanager
    def live(self) -> Iterator[None]:
        self.watch()
        self.becomes("live", "live")
        self.page.wait_for_timeout(1_500)
        yield
        self.close()

    def close(self) -> None:
        self.page.get_by_role("button", name="Close").click()


# The states of the player.


def live(scene: Scene) -> None:
    with scene.live():
        scene.shoot("live")
        figures = scene.page.get_by_role("button", name="Figures")
        figures.click()
        scene.page.wait_for_timeout(5_000)  # what they look back on
        scene.shoot("figures")
        figures.click()


def connecting(scene: Scene) -> None:
    scene.link.hold_web_sockets()
    scene.watch()
    scene.becomes("connecting", "snapshot")
    scene.shoot("connecting")
    scene.link.let_web_sockets_through()
    scene.becomes("live")
    scene.close()


def stale(scene: Scene) -> None:
    with scene.live():
        scene.link.silence()
        scene.becomes("stale")
        scene.page.wait_for_timeout(4_000)
        scene.shoot("stale")
        scene.link.restore()
        scene.becomes("live")


def reconnecting(scene: Scene) -> None:
    with scene.live():
        scene.camera.fault = Fault.SILENT
        scene.becomes("reconnecting")
        scene.page.wait_for_timeout(3_000)
        scene.shoot("reconnecting")
        scene.camera.fault = Fault.NONE
        scene.becomes("live")


def fill(scene: Scene) -> None:
    scene.own.enter()
    for _ in range(9):
        scene.others.enter()
    expect(scene.page.get_by_test_id("slots")).to_contain_text("10 of 10", timeout=PATIENCE)


def open_full(scene: Scene) -> None:
    scene.page.goto(f"{scene.page.url.partition('#')[0]}#live={camera_id(scene)}")
    scene.becomes("refused", "snapshot")
    expect(scene.page.locator(".toast")).to_be_visible()
    scene.page.locator(".live-modal h2").click()  # as everywhere here, the focus is a mouse's: without a ring


def refused(scene: Scene) -> None:
    """Shoot a refused viewer, who then waits in line for a slot, leaves the line, and is offered a free slot."""
    fill(scene)
    for _ in range(2):
        scene.others.wait()
    open_full(scene)
    scene.shoot("refused")
    expect(scene.page.locator(".toast")).not_to_be_visible(timeout=PATIENCE)
    scene.page.get_by_role("button", name="Wait for a slot").click()
    scene.becomes("waiting", "snapshot")
    scene.page.wait_for_timeout(20_000)
    scene.shoot("waiting")
    scene.page.get_by_role("button", name="Leave the line").click()
    for _ in range(3):
        scene.others.leave()  # those who wait, and one who watches
    expect(scene.page.locator(VIEWER)).to_contain_text("A stream is free", timeout=PATIENCE)
    scene.shoot("free")
    scene.others.leave_all()
    scene.own.leave_all()
    scene.close()


def asked(scene: Scene) -> None:
    with scene.live():
        for _ in range(9):
            scene.others.enter()
        scene.others.wait()
        expect(scene.page.locator(VIEWER)).to_contain_text("Are you still watching?", timeout=2 * PATIENCE)
        scene.shoot("still-watching")
        scene.others.leave_all()


def unavailable(scene: Scene) -> None:
    scene.link.refuses_web_sockets = True
    scene.watch()
    scene.becomes("unavailable", "snapshot")
    scene.shoot("unavailable")
    scene.link.refuses_web_sockets = False
    scene.becomes("live")
    scene.close()


def camera_id(scene: Scene) -> str:
    return scene.page.locator(f".card[data-name='{scene.camera.name}']").get_attribute("data-camera") or ""


STATES: tuple[Callable[[Scene], None], ...] = (live, connecting, stale, reconnecting, refused, asked, unavailable)


# The other pages.

SYSTEM = "/admin/streaming/system/"
LIMITS = {"max_concurrent": "12", "max_mbps": "60", "reserved_slots": "2"}
# A day that nobody has to wait for: minutes as workers write them, busy in their middle, and a group for the limits.
PAST = """
import math, random, time
from django.contrib.auth.models import Group
from streaming.models import Minute
Group.objects.create(name="Operators")
chance, now, level, minutes = random.Random(5), int(time.time() // 60), 2.0, []
for age in range(1440, 1, -1):
    wanted = 1 + 10.5 * max(0, math.sin((1440 - age) / 1440 * math.pi)) ** 4
    level += (wanted - level) * 0.1 + chance.gauss(0, 0.35)
    limit = 12 if age < 400 else 10
    peak = max(0, min(limit, round(level)))
    refusals = {"limit_reached": chance.randint(1, 4)} if peak == limit else {}
    if peak >= limit - 1 and chance.random() < 0.2:
        refusals["bandwidth_reached"] = 1
    tried = {"limit_reached": chance.randint(1, 5)} if age < 600 and peak > 8 else {}
    minutes.append(Minute(
        minute=now - age, peak=peak, limit=limit, max_mbps=60 if age < 400 else 45,
        mbps=peak * 3.1, mbps_peak=peak * 3.6 + chance.random() * 2,
        seconds_at_full=chance.random() * 60 if peak == limit else 0, granted=2, arrivals={str(max(0, peak - 1)): 2},
        refused=sum(refusals.values()), refusals=refusals, would_refuse=tried))
Minute.objects.bulk_create(minutes)
"""


def pages(browser: Browser, base: str, cookie: str, others: Others) -> None:
    for _ in range(3):
        others.enter()
    for suffix, size in SIZES.items():
        for scheme in ("light", "dark"):
            name = suffix + ("-dark" if scheme == "dark" else "")
            context = browser.new_context(**size, color_scheme=scheme)
            page = context.new_page()
            enter(page, base, cookie)
            expect(page.locator(".card img").first).to_be_visible(timeout=PATIENCE)
            page.wait_for_timeout(4_000)  # for the other stills
            shoot(page, f"cameras{name}")
            for part, path in (("", ""), ("-limits", "page/limits/"), ("-history", "page/history/")):
                page.goto(f"{base}{SYSTEM}{path}")
                if part == "-history":
                    page.get_by_label("24 hours").check()
                page.wait_for_timeout(2_500)
                shoot(page, f"system{part}{name}")
            context.close()
    others.leave_all()


@contextmanager
def governed(installation: Site, admin: Session) -> Iterator[None]:
    """Give the installation a day of history, stream limits and a dry run. Ends limits and dry run after the block."""
    installation.manage("shell", "-v0", "-c", PAST)
    groups = {group["name"]: str(group["id"]) for group in admin.json(f"{SYSTEM}limits/")["groups"]}
    admin.post(f"{SYSTEM}limits/", {**LIMITS, "reserved_group": groups["Operators"]})
    admin.post(f"{SYSTEM}trial/", {"max_concurrent": "8"})
    yield
    admin.post(f"{SYSTEM}trial/", {"stop": "1"})
    admin.post(f"{SYSTEM}limits/", dict.fromkeys((*LIMITS, "reserved_group"), ""))


def states(browser: Browser, cookie: str, camera: SimulatedCamera, link: Link, others: Others, own: Others) -> None:
    for suffix, size in SIZES.items():
        context = browser.new_context(**size)
        page = context.new_page()
        enter(page, f"http://{SECURE}:{link.port}", cookie)
        for state in STATES:
            state(Scene(page, suffix, camera, link, others, own))
        context.close()


def main() -> None:
    with ExitStack() as stack:
        installation, cameras, ids = stack.enter_context(four_cameras())
        browser = start_browser(stack)
        base = installation.workers[0].base
        viewer = Session(base)
        others = Others(Session(base, "viewer2"), ids["Car park"])
        own = Others(viewer, next(id for name, id in ids.items() if name != "Car park"))
        stack.callback(others.end)
        stack.callback(own.end)
        link = stack.enter_context(Link(installation.workers[0].port))
        admin = Session(base, "admin")
        with governed(installation, admin):
            pages(browser, base, admin.cookie, others)
        states(browser, viewer.cookie, cameras["Car park"], link, others, own)


if __name__ == "__main__":
    main()
