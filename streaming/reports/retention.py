"""Deletes old history, ended blocks of users and expired sessions, hourly by one of all worker processes."""

from datetime import timedelta
from typing import Any

from channels.db import database_sync_to_async
from django.contrib.sessions.models import Session
from django.db import models
from django.utils import timezone

from streaming.models import Batch, Minute, Refusal, UserBlock
from streaming.reports.turns import claim_turn
from streaming.store.keys import PURGED
from streaming.store.scripts import Store

KEEP = timedelta(days=30)
PURGE_EVERY = 3600.0  # seconds
PURGE_CHUNK = 500  # rows in one statement, so that it locks the database only for a moment
PURGE_CHUNKS = 1_000


async def purge_in_turn(store: Store) -> None:
    """Delete old rows of the database (`purge`), unless a worker has tried that within the last hour.

    Raises GateUnavailableError if Redis fails, and django.db.Error if the database does.
    """
    if await claim_turn(store, PURGED, PURGE_EVERY):
        await database_sync_to_async(purge)()


def purge(keep: timedelta = KEEP) -> int:
    """Delete history older than `keep`, ended blocks of users, and expired sessions, which Django never deletes itself.

    `keep`: 30 days by default. One call deletes at most 500,000 rows of each table. Returns how many it deleted in all.
    """
    now = timezone.now()
    before = now - keep
    olds: tuple[models.QuerySet[Any], ...] = (
        Minute.objects.filter(minute__lt=before.timestamp() // 60).order_by("minute"),
        Refusal.objects.filter(time__lt=before).order_by("time"),
        Batch.objects.filter(time__lt=before).order_by("time"),
        UserBlock.objects.filter(until__lt=now).order_by("until"),
        Session.objects.filter(expire_date__lt=now).order_by("expire_date"),
    )
    return sum(_purge(old) for old in olds)


def _purge(old: "models.QuerySet[Any]") -> int:
    deleted = 0
    for _ in range(PURGE_CHUNKS):
        chunk = list(old.values_list("pk", flat=True)[:PURGE_CHUNK])
        if chunk:
            deleted += old.model._default_manager.filter(pk__in=chunk).delete()[0]
        if len(chunk) < PURGE_CHUNK:
            break
    return deleted
