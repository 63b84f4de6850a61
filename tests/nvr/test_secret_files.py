"""Keys that the environment does not set."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from nvr.secret_files import stored_key
from tests.servers import ROOT


def test_a_key_is_created_once(tmp_path: Path) -> None:
    file = tmp_path / "var" / "secret.key"
    key = stored_key(file)
    assert len(key) >= 50  # what Django's deployment check asks of a SECRET_KEY
    assert stored_key(file) == key
    assert stored_key(tmp_path / "other.key") != key


def test_only_this_user_can_read_a_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = tmp_path / "var" / "secret.key"
        stored_key(file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_workers_that_start_together_use_one_key_and_leave_no_other_file(tmp_path: Path) -> None:
    program = "import pathlib, sys; from nvr.secret_files import stored_key; sys.stdin.read(); "
    program += "print(stored_key(pathlib.Path(sys.argv[1])))"
    file = tmp_path / "var" / "secret.key"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(file)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.close()
    keys = set()
    for worker in workers:
        with worker:
            assert worker.stdout is not None
            keys.add(worker.stdout.read().strip())
    assert keys == {stored_key(file)}
    assert list(file.parent.iterdir()) == [file]
