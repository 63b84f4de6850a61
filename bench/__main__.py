"""The whole benchmark: runs each part in a program of its own, then fills docs/performance.md from the results.

    .venv/bin/python -m bench            # about 20 minutes, on a machine that does nothing else
    .venv/bin/python -m bench --quick    # four minutes, only into var/bench-quick: does everything run?

A part is interrupted after `LIMIT` seconds. If a part fails or is interrupted, its rows so far stay in the results,
and the exit code is 1.
"""

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench.results import FOLDER, ROOT

LIMIT = 420.0  # seconds after which a part is interrupted
PARTS = {  # part -> its options in a quick run
    "viewers": "--seconds 2 --viewers 1 10",
    "floor": "--seconds 3 --viewers 5",
    "browser": "--seconds 5 --viewers 5",
    "first_picture": "--repetitions 2",
    "admission": "--rounds 200 --viewers 10",
    "budget": "--viewers 6 --seconds 2",
    "history_cost": "--minutes 20",
    "growth": "--seconds 2 --cameras 1 2",
    "peers": "--seconds 2 --viewers 5",
    "freshness": "--seconds 2 --repetitions 2 --viewers 1 5",
    "servers": "--seconds 2 --viewers 5 --stops 1",
}


def run(part: str, options: list[str]) -> bool:
    """Run one part, a program of the benchmark, with its command-line options. Returns whether it succeeded in time."""
    program = subprocess.Popen([sys.executable, "-m", f"bench.{part}", *options], cwd=ROOT)
    started = time.monotonic()
    try:
        code = program.wait(LIMIT)
    except subprocess.TimeoutExpired:
        print(f"{part} was not done after {LIMIT:g} s")
        code = _interrupt(program)
    except KeyboardInterrupt:  # the part gets the signal too, and ends its programs
        program.wait()
        raise
    print(f"{part}: {'done' if code == 0 else f'FAILED ({code})'} after {time.monotonic() - started:.0f} s", flush=True)
    return code == 0


def _interrupt(program: "subprocess.Popen[bytes]") -> int:
    program.send_signal(signal.SIGINT)
    try:
        return program.wait(30)
    except subprocess.TimeoutExpired:
        program.kill()
        return program.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--results", type=Path, help="folder (default var/bench, of a quick run var/bench-quick)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    folder = options.results or (FOLDER.with_name("bench-quick") if options.quick else FOLDER)
    failed = [
        part
        for part in options.parts
        if not run(part, ["--results", str(folder), *(PARTS[part].split() if options.quick else [])])
    ]
    if not options.quick and not run("report", ["--results", str(folder)]):
        failed.append("report")
    if failed:
        sys.exit(f"These parts are not complete: {', '.join(failed)}")


if __name__ == "__main__":
    main()
