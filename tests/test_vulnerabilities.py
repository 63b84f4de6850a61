"""The check for known vulnerabilities, with the real pip-audit and a local index."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.servers import ROOT, free_port
from tests.vulnerabilities import judge

HASH = f"--hash=sha256:{'0' * 64}"
KNOWN = {
    "vulns": [
        {
            "id": "PYSEC-2026-1",
            "affected": [
                {
                    "package": {"name": "leaky", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
                }
            ],
        }
    ]
}


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "some.lock"
    file.write_text(f"leaky==1.0 {HASH}\nsound==2.0 {HASH}\n")
    return file


@contextmanager
def service(vulnerable: str = "", status: int = 200) -> Iterator[str]:
    """An OSV service that knows a vulnerability of one package. Yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps(KNOWN if asked["package"]["name"] == vulnerable else {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()
            thread.join()


def check(lock: Path, address: str) -> subprocess.CompletedProcess[str]:
    options = ["--vulnerability-service", "osv", "--osv-url", address]
    return subprocess.run(
        [sys.executable, "-m", "tests.vulnerabilities", str(lock), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_packages_without_known_vulnerabilities_pass(lock: Path) -> None:
    with service() as address:
        done = check(lock, address)
    assert done.returncode == 0 and "No known vulnerability in 2 packages" in done.stderr


def test_a_known_vulnerability_fails_and_is_named(lock: Path) -> None:
    with service(vulnerable="leaky") as address:
        done = check(lock, address)
    assert done.returncode == 1 and "leaky 1.0: PYSEC-2026-1, fixed in 1.1" in done.stderr


def test_without_an_index_it_says_loudly_that_nothing_was_checked(lock: Path) -> None:
    done = check(lock, f"http://127.0.0.1:{free_port()}/v1/query")
    assert done.returncode == 0
    assert "NOT CHECKED" in done.stderr and "!!!!" in done.stderr and "Connection refused" in done.stderr
    assert "No known" not in done.stderr


def test_an_index_that_answers_with_an_error_fails(lock: Path) -> None:
    with service(status=500) as address:
        done = check(lock, address)
    assert done.returncode == 1 and "failed" in done.stderr and "500" in done.stderr


def test_a_lock_file_of_nothing_fails(lock: Path) -> None:
    lock.write_text("")
    with service() as address:
        done = check(lock, address)
    assert done.returncode == 1 and "names no package" in done.stderr


def test_a_lock_file_without_hashes_fails(lock: Path) -> None:
    lock.write_text("leaky==1.0\n")
    with service() as address:
        done = check(lock, address)
    assert done.returncode == 1 and "hash" in done.stderr


def test_one_package_that_was_passed_over_fails_and_all_of_them_are_said_to_be_unchecked() -> None:
    """An index that serves files but no vulnerabilities answers like this for each package."""
    passed_over = {"name": "a", "skip_reason": "not found: a"}
    checked = {"name": "b", "version": "1", "vulns": []}
    code, text = judge([passed_over, checked])
    assert code == 1 and "not found: a" in text
    code, text = judge([passed_over])
    assert code == 0 and "NOT CHECKED" in text
