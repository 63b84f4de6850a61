"""Programs that are forked from a process with their libraries see what others see."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.preloaded import ROOT, Program, run, start

SHOW = """
import json, os, signal, sys
loaded = sorted({name.partition(".")[0] for name in sys.modules})
is_interrupted = signal.getsignal(signal.SIGINT) == signal.default_int_handler
print(json.dumps([sys.argv, dict(os.environ), os.getcwd(), sys.path[0], __name__, is_interrupted, loaded]))
"""
OURS = {"nvr", "cameras", "streaming"}


def python(file: Path, program: str, *arguments: str) -> list[str]:
    file.write_text(program)
    return [sys.executable, str(file), *arguments]


def test_a_program_has_its_own_arguments_and_environment_and_nothing_of_the_product(tmp_path: Path) -> None:
    command = python(tmp_path / "show.py", SHOW, "--one", "two words")
    arguments, environment, folder, path, name, is_interrupted, loaded = json.loads(run(command, {"ONLY": "this"}))
    assert (arguments, environment) == (command[1:], {"ONLY": "this"})
    assert (folder, path, name, is_interrupted) == (str(ROOT), str(ROOT), "__main__", True)
    assert "django" in loaded and "cv2" not in loaded and not OURS & set(loaded)


def test_a_module_runs_as_with_m(tmp_path: Path) -> None:
    assert run([sys.executable, "-m", "json.tool", "--help"], {}).startswith("usage: ")


def test_a_failure_has_its_exit_code_and_what_it_printed(tmp_path: Path) -> None:
    command = python(tmp_path / "fail.py", "import sys\nprint('so far')\nsys.exit('and no further')")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(command, {})
    assert (failed.value.returncode, failed.value.stdout, failed.value.stderr) == (1, "so far\n", "and no further\n")


def test_what_a_program_registered_for_its_end_is_called(tmp_path: Path) -> None:
    command = python(tmp_path / "end.py", "import atexit\natexit.register(print, 'at the end')")
    assert run(command, {}) == "at the end\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_signal_ends_it_and_its_exit_code_tells_which(tmp_path: Path, number: signal.Signals) -> None:
    command = python(tmp_path / "wait.py", "import time\nprint('waits', flush=True)\ntime.sleep(60)")
    log = tmp_path / "log"
    with log.open("wb") as output:
        program = start(command, dict(os.environ), output, output)
    assert isinstance(program, Program)
    while log.read_bytes() != b"waits\n":
        time.sleep(0.01)
    assert program.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(0.01)
    program.send_signal(number)
    assert program.wait(10) == program.poll() == -number
    program.kill()  # nothing: another process may have its number now
