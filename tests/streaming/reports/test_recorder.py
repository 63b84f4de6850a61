"""The recorder writes the history of Redis to the database, and survives failures of both."""

import asyncio
import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from django.db import DatabaseError

from streaming.models import Minute, Refusal
from streaming.reports import recorder
from streaming.store.keys import BATCH, MINUTE, MINUTES, REFUSAL_LIST
from streaming.store.scripts import Store
from tests.servers import RedisServer
from tests.streaming.reports.redis_history import FIELDS, NOON, fill, left, refusal, refuse, write

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_finished_minute_becomes_a_row_and_is_deleted_in_redis(
    client: "redis.Redis", redis_server: RedisServer
) -> None:
    fill(client, **FIELDS)
    write(redis_server.url)
    row = Minute.objects.get()
    assert (row.minute, row.peak, row.limit, row.granted, row.refused) == (NOON, 8, 10, 5, 3)
    assert (row.mbps, row.mbps_peak, row.max_mbps, row.seconds_at_full) == (20, 21.5, 40.5, 12.5)
    assert row.refusals == {"limit_reached": 2, "user_limit_reached": 1}
    assert (row.would_refuse, row.arrivals) == ({"limit_reached": 4}, {"7": 3, "8": 2})
    assert (row.waited, row.gave_up) == ({"60": 2, "inf": 1}, 4)
    assert left(client) == []


def test_a_minute_that_has_expired_is_skipped(client: "redis.Redis", redis_server: RedisServer) -> None:
    client.zadd(MINUTES, {str(NOON - 9): NOON - 9})
    fill(client, **FIELDS)
    write(redis_server.url)
    assert Minute.objects.get().minute == NOON
    assert left(client) == []


def test_a_batch_of_an_earlier_version_with_an_expired_minute_is_written(
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


def test_refusals_are_written_with_all_their_fields(client: "redis.Redis", redis_server: RedisServer) -> None:
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


def test_an_invalid_refusal_is_left_out_and_a_long_text_is_cut(
    client: "redis.Redis", redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    client.rpush(REFUSAL_LIST, "not JSON", "[]", json.dumps(refusal(id="x")), json.dumps(refusal(time=1e30)))
    refuse(client, refusal(camera="y" * 300, address="a\0b", user=None))
    write(redis_server.url)
    row = Refusal.objects.get()
    assert (row.camera, row.address, row.user) == ("y" * 100, "ab", "")
    assert caplog.text.count("cannot be read") == 4
    assert left(client) == []


def test_hours_without_the_database_are_written_in_one_attempt(
    client: "redis.Redis", redis_server: RedisServer
) -> None:
    for number in range(150):
        fill(client, NOON + number, peak=number)
    write(redis_server.url)
    assert Minute.objects.count() == 150
    assert left(client) == []


def test_a_flood_of_refusals_is_written_a_batch_at_a_time(client: "redis.Redis", redis_server: RedisServer) -> None:
    refuse(client, *(refusal() for _ in range(recorder.MAX_REFUSALS_IN_BATCH + 5)))
    write(redis_server.url)
    assert (Refusal.objects.count(), client.llen(REFUSAL_LIST)) == (recorder.MAX_REFUSALS_IN_BATCH, 5)
    write(redis_server.url)
    assert (Refusal.objects.count(), left(client)) == (recorder.MAX_REFUSALS_IN_BATCH + 5, [])


async def test_the_task_survives_failures_of_redis_and_database_and_logs_each_once(
    client: "redis.Redis", redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "streaming.reports.recorder")
    monkeypatch.setattr(recorder, "EVERY", 0.02)
    monkeypatch.setattr(recorder, "WRITER_LEASE", 0.05)
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


@pytest.mark.timing("the page is to show the result within three seconds")
async def test_during_a_dry_run_and_shortly_after_it_refusals_are_soon_in_the_database(
    client: "redis.Redis", redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is to show the result within three seconds: a report takes one of them, and the page's look another."""
    monkeypatch.setattr(recorder, "AFTERWARDS", 2.0)
    store, tries = Store(redis_server.url), False
    task = asyncio.create_task(recorder.run(store, lambda: tries))

    async def written(count: int, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while (known := await Refusal.objects.acount()) < count and time.monotonic() < until:
            await asyncio.sleep(0.02)
        return known == count

    refuse(client, refusal())
    assert not await written(1, 1.5)
    for count, now in enumerate((True, False), 1):  # the second one comes with a report after the end
        tries = now
        assert await written(count, 3)
        refuse(client, refusal())
    await asyncio.sleep(recorder.AFTERWARDS)
    refuse(client, refusal())
    assert not await written(4, 1.5)
    task.cancel()
    await store.close()
