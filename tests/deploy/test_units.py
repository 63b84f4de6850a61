"""The systemd units and the example settings, checked without a running systemd."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cameras.management.commands.cluster import DEPLOY
from streaming import conf

UNITS = DEPLOY / "systemd"


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed: its units are not tested")
    service = (UNITS / "nvr-worker@.service").read_text()
    service = re.sub("^#(?=IPAddress)", "", service, flags=re.M)  # the example must be valid too
    # Only an installation has this program, user and documentation.
    service = service.replace("/opt/nvr/deploy/worker", "/bin/true").replace("User=nvr", "User=root")
    service = re.sub(r"^(Documentation|Group)=.*\n", "", service, flags=re.M)
    target = re.sub(r"^Documentation=.*\n", "", (UNITS / "nvr.target").read_text(), flags=re.M)
    (tmp_path / "nvr-worker@.service").write_text(service)
    (tmp_path / "nvr.target").write_text(target)
    for name in ("nvr-worker@0.service", "nvr.target"):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(tmp_path / name)],
            env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
            capture_output=True,
            text=True,
            check=False,
        )
        complaints = [line for line in done.stderr.splitlines() if "nvr" in line]
        assert not complaints, complaints


def unit(name: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / name)
    return {section: dict(parser[section]) for section in parser.sections()}


def test_a_worker_under_systemd_drains_and_is_restarted() -> None:
    service = unit("nvr-worker@.service")["Service"]
    assert service["KillSignal"] == "SIGTERM"
    assert service["Restart"] == "always"  # as under supervisor
    assert service["ExecStart"] == "/opt/nvr/deploy/worker /run/nvr/worker-%i.sock"
    assert service["RuntimeDirectoryPreserve"] == "yes"  # or a stopping worker deletes the others' sockets


def test_a_worker_has_the_same_limits_under_systemd_and_in_a_container() -> None:
    service, container = unit("nvr-worker@.service")["Service"], (DEPLOY / "compose.yaml").read_text()
    memory, tasks = service["MemoryMax"].lower(), int(service["TasksMax"])
    assert f"mem_limit: {memory} #" in container and f"memswap_limit: {memory} #" in container
    assert service["MemorySwapMax"] == "0"
    assert f"pids_limit: {tasks}\n" in container
    assert tasks > conf.MAX_CAMERAS.default * 4  # a few threads for each camera


def test_the_product_reads_all_example_settings() -> None:
    documented = set(re.findall(r"^#? ?([A-Z_]+)=", (DEPLOY / "nvr.env.example").read_text(), re.M))
    sources = (DEPLOY.parent / "nvr/settings.py").read_text() + (DEPLOY.parent / "streaming/conf.py").read_text()
    assert {name for name in documented if f'"{name}"' not in sources} == set()


def test_everything_names_the_same_owner_and_mode_of_the_settings() -> None:
    root = DEPLOY.parent
    installed = re.compile(r"install -m (\d+) -o (\w+)(?: -g \w+)? \S+ /opt/nvr/\.env")
    for name in ("deploy/nvr.env.example", "docs/install.md"):
        assert installed.findall((root / name).read_text()) == [("400", "nvr")], name
    said = re.compile(r"owner `?(\w+)`?, mode (\d+)")
    for name in ("docs/operating.md", "deploy/systemd/nvr-worker@.service"):
        assert said.findall((root / name).read_text()) == [("nvr", "400")], name
    assert "chown nvr {path} && chmod 400 {path}" in (root / "nvr/dotenv.py").read_text()
    service = unit("nvr-worker@.service")["Service"]
    assert service["User"] == "nvr"
    assert service["Group"] == "www-data"  # not the file's group: only its owner may read it
    assert re.search(r"^user=nvr$", (DEPLOY / "supervisor.conf").read_text(), re.M)


def test_log_lines_in_the_docs_exist_in_the_code() -> None:
    root = DEPLOY.parent
    named = set(re.findall(r"`((?:A|The|Redis|Running) [a-z][^`]+)`", (root / "docs/operating.md").read_text()))
    assert len(named) >= 4
    sources = "".join(path.read_text() for path in (root / "streaming").rglob("*.py"))
    assert {line for line in named if line not in sources} == set()
