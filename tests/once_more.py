"""Runs some of the tests a second time, in another pytest: on another server than the first time."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.retries import report_retry
from tests.servers import ROOT

COMMAND = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")


def passes_once_more(
    request: pytest.FixtureRequest, server: str, arguments: Sequence[str], more_than: int, **environment: str
) -> str:
    """Asserts that more than `more_than` tests pass on `server`, and none fails. Returns the output.

    The summary says how many passed in which time. Retries are shown and counted as those of the test of `request`.
    """
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env={**outer, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    outcome = re.search(r"(\d+) passed.* in [\d.]+s", done.stdout.splitlines()[-1])
    assert outcome and int(outcome[1]) > more_than, done.stdout
    request.node.user_properties.append(("summary", f"Once more on {server}: {outcome[0]}"))
    for failure in re.findall(r"^=+ RETRIED: .*?(?=^=+ )", done.stdout, re.MULTILINE | re.DOTALL):
        report_retry(request.node, failure)
    return done.stdout
