"""The browser's tests have a process of their own and come last in the others; those without workers have one, too."""

import os
import subprocess
import sys
from pathlib import Path

from tests.servers import ROOT

TESTS = """
import os, pytest
@pytest.mark.parametrize("number", range(6))
def test_one(number, worker_id):
    with open({log!r}, "a") as file:
        file.write(f"{{worker_id}} {name}\\n")
"""
FILES = ("browser/test_a", "browser/system/test_b", "acceptance/test_c", "bench/test_d", "test_e", "test_f", "test_g")


def run(folder: Path, processes: int) -> list[tuple[str, str]]:
    """Returns process and folder of each test, in the order in which they ran."""
    log = folder / f"{processes}.log"
    for name in FILES:
        path = folder / "tests" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TESTS.format(log=str(log), name=name.rpartition("/")[0].partition("/")[0] or "others"))
    (folder / "pytest.ini").write_text("[pytest]\n")
    options = [f"--numprocesses={processes}", "--dist=loadfile", "--no-loadscope-reorder", "--import-mode=importlib"]
    plugins = ["-p", "xdist", "-p", "tests.side_by_side", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *plugins, *options, str(folder)]
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**outer, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert "42 passed" in done.stdout, done.stdout + done.stderr
    return [(line.split()[0], line.split()[1]) for line in log.read_text().splitlines()]


def test_the_first_process_begins_with_the_browser_the_last_without_workers_and_nothing_follows_the_browser(
    tmp_path: Path,
) -> None:
    ran = run(tmp_path, 3)
    parts = {process: [part for by, part in ran if by == process] for process, _ in ran}
    assert set(parts) == {"gw0", "gw1", "gw2"} and set(parts["gw0"]) == {"browser"}
    assert all(part == sorted(part, key="browser".__eq__) for part in parts.values())
    assert (parts["gw1"][0], parts["gw2"][0]) == ("acceptance", "others")


def test_one_process_runs_all_tests(tmp_path: Path) -> None:
    assert len({process for process, _ in run(tmp_path, 1)}) == 1
