"""The ports that the servers of the tests get."""

import subprocess
import sys

import pytest

from tests import servers


def in_another_process(statement: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"from tests import servers; {statement}"]
    return subprocess.run(command, cwd=servers.ROOT, capture_output=True, text=True)


def test_a_port_is_given_once_although_nothing_listens_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    first = servers.free_port()
    numbers = iter([first - 20_000, *range(12_000)])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(numbers))
    assert servers.free_port() != first


def test_another_process_gets_it_only_after_this_one_has_ended() -> None:
    port = servers.free_port()
    assert "Address already in use" in in_another_process(f"servers._reserve({port})").stderr
    ended = in_another_process("print(servers.free_port())").stdout
    servers._reserve(int(ended))
