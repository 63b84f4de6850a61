"""The check for leaked passwords finds one wherever a test writes it, and only tests marked `timing` run again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import leaks
from tests.servers import ROOT

PASSWORD = "a-password-of-these-tests-alone"  # not CAMERA_PASSWORD, which the real check would find here
IN_ONE_PROCESS: list[str] = []
IN_TWO = ["--numprocesses=2", "--dist=loadfile"]
IN_CHECKOUT = "leaked-by-a-test.tmp"
PLAIN = "def test_one(): pass"
PLACES = {
    "a file": "def test_one(tmp_path): (tmp_path / 'log').write_text(WORD)",
    "a temporary file": "import tempfile\ndef test_one(): open(tempfile.mkstemp()[0], 'w').write(WORD)",
    "the working directory": f"def test_one(): open('{IN_CHECKOUT}', 'w').write(WORD)",
    "standard output": "def test_one(): print(WORD)",
    "the log": "import logging\ndef test_one(): logging.getLogger().warning(WORD)",
    "a fixture's end": "import pytest\n@pytest.fixture\ndef end():\n    yield\n    print(WORD)\ndef test_one(end): pass",
}
FIRST_RUN_FAILS = """
import pytest
runs = []
@pytest.mark.timing("a test of retries")
def test_one(tmp_path):
    runs.append(1)
    if len(runs) == {leaking}:
        {leak}
    assert len(runs) == 2, "the first failure"
"""
ONCE_MORE = """
from tests.once_more import passes_once_more
def test_one(request): passes_once_more(request, "a server", [{inner!r}], 0)
"""
LEAKS = {"a file": "(tmp_path / 'log').write_text(WORD)", "output": "print(WORD)"}


class Check:
    """Runs the check on the text of a test module."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str], options: list[str]) -> None:
        self._folder, self._capture, self._options = folder, capture, options

    def __call__(self, module: str) -> tuple[int, str]:
        """Returns the exit code and what was printed."""
        (self._folder / "pytest.ini").write_text("[pytest]\nmarkers = timing\n")
        (self._folder / "conftest.py").write_text("pytest_plugins = ('tests.leaks', 'tests.retries')")
        (self._folder / "test_module.py").write_text(f"WORD = '-'.join({PASSWORD.split('-')})\n{module}")
        status = leaks.main(["-p", "no:cacheprovider", "-p", "xdist", *self._options, str(self._folder)])
        return status, self._capture.readouterr().out


@pytest.fixture(params=[IN_ONE_PROCESS, IN_TWO], ids=["one process", "two processes"])
def check(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Check]:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(leaks, "CAMERA_PASSWORD", PASSWORD)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)
    yield Check(tmp_path, capfd, request.param)
    (ROOT / IN_CHECKOUT).unlink(missing_ok=True)


def test_tests_that_write_no_password_pass(check: Check) -> None:
    status, said = check(PLAIN)
    assert status == 0, said
    assert "1 passed" in said
    assert "No camera's password in the " in said.splitlines()[-1]


@pytest.mark.parametrize("place", PLACES)
def test_a_password_is_found_wherever_a_test_writes_it(check: Check, place: str) -> None:
    status, said = check(PLACES[place])
    assert status == 1
    assert "1 passed" in said
    assert "LEAKED" in said


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("leaking", [1, 2], ids=["first run", "retry"])
def test_a_password_is_found_whether_the_first_run_or_the_retry_writes_it(
    check: Check, leaking: int, leak: str
) -> None:
    status, said = check(FIRST_RUN_FAILS.format(leaking=leaking, leak=LEAKS[leak]))
    assert status == 1
    assert "1 passed, 1 retried" in said
    assert "LEAKED" in said


def test_a_test_of_timing_runs_once_more_and_its_first_failure_is_shown_and_counted(check: Check) -> None:
    status, said = check(FIRST_RUN_FAILS.format(leaking=0, leak="pass"))
    assert status == 0, said
    assert "AssertionError: the first failure" in said
    assert "1 passed, 1 retried in " in said.splitlines()[-2]


def test_a_retry_in_a_second_pytest_is_shown_and_counted_as_well(check: Check, tmp_path: Path) -> None:
    inner = tmp_path / "of_the_second.py"
    inner.write_text(FIRST_RUN_FAILS.format(leaking=0, leak="pass"))
    status, said = check(ONCE_MORE.format(inner=str(inner)))
    assert status == 0, said
    assert "RETRIED: of_the_second.py::test_one" in said
    assert "AssertionError: the first failure" in said
    assert "1 passed, 1 retried in " in said.splitlines()[-2]


def test_a_test_of_timing_that_fails_twice_fails(check: Check) -> None:
    status, said = check("import pytest\n@pytest.mark.timing('always')\ndef test_one(): assert 0")
    assert status == 1
    assert "1 failed, 1 retried in " in said


def test_any_other_test_fails_at_once(check: Check) -> None:
    status, said = check("runs = []\ndef test_one():\n    runs.append(1)\n    assert len(runs) == 2")
    assert status == 1
    assert "1 failed in " in said and "retried" not in said


def test_a_mark_without_a_reason_is_an_error(check: Check) -> None:
    marks = ("timing", "timing()", "timing(' ')", "timing(reason='by name')")
    tests = "\n".join(f"@pytest.mark.{mark}\ndef test_{number}(): pass" for number, mark in enumerate(marks))
    status, said = check(f"import pytest\n{tests}")
    assert status == 1
    assert said.count("needs one argument, the reason") >= 4
    assert "4 errors in" in said
