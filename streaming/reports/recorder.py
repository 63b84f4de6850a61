"""Writes the figures of finished minutes, and refused viewers, from Redis to the database, each exactly once.

Any worker may write. Redis hands out a batch and keeps it until the writer confirms the commit. If a writer dies, the
next one gets the same batch, and the database knows by the batch's id whether its minutes are already stored. Counts
that a late worker adds to a stored minute are merged into its row.
"""

import asyncio
import json
import logging
import math
import random
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from channels.db import database_sync_to_async
from django.db import Error, models, transaction

from streaming.errors import GateUnavailableError
from streaming.models import Batch, Minute, Refusal
from streaming.reports.retention import PURGE_EVERY, purge_in_turn
from streaming.store.keys import BATCH, MINUTE, MINUTES, REFUSAL_LIST, WRITER
from streaming.store.scripts import Store

logger = logging.getLogger(__name__)

EVERY = 10.0  # seconds between two attempts to write
HURRIED = 0.5  # the same during a dry run, whose result somebody may be looking at
AFTERWARDS = 5.0  # seconds for which a writer hurries after it, until every worker has reported the last refusals
WRITER_LEASE = 30.0  # seconds after which another writer may take over
MAX_MINUTES_IN_BATCH = 60
MAX_REFUSALS_IN_BATCH = 1_000
MAX_BATCHES = 10  # in one attempt, for the time after the database was away for hours

Fields = Mapping[str, str]  # of a minute in Redis


async def run(store: Store, tries: Callable[[], bool] = lambda: False) -> None:
    """Write the history from Redis to the database, and delete old history, until the task is cancelled.

    Survives failures of Redis and of the database. Logs a failure, but not again while its kind lasts. `tries`:
    returns whether a dry run of limits is in force; then it writes every half second instead of every 10 seconds.
    """
    pace = Pace(tries)
    failure: type[Exception] | None = None
    purge_at = time.monotonic() + random.uniform(60, 600)  # noqa: S311 - jitter
    while True:
        await pace.pause()
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


class Pace:
    """Waits between two writes of the history to the database: about 10 s, or 0.5 s during a dry run of limits and for
    5 s after it.

    Somebody may be looking at the result of the dry run: the number of viewers whom the limits would have refused.
    """

    def __init__(self, tries: Callable[[], bool]) -> None:
        """`tries`: returns whether a dry run of limits is in force (it counts whom they would refuse)."""
        self._tries = tries
        self._tried_at = -math.inf

    async def pause(self) -> None:
        jitter = random.uniform(0.7, 1.3)  # noqa: S311
        due = time.monotonic() + EVERY * jitter
        while time.monotonic() < due:
            await asyncio.sleep(min(EVERY, HURRIED) * jitter)
            if self._tries():
                self._tried_at = time.monotonic()
            if time.monotonic() < self._tried_at + AFTERWARDS:
                return


async def write_out(store: Store) -> bool:
    """Write the figures of finished minutes, and refused viewers, from Redis to the database.

    A call writes at most 600 minutes. Returns False if another worker is writing, otherwise True, even if more is left.
    Raises GateUnavailableError if Redis fails, and django.db.Error if the database does. A later call writes
    the rest: Redis keeps each minute for two days, and the newest 10,000 refused viewers.
    """
    for _ in range(MAX_BATCHES):
        writer = secrets.token_hex(8)
        keys = [WRITER, BATCH, MINUTES, REFUSAL_LIST, MINUTE]
        outcome, *batch = await store.run(
            "reports/take_batch",
            keys,
            [writer, round(WRITER_LEASE * 1000), MAX_MINUTES_IN_BATCH, MAX_REFUSALS_IN_BATCH],
        )
        if outcome != "taken":
            return bool(outcome == "nothing")
        id, content = batch
        minutes, refusals = json.loads(content)
        await database_sync_to_async(write_batch)(id, minutes, refusals)
        await store.run("reports/discard_batch", [WRITER, BATCH], [writer, id])
        if len(minutes) < MAX_MINUTES_IN_BATCH:
            break  # a flood of refusals waits for the next attempt; Redis keeps the newest of them
    return True


def write_batch(id: str, minutes: Iterable[tuple[str, Iterable[str]]], refusals: Iterable[str]) -> None:
    """Store a batch of history from Redis in the database. If its `id` is stored already, this changes nothing.

    `minutes`: (Unix time / 60, [figure's name, value, ...]), as text. `refusals`: refused viewers, each a JSON object.
    """
    found = {int(minute): _fields(list(pairs)) for minute, pairs in minutes}
    with transaction.atomic():
        # A second writer of the same batch waits here for the first one, and then finds its row.
        if found and Batch.objects.get_or_create(id=id)[1]:
            _write_minutes(found)
        rows = [row for row in map(refusal_of, refusals) if row is not None]
        Refusal.objects.bulk_create(rows, ignore_conflicts=True)


# Minutes.


def _fields(pairs: Sequence[str]) -> Fields:
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def _write_minutes(found: Mapping[int, Fields]) -> None:
    rows = Minute.objects.in_bulk(list(found))
    for minute, fields in found.items():
        if fields:
            merge(rows.setdefault(minute, Minute(minute=minute)), fields)
    columns = [field.name for field in Minute._meta.concrete_fields if not field.primary_key]
    Minute.objects.bulk_create(rows.values(), update_conflicts=True, unique_fields=["minute"], update_fields=columns)


def merge(row: Minute, fields: Fields) -> None:
    """Merge the figures of a minute from Redis into the minute's row: higher peaks, newer limits, sums of counts.

    Does not save the row. `fields`: figure's name -> number as text.
    """
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
    row.waited = _added(row.waited, fields, "waited:le:")
    row.gave_up += round(_number(fields.get("gave_up")))
    row.refused = sum(row.refusals.values())


def _added(counts: Mapping[str, int], fields: Fields, prefix: str) -> dict[str, int]:
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
    """Returns the unsaved row of a refused viewer from its JSON, or None if `text` is invalid.

    An invalid text is only logged, so that it does not block the refusals after it.
    """
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
