"""The modules of the pages, by Node's own test runner."""

import json
import re
import subprocess
import sys
from pathlib import Path

from streaming.ingest.qualities import QUALITIES

FOLDER = Path(__file__).parent
MODULES = FOLDER.parent.parent / "streaming" / "static" / "streaming"


def test_javascript() -> None:
    node = Path(sys.executable).with_name("node")
    modules = sorted(str(path) for path in FOLDER.glob("*.test.mjs"))
    done = subprocess.run([node, "--test", *modules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_checkers_are_installed_by_hash_and_the_lock_file_names_no_registry() -> None:
    asked = json.loads((FOLDER / "package.json").read_text())["devDependencies"]
    text = (FOLDER / "package-lock.json").read_text()
    locked = json.loads(text)["packages"]
    assert locked.pop("")["devDependencies"] == asked
    assert {name: locked[f"node_modules/{name}"]["version"] for name in asked} == asked
    assert [name for name, package in locked.items() if "integrity" not in package] == []
    assert '"resolved"' not in text


def test_the_player_and_the_server_agree_on_the_jpeg_qualities() -> None:
    mirrored = re.findall(
        r"(\w+): \{ width: (\d+), height: (\d+), framesPerSecond: (\d+) \}", (MODULES / "engine/traffic.js").read_text()
    )
    sent = [(name, str(q.width), str(q.height), f"{q.rate:.0f}") for name, q in QUALITIES.items() if name != "original"]
    assert mirrored == sent
