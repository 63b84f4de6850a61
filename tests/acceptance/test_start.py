"""Starting and ending: wrong settings, the embedded Redis, runserver."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cameras.simulator import SimulatedCamera
from streaming.gate.readings import open_generation
from tests.client import Session, Stream
from tests.servers import PATIENCE, ROOT, Process, RedisServer, Site, environment_of, free_port, wait_until


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("STREAM_MAX_CONCURRENT", "0", "a whole number of streams from 1"),
        ("STREAM_MAX_CONCURRENT", "-3", "a whole number of streams from 1"),
        ("STREAM_MAX_CONCURRENT", "abc", "a whole number of streams from 1"),
        ("STREAM_LEASE_SECONDS", "soon", "a number of seconds from 1"),
        ("STREAM_DEFAULT_QUALITY", "ultra", "low, medium, high"),
        ("STREAM_STILL_SECONDS", "0.5", "a number of seconds from 1"),
        ("STREAM_STILLS_PER_USER", "0", "a whole number of stills a second from 1"),
        ("DEBUG", "maybe", "true or false"),
        ("LOG_FORMAT", "xml", "plain, json"),
        ("HSTS", "true", "off, on, subdomains, preload"),
        ("API_TOKENS_END_WITH_PASSWORD", "maybe", "true or false"),
        ("FRAME_ANCESTORS", "home.example.com", "for example https://home.example.com"),
        ("FRAME_ANCESTORS", "https://home.example.com/page", "for example https://home.example.com"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_name_value_and_what_would_be_right(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    for command in (["manage.py", "check"], ["-m", "daphne", "-p", "0", "nvr.asgi:application"]):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment_of(tmp_path, **{name: value}),
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode != 0
        assert f"{name}={value}" in done.stderr
        assert expected in done.stderr


def test_secrets_may_begin_with_any_character_and_lists_have_spaces(tmp_path: Path) -> None:
    secrets = {name: f"$ecret of {name}" for name in ("SECRET_KEY", "CAMERA_KEY")} | {
        "METRICS_TOKEN": "$ecret-of-metrics"
    }
    lists = {"ALLOWED_HOSTS": "nvr.example, localhost", "CSRF_TRUSTED_ORIGINS": "https://nvr.example, "}
    lists["SECRET_KEY_FALLBACKS"] = "$ecret of last year, an older secret key, "
    names = [*secrets, *lists]
    done = subprocess.run(
        [sys.executable, "-c", f"from nvr import settings; print([getattr(settings, name) for name in {names}])"],
        cwd=ROOT,
        env=environment_of(tmp_path, **secrets, **lists),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.strip() == str(
        [
            *secrets.values(),
            ["nvr.example", "localhost"],
            ["https://nvr.example"],
            ["$ecret of last year", "an older secret key"],
        ]
    )


def test_a_short_key_among_older_ones_stops_the_start_and_is_not_repeated(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=environment_of(tmp_path, SECRET_KEY_FALLBACKS="$ the key of last year, too short"),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode != 0
    assert "SECRET_KEY_FALLBACKS is not valid: each key needs at least 16 characters" in done.stderr
    assert "last year" not in done.stderr and "too short" not in done.stderr


@pytest.mark.parametrize(
    ("value", "expected"),
    [("fifteen letters", "has 15 characters, and needs at least 16"), ("sixteen letters é", "no spaces")],
)
def test_a_wrong_metrics_token_stops_the_start_and_is_not_repeated(tmp_path: Path, value: str, expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=environment_of(tmp_path, METRICS_TOKEN=value),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode != 0
    assert "METRICS_TOKEN is not valid" in done.stderr and expected in done.stderr
    assert value not in done.stderr


@pytest.mark.parametrize("name", ["REDIS_URL", "PICTURES_REDIS_URL"])
@pytest.mark.parametrize("value", ["localhost:6379", "http://localhost"])
def test_a_wrong_redis_url_stops_the_start(tmp_path: Path, name: str, value: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=environment_of(tmp_path, **{name: value}),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode != 0
    assert f" {name}=" in done.stderr and "unix://" in done.stderr


def redis_servers(folder: Path) -> list[int]:
    """Returns the process ids of the Redis servers with a socket in `folder`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command and command.split()[0].endswith("redis-server"):  # its keeper names the program, too
            found.append(int(path.parent.name))
    return found


def test_workers_share_one_embedded_redis_which_ends_with_the_last_even_if_killed(installation: Site) -> None:
    first, second = installation.start_worker(), installation.start_worker()
    assert len(redis_servers(installation.folder)) == 1
    first.process.end()
    assert len(redis_servers(installation.folder)) == 1
    second.process.signal(signal.SIGKILL)
    second.process.wait(5)
    wait_until(lambda: not redis_servers(installation.folder), PATIENCE, "the embedded Redis has ended")
    assert "this machine only" in installation.logs()


def test_an_embedded_redis_that_dies_is_started_again(installation: Site) -> None:
    worker = installation.start_worker()
    (old,) = redis_servers(installation.folder)
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: redis_servers(installation.folder) not in ([], [old]), PATIENCE, "another Redis runs")
    wait_until(lambda: worker.status("/readyz") == 200, PATIENCE, "the worker is ready again")


async def test_runserver_with_its_autoreloader_serves_a_stream_and_ends_on_ctrl_c(
    installation: Site, camera: SimulatedCamera
) -> None:
    port = free_port()
    command = [sys.executable, "manage.py", "runserver", f"127.0.0.1:{port}"]
    server = Process(command, installation.environment, installation.folder / "runserver.log")
    try:
        import urllib.request

        def answers() -> bool:
            try:
                return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200)
            except OSError:
                return False

        wait_until(answers, 30, "runserver is ready")
        id = installation.add_camera("Yard", camera.url)
        async with Stream(Session(f"http://127.0.0.1:{port}"), id) as stream:
            await stream.live()
            for process in children(server.popen.pid):  # Ctrl-C in a terminal reaches the whole group
                os.kill(process, signal.SIGINT)
            server.signal(signal.SIGINT)
            server.wait(10)
    finally:
        server.end()
    wait_until(lambda: not redis_servers(installation.folder), PATIENCE, "the embedded Redis has ended")
    wait_until(lambda: camera.connections == 0, PATIENCE, "the camera is released")


def children(parent: int) -> list[int]:
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [int(line) for line in done.stdout.split()]


async def test_an_external_redis_is_used_where_one_is_configured(
    installation: Site, redis_server: RedisServer, camera: SimulatedCamera
) -> None:
    open_generation(redis_server.url, 0)  # it admits at once, without a grace period
    worker = installation.start_worker(REDIS_URL=redis_server.url)
    id = installation.add_camera("Yard", camera.url)
    async with Stream(Session(worker.base), id) as stream:
        await stream.live()
    assert len(redis_servers(installation.folder)) == 1  # the Redis of this test


ASK = "from django.test import Client; print(Client().get('/accounts/login/').headers)"


def test_named_sites_may_show_a_page_in_a_frame(installation: Site) -> None:
    sites = "https://home.example.com,http://10.0.0.5:8123"
    said = installation.manage("shell", "-v0", "-c", ASK, FRAME_ANCESTORS=sites, ALLOWED_HOSTS="testserver")
    assert "frame-ancestors https://home.example.com http://10.0.0.5:8123" in said
