"""The check for leaked camera passwords: runs pytest in a temporary folder, then searches everything that it wrote.

    python -m tests.leaks [arguments of pytest]

It searches logs, databases and all other files of the tests, what pytest printed, and the output that pytest captured;
also files that were written in the working directory meanwhile, except bytecode (this module has the password) and
folders of libraries. Returns pytest's exit code, or 1 if a password was found. The folder stays if anything failed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.folders import FOLDER

FOREIGN = {".git", ".venv", "node_modules", "__pycache__"}
CAMERA_PASSWORD = "Xq7-never-said-aloud-Zw3"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Writes the captured output and the traceback to a file, because pytest prints neither if the test passes."""
    if folder := os.environ.get(FOLDER):
        output = "\n".join([report.nodeid, report.longreprtext, *(text for _, text in report.sections), ""])
        with Path(folder, f"captured-{os.getpid()}.txt").open("a", errors="backslashreplace") as file:
            file.write(output)


def run_pytest(folder: Path, arguments: list[str]) -> int:
    """Runs pytest with all its temporary files in `folder`. Prints its output and copies it to a file there."""
    color = "yes" if sys.stdout.isatty() else "auto"
    command = [sys.executable, "-m", "pytest", f"--color={color}", f"--basetemp={folder / 'pytest'}", *arguments]
    environment = {**os.environ, FOLDER: str(folder), "TMPDIR": str(folder)}
    with (
        (folder / "printed.txt").open("wb") as copy,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0) as run,
    ):
        assert run.stdout is not None
        while data := run.stdout.read(65536):
            copy.write(data)
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    return run.returncode


def files_in(folder: Path, skipped: Collection[str] = ()) -> Iterator[Path]:
    """The files in a folder, without those in the folders with a name in `skipped`."""
    for parent, folders, names in os.walk(folder):
        folders[:] = set(folders).difference(skipped)
        yield from (path for name in names if (path := Path(parent, name)).is_file() and not path.is_symlink())


def leaks_in(files: Iterable[Path], began: float) -> Iterator[Path]:
    """The files that contain a camera's password, and were written after `began` (Unix seconds)."""
    for path in files:
        with suppress(FileNotFoundError):  # of another program, such as a server that runs in the working directory
            if path.stat().st_mtime >= began and CAMERA_PASSWORD.encode() in path.read_bytes():
                yield path


def main(arguments: list[str]) -> int:
    folder = Path(tempfile.mkdtemp(prefix="nvr-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user
    began = time.time()
    status = run_pytest(folder, arguments)
    leaks = [*leaks_in(files_in(folder), 0), *leaks_in(files_in(Path.cwd(), FOREIGN), began)]
    for path in leaks:
        sys.stdout.write(f"LEAKED: a camera's password is in {path}\n")
    if leaks or status:
        sys.stdout.write(f"The files of the tests are in {folder}\n")
        return status or 1
    sys.stdout.write(f"No camera's password in the {sum(1 for _ in files_in(folder))} files that the tests wrote.\n")
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
