"""Runs the tests of the database a second time, on PostgreSQL, in another pytest."""

import subprocess

import pytest

from tests.once_more import passes_once_more
from tests.postgresql import PostgresServer, binary

FOLDERS = ("tests/cameras", "tests/streaming", "tests/nvr")
# They wait for cameras, and store as others do.
LEFT_OUT = ("tests/streaming/health/test_checks.py", "tests/cameras/test_find_page.py")


@pytest.mark.timeout(300)
def test_the_tests_of_the_database_pass_on_postgresql_as_well(request: pytest.FixtureRequest) -> None:
    version = subprocess.run([binary("postgres"), "--version"], check=True, capture_output=True, text=True).stdout
    with PostgresServer() as server:
        # --reuse-db: dropping the database fails while a thread of the last test is connected.
        arguments = ["--reuse-db", "-m", "django_db", *FOLDERS, *(f"--ignore={file}" for file in LEFT_OUT)]
        output = passes_once_more(request, version.strip(), arguments, 100, NVR_TEST_DATABASE_URL=server.url)
    assert "database: postgresql" in output
