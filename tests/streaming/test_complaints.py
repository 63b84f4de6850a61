"""Refusals of real Redis servers: full, read-only, locked, or with a certificate that is not trusted."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
import redis

from streaming.complaints import SILENCE, Complaint, complaint_of
from streaming.conf import Timing
from streaming.errors import GateUnavailableError
from streaming.gate.leases import Slot
from streaming.gate.readings import open_generation
from streaming.gate.slots import Gate
from streaming.store.scripts import Store, ThreadStore
from tests.certificates import make_certificate
from tests.servers import PATIENCE, RedisServer, free_port, wait_until
from tests.streaming.gate.gates import held

PASSWORD = "Jk4-never-said-aloud"
LEASE = 3.0  # seconds; the fence is at 2.4, the heartbeat at 1


# Each pair makes a server refuse, and then accept again.


def fill(client: redis.Redis, folder: Path) -> None:
    client.config_set("maxmemory", 1)


def empty(client: redis.Redis, folder: Path) -> None:
    client.config_set("maxmemory", 0)


def follow(client: redis.Redis, folder: Path) -> None:
    client.replicaof("127.0.0.1", 1)


def lead(client: redis.Redis, folder: Path) -> None:
    client.replicaof("NO", "ONE")


def lose_disk(client: redis.Redis, folder: Path) -> None:
    """Remove its folder, so that a snapshot fails: then it accepts no writes, as with a full disk."""
    gone = folder / "gone"
    gone.mkdir()
    client.config_set("dir", str(gone))
    client.config_set("save", "3600 1")
    gone.rmdir()
    with suppress(redis.ResponseError):
        client.bgsave()
    wait_until(
        lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", PATIENCE, "the snapshot has failed"
    )


def regain_disk(client: redis.Redis, folder: Path) -> None:
    client.config_set("save", "")


def lock(client: redis.Redis, folder: Path) -> None:
    """Change its password, and disconnect all clients."""
    client.config_set("requirepass", "another password")
    client.client_kill_filter(_type="normal", skipme=True)


def unlock(client: redis.Redis, folder: Path) -> None:
    client.config_set("requirepass", "")


Change = Callable[[redis.Redis, Path], None]
WAYS: dict[str, tuple[Change, Change]] = {
    "OOM": (fill, empty),
    "READONLY": (follow, lead),
    "MISCONF": (lose_disk, regain_disk),
    "NOAUTH": (lock, unlock),
}


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url, single_connection_client=True) as connected:
        yield connected


# The explanations.


async def complaints(url: str) -> list[Complaint]:
    """Returns the complaints of the gate's connection and of the threads' connection."""
    store, threads = Store(url), ThreadStore(url)
    with pytest.raises(GateUnavailableError) as gate:
        await store.run("reports/claim_turn", ["nvr:{gate}:test"], ["token", 1000])
    with pytest.raises(GateUnavailableError) as thread:
        await asyncio.to_thread(threads.run, "reports/claim_turn", ["nvr:{gate}:test"], ["token", 1000])
    await store.close()
    threads.close()
    return [gate.value.complaint, thread.value.complaint]


@pytest.mark.parametrize("code", WAYS)
async def test_a_complaint_has_the_error_code_and_a_plain_explanation(
    redis_server: RedisServer, client: redis.Redis, tmp_path: Path, code: str
) -> None:
    WAYS[code][0](client, tmp_path)
    for complaint in await complaints(redis_server.url):
        assert (complaint.code, str(complaint)) == (code, f"{complaint.meaning} ({code})")
        assert len(complaint.in_full) > len(str(complaint))
    WAYS[code][1](client, tmp_path)  # a server that cannot save its data does not end when it is asked to


async def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    (tmp_path / "appendonly.aof").symlink_to("/dev/full")
    with RedisServer(tmp_path, appendonly="yes", appendfsync="everysec") as server:
        with redis.Redis.from_url(server.url) as client, suppress(redis.ResponseError):
            client.set("first", 1)  # accepted, but not written
        for complaint in await complaints(server.url):
            assert complaint.code == "MISCONF"
            assert "No space left on device" in complaint.in_full


async def test_a_wrong_password_is_explained_and_not_repeated(redis_server: RedisServer, client: redis.Redis) -> None:
    client.config_set("requirepass", "another password")
    for complaint in await complaints(redis_server.url.replace("unix://", f"unix://:{PASSWORD}@")):
        assert complaint.code == "WRONGPASS"
        assert PASSWORD not in complaint.in_full


async def test_a_server_that_is_gone_gives_no_code(redis_server: RedisServer) -> None:
    redis_server.kill()
    for complaint in await complaints(redis_server.url):
        assert complaint.code == ""
        assert complaint.in_full == str(complaint) == str(SILENCE) == "Redis does not answer"


def test_an_unknown_error_is_shown_as_it_is_and_bounded() -> None:
    assert complaint_of("-ERR something new", Complaint("ERR", "")).in_full.endswith("ERR something new")
    assert len(complaint_of("OOM " + "x" * 10_000).in_full) < 500


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[str]:
    """The address of a server with a self-signed certificate."""
    program = shutil.which("redis-server")
    if program is None and os.environ.get("NVR_TESTS_MAY_NOT_SKIP"):
        pytest.fail("redis-server is not installed")
    if program is None:
        pytest.skip("redis-server is not installed: the embedded one has no TLS (Debian: apt-get install redis-server)")
    certificate, key = map(str, make_certificate(tmp_path))
    port = free_port()
    flags = {"tls-port": str(port), "bind": "127.0.0.1", "tls-auth-clients": "no"}
    files = {"tls-cert-file": certificate, "tls-key-file": key, "tls-ca-cert-file": certificate}
    server = RedisServer(tmp_path, **flags, **files)
    server.program = program
    with server:
        yield f"rediss://:{PASSWORD}@127.0.0.1:{port}/0"


async def test_a_certificate_that_is_not_trusted_is_explained(untrusted: str) -> None:
    for complaint in await complaints(untrusted):
        assert complaint.code == "CERTIFICATE_VERIFY_FAILED"
        assert PASSWORD not in complaint.in_full


async def test_a_certificate_that_the_address_names_is_trusted(untrusted: str, tmp_path: Path) -> None:
    store = Store(f"{untrusted.replace(f':{PASSWORD}@', '')}?ssl_ca_certs={tmp_path / 'crt.pem'}")
    await store.ping()
    await store.close()


# Running streams.


@pytest.fixture
async def slot(redis_server: RedisServer) -> AsyncIterator[Slot]:
    """The slot of a running stream."""
    assert open_generation(redis_server.url, 0)
    store = Store(redis_server.url)
    gate = Gate(store, Timing(LEASE), "w")
    gate.start()
    async with AsyncExitStack() as stack:
        yield await held(stack, gate, 1)
    await gate.stop(2)
    await store.close()


@pytest.mark.timing("a beat must fail before the fence")
@pytest.mark.parametrize("code", WAYS)
async def test_a_stream_runs_until_its_fence_while_redis_refuses_and_the_log_says_why_once(
    slot: Slot,
    redis_server: RedisServer,
    client: redis.Redis,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    code: str,
) -> None:
    await asyncio.to_thread(WAYS[code][0], client, tmp_path)
    await asyncio.sleep(LEASE / 3)  # a heartbeat is due within this time
    fence_at = slot.fence_at
    async with asyncio.timeout(LEASE):
        while f"({code})" not in caplog.text:
            await asyncio.sleep(0.01)
        assert not slot.is_lost
        await slot.lost.wait()
    assert slot.fence_at == fence_at
    assert caplog.text.count("Running streams go on until their leases must be given up") == 1
    await asyncio.to_thread(WAYS[code][1], client, tmp_path)


@pytest.mark.timing("a beat must fail before the fence")
@pytest.mark.parametrize("code", WAYS)
async def test_a_stream_survives_a_redis_that_refuses_for_a_while(
    slot: Slot, client: redis.Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    await asyncio.to_thread(WAYS[code][0], client, tmp_path)
    async with asyncio.timeout(LEASE):
        while f"({code})" not in caplog.text:
            await asyncio.sleep(0.01)
    fence_at = slot.fence_at
    await asyncio.to_thread(WAYS[code][1], client, tmp_path)
    async with asyncio.timeout(LEASE):
        while slot.fence_at == fence_at:
            await asyncio.sleep(0.01)
    assert not slot.is_lost
    assert "Redis answers again" in caplog.text
