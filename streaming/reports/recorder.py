"""Minutes and refusals, from Redis to the database: written once, however many workers run.

Redis hands out a batch and keeps it until the writer says that it is committed. A writer may die at any point: the next
gets the same batch, and the database knows by its id whether its minutes are in already. So nothing is lost, and nothing
counted twice. A minute that comes once more, with what a late worker had to add, is merged into its row.
"""

import asyncio
import json
import logging
import random
import secrets
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from channels.db import database_sync_to_async
from django.contrib.sessions.models import Session
from django.db import Error, models, transaction
from django.utils import timezone

from streaming.errors import GateUnavailableError
from streaming.models import Batch, Minute, Refusal
from streaming.store.keys import BATCH, MINUTE, MINUTES, PURGED, REFUSAL_LIST, WRITER
from streaming.store.scripts import Store

logger = logging.getLogger(__name__)

EVERY = 10.0  # seconds between two looks for something to write
LEASE = 30.0  # seconds after which another writer tries
KEEP = timedelta(days=30)
PURGE_EVERY = 3600.0  # seconds
PURGE_CHUNK = 500  # rows in one statement: a database of several writers is locked for moments only
PURGE_CHUNKS = 1_000
MOST_MINUTES = 60  # in one batch
MOST_REFUSALS = 1_000
ROUNDS = 10  # batches in a row, when the database has been away for hours

Found = Mapping[str, str]  # a minute's fields in Redis


async def run(store: Store) -> None:
    """Write out for ever; outlives failures of Redis and of the database, and says so once."""
    failure: type[Exception] | None = None
    purge_at = time.monotonic() + random.uniform(60, 600)  # noqa: S311 - jitter
    while True:
        await asyncio.sleep(EVERY * random.uniform(0.7, 1.3))  # noqa: S311 - jitter
        try:
            through = await write_out(store)
            if time.monotonic() >= purge_at:
                purge_at = time.monotonic() + PURGE_EVERY
                await purge_in_turn(store)
        except (GateUnavailableError, Error) as error:
            if failure is not type(error):
                logger.warning("History cannot be written (%s); it waits in Redis", error)
            failure = type(error)
        except Exception as error:
            if failure is not type(error):
                logger.exception("Writing history failed; it is tried again")
            failure = type(error)
        else:
            if failure and through:
                logger.warning("History is written again")
                failure = None


async def write_out(store: Store) -> bool:
    """Write what is finished; returns False if another is at it, or has failed within the last `LEASE`.

    Raises GateUnavailableError, django.db.Error; nothing is lost then.
    """
    for _ in range(ROUNDS):
        writer = secrets.token_hex(8)
        keys = [WRITER, BATCH, MINUTES, REFUSAL_LIST, MINUTE]
        outcome, *taken = await store.run(
            "reports/take_batch", keys, [writer, round(LEASE * 1000), MOST_MINUTES, MOST_REFUSALS]
        )
        if outcome != "taken":
            return bool(outcome == "nothing")
        id, content = taken
        minutes, refusals = json.loads(content)
        await database_sync_to_async(write_batch)(id, minutes, refusals)
        await store.run("reports/discard_batch", [WRITER, BATCH], [writer, id])
        if len(minutes) < MOST_MINUTES:
            break  # more refusals than a batch takes come from somebody who hammers: Redis keeps the newest of them
    return True


def write_batch(id: str, minutes: Iterable[tuple[str, Iterable[str]]], refusals: Iterable[str]) -> None:
    found = {int(minute): _fields(list(pairs)) for minute, pairs in minutes}
    with transaction.atomic():
        # A second writer of the same batch waits here for the first, and then knows.
        if found and Batch.objects.get_or_create(id=id)[1]:
            _write_minutes(found)
        rows = [row for row in map(refusal_of, refusals) if row is not None]
        Refusal.objects.bulk_create(rows, ignore_conflicts=True)


# Minutes.


def _fields(pairs: Sequence[str]) -> Found:
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def _write_minutes(found: Mapping[int, Found]) -> None:
    rows = Minute.objects.in_bulk(list(found))
    for minute, fields in found.items():
        if fields:
            merge(rows.setdefault(minute, Minute(minute=minute)), fields)
    columns = [field.name for field in Minute._meta.concrete_fields if not field.primary_key]
    Minute.objects.bulk_create(rows.values(), update_conflicts=True, unique_fields=["minute"], update_fields=columns)


def merge(row: Minute, fields: Found) -> None:
    """Add what Redis counted to a row: the higher of two peaks, the newer limits, the sum of the rest."""
    row.peak = max(row.peak, round(_number(fields.get("peak"))))
    row.limit = round(_number(fields.get("limit"))) or row.limit
    if "max_kbps" in fields:
        row.max_mbps = _number(fields["max_kbps"]) / 1000
    row.mbps = round(row.mbps + _number(fields.get("bytes")) * 8 / 60 / 1_000_000, 6)
    row.mbps_peak = max(row.mbps_peak, _number(fields.get("peak_kbps")) / 1000)
    row.seconds_at_full = min(60.0, row.seconds_at_full + _number(fields.get("full_ms")) / 1000)
    row.granted += round(_number(fields.get("granted")))
    row.refusals = _added(row.refusals, fields, "refused:")
    row.would_refuse = _added(row.would_refuse, fields, "would_refuse:")
    row.arrivals = _added(row.arrivals, fields, "arrivals:")
    row.refused = sum(row.refusals.values())


def _added(counts: Mapping[str, int], fields: Found, prefix: str) -> dict[str, int]:
    sums = dict(counts)
    for name, value in fields.items():
        if name.startswith(prefix):
            key = name.removeprefix(prefix)
            sums[key] = sums.get(key, 0) + round(_number(value))
    return sums


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


# Refusals.


def refusal_of(text: str) -> Refusal | None:
    """The row of a refusal in Redis; None for what is none, which must not stand in the way of all that follows."""
    try:
        given = json.loads(text)
        return Refusal(
            id=uuid.UUID(given["id"]),
            time=datetime.fromtimestamp(given["time"] / 1000, UTC),
            in_use=_optional(given.get("in_use")),
            limit=_optional(given.get("limit")),
            dry_run=bool(given.get("dry_run")),
            **{name: _fitting(name, given.get(name)) for name in TEXTS},
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError) as error:
        logger.warning("A refusal in Redis cannot be read (%r) and is left out", error)
        return None


TEXTS = {
    field.name: field.max_length or 0 for field in Refusal._meta.concrete_fields if isinstance(field, models.CharField)
}


def _fitting(name: str, value: Any) -> str:
    return ("" if value is None else str(value)).replace("\0", "")[: TEXTS[name]]


def _optional(value: Any) -> float | None:
    return None if value is None else float(value)


# The end of what is kept.


async def purge_in_turn(store: Store) -> None:
    """Purge, if no worker has for the last hour. Raises GateUnavailableError, django.db.Error."""
    (mine,) = await store.run("reports/claim_turn", [PURGED], [secrets.token_hex(8), round(PURGE_EVERY * 1000)])
    if mine:
        await database_sync_to_async(purge)()


def purge(keep: timedelta = KEEP) -> int:
    """Delete what is older than `keep`, and log-ins that have expired, which Django itself leaves there: a bounded number
    of rows; returns how many."""
    now = timezone.now()
    before = now - keep
    olds: tuple[models.QuerySet[Any], ...] = (
        Minute.objects.filter(minute__lt=before.timestamp() // 60).order_by("minute"),
        Refusal.objects.filter(time__lt=before).order_by("time"),
        Batch.objects.filter(time__lt=before).order_by("time"),
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
