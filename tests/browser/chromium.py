"""The Chromium of this machine, for the tests, the benchmark and the screenshots."""

import shutil

from playwright.sync_api import Page

SECURE, PLAIN = "127.0.0.1", "cam.test"  # hosts of one worker; plain HTTP is a secure context for the first only

FLAGS = (
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    f"--host-resolver-rules=MAP {PLAIN} {SECURE}",
)


def chromium() -> str | None:
    """Where it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def enter(page: Page, base: str, cookie: str) -> None:
    """The page of cards, for whom `cookie`, the value of a header, has logged in."""
    pairs = (pair.partition("=") for pair in cookie.split("; "))
    page.context.add_cookies([{"name": name, "value": value, "url": base} for name, _, value in pairs])
    page.goto(f"{base}/")
