"""Each batch is written exactly once, whichever worker writes it, and whenever that worker dies."""

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from typing import Any

import pytest
import redis

from streaming.errors import GateUnavailableError
from streaming.models import Minute, Refusal
from streaming.reports import recorder
from streaming.store.keys import BATCH, MINUTE, MINUTES, REFUSAL_LIST, WRITER
from streaming.store.scripts import Store
from tests.servers import ROOT, RedisServer, Site
from tests.streaming.reports.redis_history import FIELDS, NOON, fill, left, refusal, refuse, write

pytestmark = pytest.mark.django_db(transaction=True)


class DyingStore(Store):
    """Dies after the commit, before Redis hears of it."""

    async def run(self, script: str, keys: Any, arguments: Any) -> list[Any]:
        if script == "reports/discard_batch":
            raise GateUnavailableError
        return await super().run(script, keys, arguments)


def die_before_redis_hears(url: str, client: "redis.Redis") -> None:
    with pytest.raises(GateUnavailableError):
        write(url, DyingStore)
    client.delete(WRITER)  # the lease of the dead writer has ended


def test_later_counts_of_a_stored_minute_are_merged(client: "redis.Redis", redis_server: RedisServer) -> None:
    fill(client, **FIELDS)
    write(redis_server.url)
    late = {"peak": 9, "peak_kbps": 100, "bytes": 7_500_000, "full_ms": 59_000, "limit": 6, "granted": 1}
    fill(client, **late, **{"refused:camera_limit_reached": 1, "arrivals:8": 1, "arrivals:0": 4})
    write(redis_server.url)
    row = Minute.objects.get()
    assert (row.peak, row.limit, row.granted, row.refused) == (9, 6, 6, 4)
    assert (row.mbps, row.mbps_peak, row.seconds_at_full) == (21, 21.5, 60)
    assert row.refusals == {"limit_reached": 2, "user_limit_reached": 1, "camera_limit_reached": 1}
    assert row.arrivals == {"7": 3, "8": 3, "0": 4}


def test_a_batch_counts_once_if_its_writer_dies_before_redis_hears(
    client: "redis.Redis", redis_server: RedisServer
) -> None:
    fill(client, **FIELDS)
    refuse(client, refusal())
    die_before_redis_hears(redis_server.url, client)
    # Meanwhile a late worker adds to the minute, and a viewer is refused.
    fill(client, granted=1, **{"arrivals:8": 1})
    refuse(client, refusal())
    die_before_redis_hears(redis_server.url, client)
    write(redis_server.url)
    assert (Minute.objects.get().granted, Refusal.objects.count()) == (5, 1)
    die_before_redis_hears(redis_server.url, client)
    write(redis_server.url)
    row = Minute.objects.get()
    assert (row.granted, row.arrivals, row.refused, Refusal.objects.count()) == (6, {"7": 3, "8": 3}, 3, 2)
    assert left(client) == []


def test_a_writer_that_was_paused_beyond_its_lease_adds_nothing_twice(
    client: "redis.Redis", redis_server: RedisServer
) -> None:
    """One worker has the batch, another writes it and the next batch, and then the first continues."""
    fill(client, **FIELDS)
    paused = asyncio.run(taken(redis_server.url))
    client.delete(WRITER)
    write(redis_server.url)
    fill(client, granted=1)
    write(redis_server.url)
    recorder.write_batch(*paused)
    assert Minute.objects.get().granted == 6


async def taken(url: str) -> tuple[str, Any, Any]:
    store = Store(url)
    keys = [WRITER, BATCH, MINUTES, REFUSAL_LIST, MINUTE]
    _, id, content = await store.run("reports/take_batch", keys, ["another", 30_000, 60, 1_000])
    await store.close()
    minutes, refusals = json.loads(content)
    return id, minutes, refusals


def test_only_the_holder_of_the_lease_writes(client: "redis.Redis", redis_server: RedisServer) -> None:
    fill(client, **FIELDS)
    asyncio.run(taken(redis_server.url))
    write(redis_server.url)
    assert not Minute.objects.exists()
    lease = client.pttl(WRITER)
    assert isinstance(lease, int)
    assert 0 < lease <= recorder.WRITER_LEASE * 1000


PROGRAM = """
import asyncio, os, signal, sys, django
django.setup()
from streaming.reports import recorder
from streaming.store.scripts import Store

class Dying(Store):
    async def run(self, script, keys, arguments):
        if script == "reports/discard_batch" and sys.argv[2] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().run(script, keys, arguments)

async def write():
    store = Dying(sys.argv[1])
    for _ in range(int(sys.argv[3])):
        await recorder.write_out(store)
    await store.close()

asyncio.run(write())
"""


def writer(site: Site, url: str, how: str, times: int = 1) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", PROGRAM, url, how, str(times)]
    return subprocess.Popen(command, cwd=ROOT, env=site.environment)


def rows(site: Site, statement: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(site.database, timeout=20)) as opened:
        return opened.execute(statement).fetchall()


def test_each_minute_is_written_once_by_a_process_that_is_killed_and_two_at_once(
    installation: Site, client: "redis.Redis", redis_server: RedisServer
) -> None:
    for number in range(300):
        fill(client, NOON + number, **FIELDS)
    refuse(client, *(refusal() for _ in range(2_500)))
    killed = writer(installation, redis_server.url, "die")
    assert killed.wait(20) == -signal.SIGKILL
    assert rows(installation, "SELECT count(*) FROM streaming_minute") == [(recorder.MAX_MINUTES_IN_BATCH,)]
    client.delete(WRITER)
    both = [writer(installation, redis_server.url, "live", 20) for _ in range(2)]
    assert [process.wait(30) for process in both] == [0, 0]
    total = "SELECT count(*), sum(granted), sum(refused), min(peak), max(mbps) FROM streaming_minute"
    assert rows(installation, total) == [(300, 1_500, 900, 8, 20.0)]
    assert rows(installation, "SELECT count(*) FROM streaming_refusal") == [(2_500,)]
    assert left(client) == []
