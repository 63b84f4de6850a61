"""The modules of the pages, by Node's own test runner."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from streaming.ingest.qualities import QUALITIES

FOLDER = Path(__file__).parent
MODULES = FOLDER.parent.parent / "streaming" / "static" / "streaming"


def test_javascript() -> None:
    node = shutil.which("node")
    if node is None and os.environ.get("NVR_TESTS_MAY_NOT_SKIP"):
        pytest.fail("Node is not installed")
    if node is None:
        pytest.skip("Node is not installed: the JavaScript modules are not tested")
    modules = sorted(str(path) for path in FOLDER.glob("*.test.mjs"))
    done = subprocess.run([node, "--test", *modules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_player_reckons_with_is_what_the_server_sends() -> None:
    mirrored = re.findall(
        r"(\w+): \{ pixels: (\d+) \* (\d+), framesPerSecond: (\d+) \}", (MODULES / "engine/traffic.js").read_text()
    )
    sent = [(name, str(q.width), str(q.height), f"{q.rate:.0f}") for name, q in QUALITIES.items() if name != "original"]
    assert mirrored == sent
