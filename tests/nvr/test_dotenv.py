"""The file `.env`: it is read whole, or the start stops with the reason."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT, environment_of

# Without these two capabilities root reads files like any other user.
LIKE_ANY_USER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
PRINT_LIMIT = "from nvr import settings; print(settings.STREAM_MAX_CONCURRENT)"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A separate checkout whose `.env` a test can change."""
    folder = tmp_path / "nvr-live"
    folder.mkdir()
    shutil.copytree(ROOT / "nvr", folder / "nvr")
    shutil.copy(ROOT / "manage.py", folder)
    for name in ("cameras", "streaming", "templates"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def start(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the product in `folder`, with the stream limit set in `.env` only."""
    return subprocess.run(
        [*LIKE_ANY_USER, sys.executable, *command],
        cwd=folder,
        env=environment_of(folder.parent, DJANGO_SETTINGS_MODULE="nvr.settings"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def assert_stops(folder: Path, *expected: str) -> None:
    for command in (["manage.py", "check"], ["-m", "daphne", "-p", "0", "nvr.asgi:application"]):
        done = start(folder, *command)
        assert done.returncode != 0
        for text in (str(folder / ".env"), *expected):
            assert text in done.stderr.splitlines()[-1], done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "STREAM_MAX_CONCURRENT=3",
        "# streams\n\n  # more of it\n \t\nexport STREAM_MAX_CONCURRENT='3'\n",
        "\ufeffSTREAM_MAX_CONCURRENT=3\r\nSECRET_KEY=a = b # c\r\n",
    ],
)
def test_settings_are_taken_from_the_file(checkout: Path, text: str) -> None:
    (checkout / ".env").write_bytes(text.encode())
    done = start(checkout, "-c", PRINT_LIMIT)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_no_file_means_the_defaults(checkout: Path) -> None:
    done = start(checkout, "-c", PRINT_LIMIT)
    assert (done.stdout, done.stderr) == ("10\n", "")


def test_an_unreadable_file_stops_the_start(checkout: Path) -> None:
    (checkout / ".env").write_text("STREAM_MAX_CONCURRENT=3\n")
    (checkout / ".env").chmod(0)
    assert_stops(checkout, "is not readable for this user", "chown", "chmod 400")


def test_a_directory_with_that_name_stops_the_start(checkout: Path) -> None:
    (checkout / ".env").mkdir()
    assert_stops(checkout, "is a directory")


def test_a_broken_link_stops_the_start(checkout: Path) -> None:
    (checkout / ".env").symlink_to(checkout / "missing")
    assert_stops(checkout, "is a link")


def test_another_encoding_stops_the_start(checkout: Path) -> None:
    (checkout / ".env").write_bytes("SECRET_KEY=a long enough schlüssel\n".encode("latin-1"))
    assert_stops(checkout, "is not UTF-8")


@pytest.mark.parametrize("line", ["STREAM_MAX_CONCURRENT = 3", "STREAM_MAX_CONCURRENT: 3", "set A=3", "hush-hush"])
def test_a_line_that_is_not_a_setting_stops_the_start_and_is_not_repeated(checkout: Path, line: str) -> None:
    (checkout / ".env").write_text(f"# streams\n{line}\n")
    assert_stops(checkout, "line 2", "NAME=value")
    assert line not in start(checkout, "manage.py", "check").stderr
