"""The results of a part of the benchmark: one JSON file, written after each row, so that a failure loses nothing."""

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "bench"
PACKAGES = ("django", "channels", "daphne", "redis", "opencv-python-headless", "av", "uvicorn", "granian")
PROGRAMS = {"ffmpeg": "-version", "motion": "-h", "node": "--version"}

# Failures of the measured programs. Any other exception is a bug of the benchmark.
FAILURES = (AssertionError, OSError, EOFError, ValueError, subprocess.SubprocessError, psutil.Error)

Row = dict[str, object]


class NotInstalledError(Exception):
    """A program that a measurement needs is missing. The message says which, and usually how to install it."""


class Results:
    """The rows of one part (program of the benchmark), with the machine and the versions that they were measured
    on. They replace `<part>.json` in `folder`. At the end of the block the program exits with 1 if an attempt has
    failed. An attempt whose program is not installed counts as left out, not as failed.
    """

    def __init__(self, part: str, folder: Path) -> None:
        print(part, flush=True)
        self._failures = 0
        self.file = folder / f"{part}.json"
        self._data = {"part": part, "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", **surroundings()}
        self._rows: list[Row] = []
        self._write()

    def add(self, **row: object) -> None:
        self._rows.append({name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()})
        print("  " + "  ".join(f"{name}={value}" for name, value in self._rows[-1].items()), flush=True)
        self._write()

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Run one measurement. If the block raises one of FAILURES or NotInstalledError, add a row that says that
        `what` is left out and why, and go on after the block.
        """
        try:
            yield
        except NotInstalledError as error:
            self.add(left_out=what, why=str(error))
        except FAILURES as error:
            self._failures += 1
            traceback.print_exc()
            self.add(left_out=what, why=f"{type(error).__name__}: {error}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._failures:
            sys.exit(1)

    def _write(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps({**self._data, "rows": self._rows}, indent=1) + "\n")
        unfinished.replace(self.file)


def arguments(doc: str | None, seconds: float = 10) -> argparse.ArgumentParser:
    """Returns a parser with the options that every part (program of the benchmark) has. `doc`: the part's docstring,
    whose first line describes it. `seconds`: the default of `--seconds`.
    """
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder for the JSON file (default var/bench)")
    parser.add_argument("--seconds", type=float, default=seconds, help=f"of each figure (default {seconds:g})")
    return parser


def surroundings() -> dict[str, object]:
    """Returns what the figures depend on: the machine, the versions of programs and packages, and the git commit."""
    return {
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9),
            "load_before": round(os.getloadavg()[0], 2),
        },
        "versions": {"python": platform.python_version(), **_packages(), **_programs()},
        "commit": _output("git", "describe", "--always", "--dirty"),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _packages() -> dict[str, str]:
    installed = {name.metadata["Name"].lower() for name in importlib.metadata.distributions()}
    return {name: importlib.metadata.version(name) for name in PACKAGES if name in installed}


def _programs() -> dict[str, str]:
    """Returns name -> version of each installed program of PROGRAMS: the first number in its output."""
    found: dict[str, str] = {}
    for name, flag in PROGRAMS.items():
        words = _output(name, flag).replace("v", " ").split() if shutil.which(name) else []
        numbers = [word for word in words if word[0].isdigit()]
        found |= {name: numbers[0].strip(",")} if numbers else {}
    return found


def _output(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Returns the value at `percent` of the sorted values; None if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else None


def p50_p95(name: str, values: Sequence[float]) -> Row:
    """Returns median and 95th percentile of `values` as entries `<name>_p50` and `<name>_p95`. Without values, both
    entries are None.
    """
    return {f"{name}_p50": statistics.median(values) if values else None, f"{name}_p95": percentile(values, 95)}
