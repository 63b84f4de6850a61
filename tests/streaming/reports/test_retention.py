"""Old history and expired sessions are deleted, by one worker for all."""

import time
from datetime import timedelta

import pytest
import redis
from django.contrib.sessions.models import Session
from django.utils import timezone

from streaming.models import Batch, Minute, Refusal, UserBlock
from streaming.reports import retention
from streaming.store.keys import PURGED
from streaming.store.scripts import Store
from tests.servers import RedisServer
from tests.streaming.reports.redis_history import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def test_rows_older_than_30_days_are_deleted_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PURGE_CHUNK", 7)
    now = timezone.now()
    minute = int(now.timestamp() // 60)
    ages = [*range(1, 25), *(30 * 1440 + age for age in range(2, 40))]
    Minute.objects.bulk_create(Minute(minute=minute - age) for age in ages)
    Refusal.objects.bulk_create(Refusal(time=now - timedelta(minutes=age)) for age in ages)
    Batch.objects.bulk_create(Batch(id=str(age), time=now - timedelta(minutes=age)) for age in ages)
    assert retention.purge() == 3 * 38
    assert [Minute.objects.count(), Refusal.objects.count(), Batch.objects.count()] == [24] * 3
    assert retention.purge() == 0


def test_sessions_that_have_expired_are_deleted_and_no_others() -> None:
    now = timezone.now()
    for key, expires in (("old", now - timedelta(seconds=1)), ("valid", now + timedelta(minutes=1))):
        Session.objects.create(session_key=key, session_data="", expire_date=expires)
    assert retention.purge() == 1
    assert [session.pk for session in Session.objects.all()] == ["valid"]


def test_blocks_that_have_ended_are_deleted_and_no_others() -> None:
    now = timezone.now()
    for id, until in (("1", now - timedelta(seconds=1)), ("2", now + timedelta(minutes=1))):
        UserBlock.objects.create(user_id=id, until=until)
    assert retention.purge() == 1
    assert [block.pk for block in UserBlock.objects.all()] == ["2"]


def test_a_purge_deletes_a_bounded_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PURGE_CHUNK", 5)
    monkeypatch.setattr(retention, "PURGE_CHUNKS", 2)
    Minute.objects.bulk_create(Minute(minute=NOON - age) for age in range(20))
    assert [retention.purge() for _ in range(3)] == [10, 10, 0]


async def test_one_worker_purges_for_all_and_not_again_within_the_hour(
    client: "redis.Redis", redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    purged: list[float] = []
    monkeypatch.setattr(retention, "purge", lambda: purged.append(time.monotonic()))
    store = Store(redis_server.url)
    for _ in range(3):
        await retention.purge_in_turn(store)
    lease = client.pttl(PURGED)
    await store.close()
    assert len(purged) == 1
    assert isinstance(lease, int)
    assert 3_500_000 < lease <= 3_600_000
