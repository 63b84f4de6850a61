"""Runs the tests of the database a second time, on PostgreSQL, in another pytest."""

import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.postgresql import PostgresServer, binary
from tests.servers import ROOT

FOLDERS = ("tests/cameras", "tests/streaming", "tests/nvr")
# They wait for cameras, and store as others do.
LEFT_OUT = ("tests/streaming/health/test_checks.py", "tests/cameras/test_find_page.py")


@pytest.mark.timeout(300)
def test_the_tests_of_the_database_pass_on_postgresql_as_well(
    record_property: Callable[[str, object], None],
) -> None:
    version = subprocess.run([binary("postgres"), "--version"], check=True, capture_output=True, text=True).stdout
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with PostgresServer() as server:
        # --reuse-db: dropping the database fails while a thread of the last test is connected.
        command = ["-m", "pytest", "-p", "no:cacheprovider", "--reuse-db", "-m", "django_db", *FOLDERS]
        command += ["--numprocesses=2", "--dist=loadfile", *(f"--ignore={file}" for file in LEFT_OUT)]
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env={**outer, "NVR_TEST_DATABASE_URL": server.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    assert done.returncode == 0, done.stdout
    assert "database: postgresql" in done.stdout
    outcome = re.search(r"(\d+) passed.* in [\d.]+s", done.stdout.splitlines()[-1])
    assert outcome and int(outcome[1]) > 100, done.stdout
    record_property("summary", f"Once more on {version.strip()}: {outcome[0]}")
