"""Make the screenshots of README and docs from a running demo: python docs/screenshots.py http://127.0.0.1:8000

Needs the development requirements and Chromium; logs in as the demo's administrator.
"""

import json
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def log_in(page: Page, base: str) -> None:
    password = json.loads((ROOT / "var" / "demo-logins.json").read_text())["admin"]
    page.goto(f"{base}/accounts/login/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{base}/")


def take(page: Page, base: str, suffix: str) -> None:
    log_in(page, base)
    page.wait_for_timeout(3000)
    page.screenshot(path=IMAGES / f"cameras{suffix}.png")
    page.get_by_role("button", name="Live View").first.click()
    page.wait_for_selector("camera-viewer[data-state=live]")
    page.wait_for_timeout(1500)
    page.screenshot(path=IMAGES / f"live{suffix}.png")
    system = page.context.new_page()
    system.goto(f"{base}/admin/streaming/system/")
    system.wait_for_timeout(1500)
    system.screenshot(path=IMAGES / f"system{suffix}.png")


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for suffix, width, height in (("", 1280, 800), ("-phone", 390, 844)):
            context = browser.new_context(viewport={"width": width, "height": height})
            take(context.new_page(), sys.argv[1], suffix)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
