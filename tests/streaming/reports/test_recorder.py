"""History's way from Redis to the database: once, whichever worker writes, and whenever it dies."""

import asyncio
import contextlib
import json
import logging
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.utils import timezone

from streaming.errors import GateUnavailableError
from streaming.models import Batch, Minute, Refusal
from streaming.reports import recorder
from streaming.store.keys import BATCH, MINUTE, MINUTES, PURGED, REFUSAL_LIST, WRITER
from streaming.store.scripts import Argument, Store
from tests.servers import ROOT, RedisServer, Site

pytestmark = pytest.mark.django_db(transaction=True)

NOON = 29_000_000  # a minute in 2025
FIELDS = {
    "peak": 8,
    "peak_kbps": 21_500,
    "bytes": 150_000_000,
    "full_ms": 12_500,
    "limit": 10,
    "max_kbps": 40_500,
    "granted": 5,
    "refused:limit_reached": 2,
    "refused:user_limit_reached": 1,
    "would_refuse:limit_reached": 4,
    "arrivals:7": 3,
    "arrivals:8": 2,
}


@pytest.fixture
def client(redis_server: RedisServer) -> "Iterator[redis.Redis]":
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as opened:
        yield opened


class DyingStore(Store):
    """Its process ends when the database has the batch, before Redis hears of it."""

    async def run(self, script: str, keys: Any, arguments: Any) -> list[Any]:
        if script == "reports/discard_batch":
            raise GateUnavailableError
        return await super().run(script, keys, arguments)


def write(url: str, kind: type[Store] = Store) -> None:
    async def opened_and_closed() -> None:
        store = kind(url)
        try:
            await recorder.write_out(store)
        finally:
            await store.close()

    asyncio.run(opened_and_closed())


def die_before_redis_hears(url: str, client: "redis.Redis") -> None:
    with pytest.raises(GateUnavailableError):
        write(url, DyingStore)
    client.delete(WRITER)  # as when the dead writer's lease has ended


def fill(client: "redis.Redis", minute: int = NOON, **fields: Argument) -> None:
    client.hset(f"{MINUTE}{minute}", mapping={name.replace("__", ":"): value for name, value in fields.items()})
    client.zadd(MINUTES, {str(minute): minute})


def refusal(**changed: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "time": 1_740_000_000_250,
        "user": "ada",
        "user_id": "7",
        "camera": "Yard",
        "camera_id": "4f9c6b1e-0000-4000-8000-000000000001",
        "quality": "medium",
        "address": "192.0.2.1",
        "reason": "limit_reached",
        "in_use": 10,
        "limit": 10,
        "dry_run": False,
        **changed,
    }


def refuse(client: "redis.Redis", *refusals: Any) -> None:
    client.rpush(REFUSAL_LIST, *(json.dumps(each) for each in refusals))


def left(client: "redis.Redis") -> list[str]:
    return sorted(str(key) for key in client.keys("nvr:{gate}:*"))


# What is written.


def test_a_finished_minute_is_a_row_and_leaves_redis(client: "redis.Redis", redis_server: RedisServer) -> None:
    fill(client, **FIELDS)
    write(redis_server.url)
    row = Minute.objects.get()
    assert (row.minute, row.peak, row.limit, row.granted, row.refused) == (NOON, 8, 10, 5, 3)
    assert (row.mbps, row.mbps_peak, row.max_mbps, row.seconds_at_full) == (20, 21.5, 40.5, 12.5)
    assert row.refusals == {"limit_reached": 2, "user_limit_reached": 1}
    assert (row.would_refuse, row.arrivals) == ({"limit_reached": 4}, {"7": 3, "8": 2})
    assert left(client) == []


def test_a_minute_that_has_expired_stands_in_nobodys_way(client: "redis.Redis", redis_server: RedisServer) -> None:
    client.zadd(MINUTES, {str(NOON - 9): NOON - 9})
    fill(client, **FIELDS)
    write(redis_server.url)
    assert Minute.objects.get().minute == NOON
    assert left(client) == []


def test_a_batch_with_such_a_minute_from_an_earlier_version_is_written(
    client: "redis.Redis", redis_server: RedisServer
) -> None:
    client.hset(BATCH, mapping={"id": "old", "content": '[[["29000000",{}],["29000001",["peak","3"]]],{}]'})
    write(redis_server.url)
    assert (Minute.objects.get().minute, Minute.objects.get().peak) == (NOON + 1, 3)
    assert left(client) == []


def test_the_current_minute_stays_until_it_is_over(client: "redis.Redis", redis_server: RedisServer) -> None:
    current = int(time.time() // 60) + 1  # the next one, should this one end right now
    fill(client, current, peak=1)
    fill(client, NOON, peak=2)
    write(redis_server.url)
    assert [row.minute for row in Minute.objects.all()] == [NOON]
    assert left(client) == [f"{MINUTE}{current}", MINUTES]


def test_refusals_are_written_with_all_that_is_known(client: "redis.Redis", redis_server: RedisServer) -> None:
    told = refusal()
    dry = refusal(in_use=None, limit=19.5, dry_run=True, reason="bandwidth_reached")
    refuse(client, told, dry)
    write(redis_server.url)
    row = Refusal.objects.get(id=told["id"])
    assert row.time == datetime(2025, 2, 19, 21, 20, 0, 250_000, tzinfo=UTC)
    names = ("user", "user_id", "camera", "camera_id", "quality", "address", "reason", "in_use", "limit", "dry_run")
    assert {name: getattr(row, name) for name in names} == {name: told[name] for name in names}
    other = Refusal.objects.get(id=dry["id"])
    assert (other.in_use, other.limit, other.dry_run) == (None, 19.5, True)
    assert left(client) == []


def test_what_is_no_refusal_is_left_out_and_what_is_too_long_cut(
    client: "redis.Redis", redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    client.rpush(REFUSAL_LIST, "not JSON", "[]", json.dumps(refusal(id="x")), json.dumps(refusal(time=1e30)))
    refuse(client, refusal(camera="y" * 300, address="a\0b", user=None))
    write(redis_server.url)
    row = Refusal.objects.get()
    assert (row.camera, row.address, row.user) == ("y" * 100, "ab", "")
    assert caplog.text.count("cannot be read") == 4
    assert left(client) == []


def test_hours_without_the_database_are_written_in_one_go(client: "redis.Redis", redis_server: RedisServer) -> None:
    for number in range(150):
        fill(client, NOON + number, peak=number)
    write(redis_server.url)
    assert Minute.objects.count() == 150
    assert left(client) == []


def test_a_flood_of_refusals_is_written_a_batch_at_a_time(client: "redis.Redis", redis_server: RedisServer) -> None:
    refuse(client, *(refusal() for _ in range(recorder.MOST_REFUSALS + 5)))
    write(redis_server.url)
    assert (Refusal.objects.count(), client.llen(REFUSAL_LIST)) == (recorder.MOST_REFUSALS, 5)
    write(redis_server.url)
    assert (Refusal.objects.count(), left(client)) == (recorder.MOST_REFUSALS + 5, [])


# Once.


def test_a_minute_that_comes_again_is_merged(client: "redis.Redis", redis_server: RedisServer) -> None:
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


def test_a_writer_who_dies_before_redis_hears_leaves_a_batch_that_counts_once(
    client: "redis.Redis", redis_server: RedisServer
) -> None:
    fill(client, **FIELDS)
    refuse(client, refusal())
    die_before_redis_hears(redis_server.url, client)
    # Meanwhile a late worker adds to the minute, and viewers are refused.
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


def test_a_writer_who_was_paused_over_his_lease_adds_nothing_again(
    client: "redis.Redis", redis_server: RedisServer
) -> None:
    """One worker has the batch, another writes it and the next one, then the first goes on."""
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


def test_while_one_writes_the_others_have_nothing_to_do(client: "redis.Redis", redis_server: RedisServer) -> None:
    fill(client, **FIELDS)
    asyncio.run(taken(redis_server.url))
    write(redis_server.url)
    assert not Minute.objects.exists()
    lease = client.pttl(WRITER)
    assert isinstance(lease, int)
    assert 0 < lease <= recorder.LEASE * 1000


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


def test_a_process_killed_between_commit_and_removal_and_two_at_once_write_each_minute_once(
    installation: Site, client: "redis.Redis", redis_server: RedisServer
) -> None:
    for number in range(300):
        fill(client, NOON + number, **FIELDS)
    refuse(client, *(refusal() for _ in range(2_500)))
    killed = writer(installation, redis_server.url, "die")
    assert killed.wait(20) == -signal.SIGKILL
    assert rows(installation, "SELECT count(*) FROM streaming_minute") == [(recorder.MOST_MINUTES,)]
    client.delete(WRITER)
    both = [writer(installation, redis_server.url, "live", 20) for _ in range(2)]
    assert [process.wait(30) for process in both] == [0, 0]
    total = "SELECT count(*), sum(granted), sum(refused), min(peak), max(mbps) FROM streaming_minute"
    assert rows(installation, total) == [(300, 1_500, 900, 8, 20.0)]
    assert rows(installation, "SELECT count(*) FROM streaming_refusal") == [(2_500,)]
    assert left(client) == []


# The task.


async def test_the_task_outlives_redis_and_database_and_complains_once_of_each(
    client: "redis.Redis", redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "streaming.reports.recorder")
    monkeypatch.setattr(recorder, "EVERY", 0.02)
    monkeypatch.setattr(recorder, "LEASE", 0.05)
    failures, seen = iter([DatabaseError("locked"), DatabaseError("locked"), ValueError("surprise")]), []

    def failing(*batch: Any) -> None:
        for failure in failures:
            raise failure
        seen.append(batch)

    monkeypatch.setattr(recorder, "write_batch", failing)
    fill(client, **FIELDS)
    store = Store(redis_server.url)
    task = asyncio.create_task(recorder.run(store))
    async with asyncio.timeout(5):
        while not seen or "written again" not in caplog.text:
            await asyncio.sleep(0.01)
    redis_server.kill()
    async with asyncio.timeout(5):
        while caplog.text.count("cannot be written") < 2:
            await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()
    await store.close()
    assert len(seen) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR", "WARNING", "WARNING"]


# The end of what is kept.


def test_what_is_older_than_thirty_days_goes_and_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "PURGE_CHUNK", 7)
    now = timezone.now()
    minute = int(now.timestamp() // 60)
    ages = [*range(1, 25), *(30 * 1440 + age for age in range(2, 40))]
    Minute.objects.bulk_create(Minute(minute=minute - age) for age in ages)
    Refusal.objects.bulk_create(Refusal(time=now - timedelta(minutes=age)) for age in ages)
    Batch.objects.bulk_create(Batch(id=str(age), time=now - timedelta(minutes=age)) for age in ages)
    assert recorder.purge() == 3 * 38
    assert [Minute.objects.count(), Refusal.objects.count(), Batch.objects.count()] == [24] * 3
    assert recorder.purge() == 0


def test_sessions_that_have_expired_are_deleted_and_no_others() -> None:
    now = timezone.now()
    for key, expires in (("old", now - timedelta(seconds=1)), ("valid", now + timedelta(minutes=1))):
        Session.objects.create(session_key=key, session_data="", expire_date=expires)
    assert recorder.purge() == 1
    assert [session.pk for session in Session.objects.all()] == ["valid"]


def test_a_purge_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "PURGE_CHUNK", 5)
    monkeypatch.setattr(recorder, "PURGE_CHUNKS", 2)
    Minute.objects.bulk_create(Minute(minute=NOON - age) for age in range(20))
    assert [recorder.purge() for _ in range(3)] == [10, 10, 0]


async def test_one_worker_purges_for_all_and_not_again_within_the_hour(
    client: "redis.Redis", redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    purged: list[float] = []
    monkeypatch.setattr(recorder, "purge", lambda: purged.append(time.monotonic()))
    store = Store(redis_server.url)
    for _ in range(3):
        await recorder.purge_in_turn(store)
    lease = client.pttl(PURGED)
    await store.close()
    assert len(purged) == 1
    assert isinstance(lease, int)
    assert 3_500_000 < lease <= 3_600_000
