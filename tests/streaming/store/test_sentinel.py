"""The gate, the pictures and the control events on a master that real Sentinels choose, through real failovers."""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from channels.layers import get_channel_layer
from pytest_django import Settings

from streaming import conf
from streaming.errors import GateUnavailableError, LimitReachedError
from streaming.gate.leases import Slot
from streaming.gate.readings import open_generation
from streaming.gate.slots import Gate
from streaming.store import worker_events
from streaming.store.addresses import layer_host
from streaming.store.scripts import Store, ThreadStore, refuse_cluster, run_now
from tests.proxy import TcpProxy
from tests.sentinels import SERVICE, SentinelSet
from tests.streaming.gate.gates import FOREVER, Waits, gate_store, held, holder, limits, worker

LEASE = 9.0  # seconds: a failover takes two, and must end within a fence less a heartbeat
LIMIT = 6
DEFAULT_LEASE = conf.LEASE.default


@pytest.fixture
def sentinels(tmp_path: Path) -> Iterator[SentinelSet]:
    with SentinelSet(tmp_path) as running:
        yield running


class Crowd:
    """Viewers who come and go as fast as they are admitted. Knows how many stream at the same time."""

    def __init__(self, steady: list[Slot]) -> None:
        self._steady, self._visiting = steady, set[Slot]()
        self.most = 0
        self.visits: Counter[Gate] = Counter()
        self.over = asyncio.Event()

    async def visit(self, gate: Gate) -> None:
        while not self.over.is_set():
            with contextlib.suppress(LimitReachedError, GateUnavailableError):
                async with gate.slot(holder(), limits(LIMIT), Waits()) as slot:
                    self.visits[gate] += 1
                    await self._watch(slot)
            await asyncio.sleep(0.02)

    async def _watch(self, slot: Slot) -> None:
        slot.progressed(FOREVER)
        self._visiting.add(slot)
        streaming = [each for each in (*self._steady, *self._visiting) if not each.is_lost]
        self.most = max(self.most, len(streaming))
        await asyncio.sleep(random.uniform(0.05, 0.3))  # noqa: S311
        self._visiting.discard(slot)


async def fail_over(sentinels: SentinelSet, how: str) -> None:
    before = await asyncio.to_thread(sentinels.kill_master if how == "killed" else sentinels.master)
    if how == "paused":
        sentinels.process(before).signal(signal.SIGSTOP)
    if how == "asked":
        await asyncio.to_thread(sentinels.fail_over)
    else:
        await asyncio.to_thread(sentinels.wait_for_another, before)


@pytest.mark.timing("a failover must end within a lease")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("how", ["killed", "paused", "asked"])
async def test_a_failover_under_load_ends_no_stream_and_never_exceeds_the_limit(
    sentinels: SentinelSet, how: str
) -> None:
    assert open_generation(sentinels.url, 0)
    stores = [gate_store(sentinels.url, LEASE) for _ in range(2)]
    async with AsyncExitStack() as stack:
        gates = [await stack.enter_async_context(worker(store, f"w{n}", LEASE)) for n, store in enumerate(stores)]
        steady = [await held(stack, gate, LIMIT) for gate in gates for _ in range(2)]
        crowd = Crowd(steady)
        async with asyncio.TaskGroup() as group:
            for gate in gates * 3:
                group.create_task(crowd.visit(gate))
            await asyncio.sleep(1)
            visits = crowd.visits.total()
            await fail_over(sentinels, how)
            async with asyncio.timeout(2 * LEASE):
                while crowd.visits.total() < visits + 30:
                    await asyncio.sleep(0.1)
            crowd.over.set()
        assert crowd.most == LIMIT
        for slot in steady:
            slot.check()
    for store in stores:
        await store.close()


# The settings that docs/operating.md recommends for the default lease.
MIN_REPLICAS = {"min-replicas-to-write": "1", "min-replicas-max-lag": "2"}
DOWN_AFTER_MS = 4000


@pytest.mark.timeout(180)
async def test_two_masters_never_exceed_the_limit_together_with_min_replicas_to_write(tmp_path: Path) -> None:
    """A partition leaves the old master with the workers of its side, without its replicas and the Sentinels."""
    with (
        TcpProxy(0) as network,
        SentinelSet(
            tmp_path, replicas=2, down_after_ms=DOWN_AFTER_MS, first_through=network, flags=MIN_REPLICAS
        ) as sentinels,
    ):
        assert open_generation(sentinels.url, 0)
        stores = [gate_store(url, DEFAULT_LEASE) for url in (sentinels.first_url, sentinels.url)]
        async with AsyncExitStack() as stack:
            old, new = [
                await stack.enter_async_context(worker(store, f"w{number}", DEFAULT_LEASE))
                for number, store in enumerate(stores)
            ]
            left, moved = [[await held(stack, gate, LIMIT) for _ in range(2)] for gate in (old, new)]
            crowd = Crowd([*left, *moved])
            async with asyncio.TaskGroup() as group:
                for gate in [old, new] * LIMIT:
                    group.create_task(crowd.visit(gate))
                await asyncio.sleep(2)
                network.silence()
                visits = crowd.visits[new]
                async with asyncio.timeout(4 * DEFAULT_LEASE):
                    while crowd.visits[new] < visits + 60:
                        await asyncio.sleep(0.1)
                crowd.over.set()
            assert crowd.most == LIMIT
            assert all(slot.is_lost for slot in left) and not any(slot.is_lost for slot in moved)
            network.restore()
        for store in stores:
            await store.close()


async def test_a_sentinel_that_is_gone_is_passed_over(sentinels: SentinelSet) -> None:
    store, threads = Store(sentinels.url), ThreadStore(sentinels.url)
    sentinels.kill_sentinel()
    await store.ping()
    assert await asyncio.to_thread(threads.call, "PING") == b"PONG"
    assert run_now(sentinels.url, "gate/totals", ["nvr:{gate}:totals"], []) is None
    refuse_cluster(sentinels.url)
    threads.close()
    await store.close()


async def test_sentinels_that_know_no_such_master_are_named(sentinels: SentinelSet) -> None:
    store = Store(sentinels.url.replace(f"/{SERVICE}", "/another"))
    with pytest.raises(GateUnavailableError) as refused:
        await store.ping()
    assert refused.value.complaint.code == "NOMASTER"
    await store.close()


@pytest.mark.timing("measures a failover")
def test_the_threads_of_the_pictures_follow_a_failover(sentinels: SentinelSet) -> None:
    store = ThreadStore(sentinels.url)
    store.call("SET", "nvr:{gate}:test", 1)
    sentinels.wait_for_another(sentinels.kill_master())
    started = time.monotonic()
    store.call("SET", "nvr:{gate}:test", 2)
    assert time.monotonic() - started < 5
    store.close()


async def test_control_events_arrive_after_a_failover(sentinels: SentinelSet, settings: Settings) -> None:
    config = {"hosts": [layer_host(sentinels.url, socket_timeout=15)], "prefix": "nvr:control"}
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": config}}
    layer: Any = get_channel_layer()
    heard: list[worker_events.Event] = []
    listening = asyncio.create_task(worker_events.listen(heard.append))
    for before_failover in (True, False):
        heard.clear()
        async with asyncio.timeout(15):
            while not heard:
                await worker_events.send({"type": "orders"})
                await asyncio.sleep(0.2)
        if before_failover:
            await fail_over(sentinels, "killed")
    while not listening.done():
        listening.cancel()
        await asyncio.wait([listening], timeout=0.2)
    clients = layer._layers[asyncio.get_running_loop()]._connections.values()
    for sentinel in {sentinel for one in clients for sentinel in one.connection_pool.sentinel_manager.sentinels}:
        await sentinel.aclose()  # the layer forgets them
    await layer.close_pools()
