"""The modules of the pages, by Node's own test runner."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def test_javascript() -> None:
    node = shutil.which("node")
    if node is None and os.environ.get("NVR_TESTS_MAY_NOT_SKIP"):
        pytest.fail("Node is not installed")
    if node is None:
        pytest.skip("Node is not installed: the JavaScript modules are not tested")
    modules = sorted(str(path) for path in FOLDER.glob("*.test.mjs"))
    done = subprocess.run([node, "--test", *modules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
