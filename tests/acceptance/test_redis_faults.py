"""Redis is gone, silent, empty or loses a reply: the limit always holds, and the slots are correct again soon."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
import redis

from cameras.simulator import SimulatedCamera
from streaming.gate.readings import open_generation
from streaming.store.keys import SERVER_SET
from tests.acceptance.test_worker_faults import fill
from tests.client import Session, Stream, eventually
from tests.figures import record
from tests.proxy import TcpProxy
from tests.servers import RedisServer, Site, Worker

LIMIT = 4
LEASE = 15  # seconds, the default
GRACE = 0.8 * LEASE


class Watched:
    """Four running streams of a limit of four, on a worker with its own Redis."""

    def __init__(self, redis_server: RedisServer, session: Session, camera: str, streams: list[Stream]) -> None:
        self.redis, self.session, self.camera, self.streams = redis_server, session, camera, streams

    def unexpired(self) -> int:
        client = redis.Redis(unix_socket_path=str(self.redis.socket))
        try:
            now, micro = client.time()
            return int(client.zcount(SERVER_SET, now * 1000 + micro // 1000, "+inf"))
        finally:
            client.close()

    async def refusal(self) -> Stream:
        async with Stream(self.session, self.camera) as stream:
            await stream.ended()
        return stream

    def living(self) -> list[Stream]:
        return [stream for stream in self.streams if stream.close_code is None]

    async def survived(self) -> None:
        """Asserts that all streams still send and that Redis has a slot for each."""
        counts = [stream.count for stream in self.streams]
        for stream, count in zip(self.streams, counts, strict=True):
            await stream.until(partial(_has_more_than, count))
        assert [stream.close_code for stream in self.streams] == [None] * LIMIT
        started = time.monotonic()
        await eventually(lambda: self.unexpired() == LIMIT, LEASE)
        record("Redis came back: all slots true again after", time.monotonic() - started)

    async def still_full(self) -> None:
        """Asserts that a new viewer is refused, possibly after the grace period."""
        async with Stream(self.session, self.camera) as stream:
            assert await stream.ended(GRACE + 3) == 4429
        assert self.unexpired() == LIMIT


@pytest.fixture
def generation(installation: Site, redis_server: RedisServer) -> None:
    """Redis admits at once, without a grace period."""
    open_generation(redis_server.url, 0)


@pytest.fixture
def snapshot(generation: None, redis_server: RedisServer) -> None:
    """Redis has a snapshot on disk from before the first viewer."""
    with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:
        client.save()


@pytest.fixture
async def watched(
    generation: None, installation: Site, redis_server: RedisServer, camera: SimulatedCamera
) -> AsyncIterator[Watched]:
    worker = installation.start_worker(REDIS_URL=redis_server.url, STREAM_MAX_CONCURRENT=str(LIMIT))
    id = installation.add_camera("Yard", camera.url)
    session = Session(worker.base)
    streams = await fill(session, id, LIMIT)
    yield Watched(redis_server, session, id, streams)
    await asyncio.gather(*(stream.close() for stream in streams))


@pytest.mark.timing("measures how soon a viewer is refused")
async def test_running_streams_survive_a_redis_that_is_gone_for_five_seconds_and_came_back_empty(
    watched: Watched,
) -> None:
    watched.redis.kill()
    gone = time.monotonic()
    while time.monotonic() - gone < 5:
        refused = await watched.refusal()
        assert refused.close_code == 4503
        assert refused.last("error")["reason"] == "gate_unavailable"
        record("Redis gone: refusal after", refused.closed - refused.opened)
        assert refused.closed - refused.opened < 2
        await asyncio.sleep(0.5)
    await asyncio.to_thread(watched.redis.start)
    await watched.still_full()
    await watched.survived()


async def test_running_streams_survive_a_redis_that_was_killed_and_came_back_with_an_old_snapshot(
    snapshot: None, watched: Watched
) -> None:
    watched.redis.kill()
    await asyncio.to_thread(watched.redis.start)
    await watched.still_full()
    await watched.survived()


@pytest.mark.timing("measures that streams end within a lease")
@pytest.mark.timeout(240)
async def test_a_redis_that_is_gone_for_longer_than_a_lease_ends_the_streams_and_opens_again_within_a_lease(
    watched: Watched,
) -> None:
    watched.redis.kill()
    gone = time.monotonic()
    for stream in watched.streams:
        assert await stream.ended(LEASE) == 4409
    record("Redis gone 20 s: running streams ended after", time.monotonic() - gone)
    assert time.monotonic() - gone < LEASE
    await asyncio.sleep(LEASE + 5 - (time.monotonic() - gone))
    await asyncio.to_thread(watched.redis.start)
    back = time.monotonic()
    async with Stream(watched.session, watched.camera) as stream:
        await stream.live(LEASE + 1)
        record("Redis back after 20 s: admitted after", time.monotonic() - back)


@pytest.mark.timing("measures how soon a viewer is refused")
async def test_running_streams_survive_a_redis_that_accepts_and_never_answers_for_five_seconds(
    watched: Watched,
) -> None:
    assert watched.redis.process is not None
    watched.redis.process.signal(signal.SIGSTOP)
    silent = time.monotonic()
    asyncio.get_running_loop().call_later(5, watched.redis.process.signal, signal.SIGCONT)
    while time.monotonic() - silent < 3:  # the last refusal ends before Redis answers again
        refused = await watched.refusal()
        assert (refused.close_code, refused.last("error")["reason"]) == (4503, "gate_unavailable")
        record("Redis silent: refusal after", refused.closed - refused.opened)
        assert refused.closed - refused.opened < 2
    await asyncio.sleep(silent + 5 - time.monotonic())
    await watched.survived()
    await watched.still_full()


@pytest.mark.timing("measures that streams end within a lease")
async def test_a_redis_that_is_full_is_told_everywhere_and_streams_go_on_to_their_fence(
    installation: Site, watched: Watched
) -> None:
    client = redis.Redis(unix_socket_path=str(watched.redis.socket))
    admin = await asyncio.to_thread(Session, watched.session.base, "admin")
    client.config_set("maxmemory", 1)
    full, said = time.monotonic(), "Redis is full: its memory has reached maxmemory (OOM)"
    status, body = await asyncio.to_thread(admin.get, "/readyz")
    assert (status, json.loads(body)["redis"], json.loads(body)["redis_says"]) == (503, False, said)
    await eventually(lambda: admin.json("/admin/streaming/system/usage/")["gate"]["cause"] == said)
    _, metrics = await asyncio.to_thread(admin.get, "/metrics")
    assert {b"gate_up 0.0", b'gate_refuses{answer="OOM"} 1.0'} <= set(metrics.splitlines())
    for stream in watched.streams:
        assert await stream.ended(LEASE) == 4409
    record("Redis full: running streams ended after", time.monotonic() - full)
    assert 0.4 * LEASE < time.monotonic() - full < LEASE
    refused = await watched.refusal()
    assert (refused.close_code, refused.last("error")["reason"]) == (4503, "gate_unavailable")
    assert "Redis" not in str(refused.last("error"))
    assert installation.logs().count(f"leases must be given up. {said}: OOM command not allowed") == 1
    client.config_set("maxmemory", 0)
    async with Stream(watched.session, watched.camera) as stream:
        await stream.live(LEASE)
    assert (await asyncio.to_thread(admin.get, "/readyz"))[0] == 200
    client.close()


@pytest.mark.timing("measures how long a log-in takes beside a silent Redis")
async def test_a_log_in_does_not_hang_on_a_silent_redis(watched: Watched) -> None:
    assert watched.redis.process is not None
    watched.redis.process.signal(signal.SIGSTOP)
    started = time.monotonic()
    await asyncio.to_thread(Session, watched.session.base, "viewer2")
    assert time.monotonic() - started < 5
    watched.redis.process.signal(signal.SIGCONT)


async def test_after_a_flushall_holders_re_enter_before_any_new_viewer(watched: Watched) -> None:
    with redis.Redis(unix_socket_path=str(watched.redis.socket)) as client:
        client.flushall()
    await watched.still_full()
    await watched.survived()


async def test_a_script_flush_goes_unnoticed(watched: Watched) -> None:
    with redis.Redis(unix_socket_path=str(watched.redis.socket)) as client:
        client.script_flush()
    await watched.still_full()
    await watched.survived()


async def test_a_redis_that_may_evict_slots_is_named_in_the_log_in_readyz_and_on_the_page(
    installation: Site, redis_server: RedisServer
) -> None:
    with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "volatile-lru")
    worker = installation.start_worker(REDIS_URL=redis_server.url)
    admin = await asyncio.to_thread(Session, worker.base, "admin")
    await eventually(lambda: json.loads(admin.get("/readyz")[1]).get("redis_evicts") == "volatile-lru")
    assert admin.json("/admin/streaming/system/usage/")["gate"]["eviction"] == "volatile-lru"
    assert installation.logs().count("its maxmemory-policy is volatile-lru") == 1


@pytest.fixture
def lossy(redis_server: RedisServer) -> Iterator[TcpProxy]:
    with TcpProxy(str(redis_server.socket)) as proxy:
        yield proxy


async def test_a_lost_reply_counts_a_viewer_once(
    installation: Site, redis_server: RedisServer, lossy: TcpProxy, camera: SimulatedCamera
) -> None:
    open_generation(redis_server.url, 0)
    worker: Worker = installation.start_worker(REDIS_URL=f"redis://127.0.0.1:{lossy.port}")
    id = installation.add_camera("Yard", camera.url)
    session = Session(worker.base)
    for count in (1, 1, 2):
        lossy.lose_replies(count)
        async with Stream(session, id) as stream:
            await stream.until(lambda stream: stream.count > 0 or stream.close_code is not None)
            expected = 1 if stream.count else 0
            await eventually(partial(_is_unexpired, redis_server, expected))
        await eventually(lambda: unexpired(redis_server) == 0)


def _has_more_than(count: int, stream: Stream) -> bool:
    return stream.count > count or stream.close_code is not None


def _is_unexpired(server: RedisServer, expected: int) -> bool:
    return unexpired(server) == expected


def unexpired(server: RedisServer) -> int:
    return Watched(server, None, "", []).unexpired()  # type: ignore[arg-type]
