"""Addresses of Redis: one server, or Sentinels."""

import subprocess
import sys
from pathlib import Path

import pytest

from streaming.errors import GateUnavailableError
from streaming.store.addresses import SENTINEL_TIMEOUT, layer_host, service_of
from streaming.store.scripts import Store, refuse_cluster
from tests.servers import ROOT, RedisServer, environment_of, free_port

EVERYTHING = (
    "rediss+sentinel://ann:a%40b@one:1,[::1]:2,three/my%20gate/3"
    "?ssl_ca_certs=/ca.pem&sentinel_username=seer&sentinel_password=c%2Fd"
)
TIMEOUTS = {"socket_timeout": SENTINEL_TIMEOUT, "socket_connect_timeout": SENTINEL_TIMEOUT, "retry": None}


def test_an_address_of_sentinels_names_them_the_service_and_both_log_ins() -> None:
    service = service_of(EVERYTHING)
    assert service is not None
    assert (service.name, service.sentinels) == ("my gate", (("one", 1), ("::1", 2), ("three", 26379)))
    tls = {"ssl": True, "ssl_ca_certs": "/ca.pem"}
    assert service.options == {"username": "ann", "password": "a@b", "db": 3, **tls}
    assert service.sentinel_options == {"username": "seer", "password": "c/d", **tls, **TIMEOUTS}
    assert "a@b" not in repr(service) and "c/d" not in repr(service)
    assert "seer" not in service.url and service.url.startswith("rediss://ann:a%40b@")


@pytest.mark.parametrize("url", ["redis://h:1/2", "rediss://h", "unix:///s.sock", ""])
def test_any_other_address_names_one_server(url: str) -> None:
    assert service_of(url) is None
    assert layer_host(url, socket_timeout=15) == {"address": url, "socket_timeout": 15}


def test_the_channel_layer_gets_the_same_sentinels_and_options() -> None:
    host = layer_host("redis+sentinel://:pw@one:1/gate", socket_timeout=15)
    assert host == {
        "sentinels": [("one", 1)],
        "master_name": "gate",
        "sentinel_kwargs": TIMEOUTS,
        "password": "pw",
        "socket_timeout": 15,
    }


@pytest.mark.parametrize(
    "value",
    [
        "redis+sentinel://:secret@one:1",
        "redis+sentinel:///gate",
        "redis+sentinel://:secret@one:port/gate",
        "redis+sentinel://:secret/and@one:1/gate",
    ],
)
@pytest.mark.parametrize("name", ["REDIS_URL", "PICTURES_REDIS_URL"])
def test_a_wrong_address_of_sentinels_stops_the_start_and_its_password_is_not_repeated(
    tmp_path: Path, name: str, value: str
) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=environment_of(tmp_path, **{name: value}),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and f"{name}=redis+sentinel:... is not valid: " in done.stderr
    assert "secret" not in done.stderr.splitlines()[-1]


# Servers that the gate cannot use.


def cluster_flags() -> dict[str, str]:
    port = next(port for port in iter(free_port, 0) if port < 55_000)  # the nodes' own port is 10,000 higher
    return {"cluster-enabled": "yes", "port": str(port), "bind": "127.0.0.1"}


def test_a_node_of_a_redis_cluster_is_refused_at_the_start_with_what_to_use_instead(tmp_path: Path) -> None:
    with RedisServer(tmp_path, **cluster_flags()) as server:
        done = subprocess.run(
            [sys.executable, "-m", "daphne", "-p", "0", "nvr.asgi:application"],
            cwd=ROOT,
            env=environment_of(tmp_path, REDIS_URL=server.url),
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode != 0
    assert "REDIS_URL names a Redis Cluster" in done.stderr and "redis+sentinel://" in done.stderr


async def test_a_cluster_that_came_up_after_the_worker_is_named_in_the_complaint(tmp_path: Path) -> None:
    with RedisServer(tmp_path, **cluster_flags()) as server:
        store = Store(server.url)
        with pytest.raises(GateUnavailableError) as refused:
            await store.run("gate/totals", ["nvr:{gate}:totals"], [])
        await store.close()
    assert str(refused.value.complaint).startswith("REDIS_URL names a Redis Cluster")


def test_a_server_that_does_not_answer_is_no_cluster(redis_server: RedisServer) -> None:
    refuse_cluster(redis_server.url)
    redis_server.kill()
    refuse_cluster(redis_server.url)
