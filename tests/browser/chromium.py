"""Starts the installed Chromium for the tests, the benchmark and the screenshots."""

import shutil

from playwright.sync_api import Page

SECURE, PLAIN = "127.0.0.1", "cam.test"  # two names of one host; plain HTTP is a secure context only for the first

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
    """Returns the path of Chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def headless() -> str | None:
    """Returns the path of Chromium without the interface of its windows, if installed: it takes half the CPU time. Else as
    `chromium`. It plays and draws the same, but shows no notifications."""
    return shutil.which("chromium-headless-shell") or chromium()


def enter(page: Page, base: str, cookie: str) -> None:
    """Opens the page of cards with the log-in of `cookie`, the value of a Cookie header."""
    pairs = (pair.partition("=") for pair in cookie.split("; "))
    page.context.add_cookies([{"name": name, "value": value, "url": base} for name, _, value in pairs])
    page.goto(f"{base}/")
