"""Schemas of the history and of refused viewers in the JSON API."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from django.utils.dateparse import parse_datetime
from ninja import Schema
from pydantic import AwareDatetime, BeforeValidator, Field, PlainValidator, WithJsonSchema

from streaming.models import Refusal
from streaming.reports.history import MAX_REFUSALS_LISTED

MAX_STEP = 1_440
CURSOR = r"^[0-9]{1,16}~[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"  # Unix microseconds, and the id of a refusal
EPOCH, LAST = (datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 9999))  # the range that every time zone can express
MICROSECOND = timedelta(microseconds=1)


def _moment(value: object) -> object:
    """Returns a text such as "2026-11-22T12:00:00Z" as a datetime, naive if it has no time zone. Returns a value that is
    neither text nor None as it is. Raises ValueError for another text and for None.

    pydantic alone would take a text such as "1700000000" as well.
    """
    moment = parse_datetime(value) if isinstance(value, str) else value
    if moment is None:
        raise ValueError("Input should be a time as in 2026-11-22T12:00:00Z")
    return moment


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]


@dataclass(frozen=True)
class Cursor:
    """The start of a page of refused viewers, the newest first.

    `after`: id of a refusal at `time`. The page begins with the refusals at `time` that have a greater id, and goes
    on with those before `time`. None: it has only those before `time`.
    """

    time: datetime
    after: UUID | None


def _cursor(value: object) -> Cursor:
    if isinstance(value, str) and re.match(CURSOR, value):
        time, _, id = value.partition("~")
        return Cursor(EPOCH + int(time) * MICROSECOND, UUID(id))
    moment = _moment(value)
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ValueError("Input should have timezone info")
    return Cursor(min(max(moment, EPOCH), LAST), None)


def cursor_after(refusal: Refusal) -> str:
    """Returns the text of the cursor (start of a page) for the page after `refusal`.

    It has the id as well as the time, because refusals may have the same time.
    """
    return f"{(refusal.time - EPOCH) // MICROSECOND}~{refusal.pk}"


CURSOR_SCHEMA = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "pattern": CURSOR}]}
CursorIn = Annotated[Cursor, PlainValidator(_cursor), WithJsonSchema(CURSOR_SCHEMA)]


def _no_time() -> Any:
    """Returns None, as a missing time. With a plain default, OpenAPI would show null, which a query cannot send."""


class WaitsOut(Schema):
    waited: int
    wait_median: float | None
    wait_high: float | None
    gave_up: int


class HistoryOut(Schema):
    """The history of streams as columns of equal length with one entry per step. Null: nothing was recorded.
    `wait_median` and `wait_high` are also null if nobody waited.

    `waits` sums up how long viewers waited in line over the whole time. `seconds_at_full`: for how long the stream
    limit was reached in each step.
    """

    step: int = Field(description="Minutes. Longer than requested if there would be too many steps.")
    time: list[datetime] = Field(description="The start of each step.")
    peak: list[int | None] = Field(description="The highest number of streams at once.")
    limit: list[int | None] = Field(description="The stream limit in the minute of `peak`.")
    mbps: list[float | None] = Field(description="The average.")
    mbps_peak: list[float | None] = Field(description="The highest average over five seconds.")
    max_mbps: list[float | None] = Field(description="The bandwidth limit in the minute of `mbps_peak`. 0: unlimited.")
    seconds_at_full: list[float | None]
    refusals: dict[str, list[int | None]] = Field(description="Refused viewers, in one column per reason.")
    would_refuse: dict[str, list[int | None]] = Field(description="Viewers whom the trial's limits would have refused.")
    waited: list[int | None] = Field(description="Viewers who got a slot after waiting in line.")
    wait_median: list[float | None] = Field(description="How long half of them waited at most: seconds, estimated.")
    wait_high: list[float | None] = Field(description="The same for 95 % of them.")
    gave_up: list[int | None] = Field(description="Viewers who left the line without a slot.")
    waits: WaitsOut


class RefusalOut(Schema):
    id: UUID
    time: datetime
    user: str
    user_id: str
    camera: str
    camera_id: str
    quality: str
    address: str
    reason: str
    in_use: float | None = Field(description="Streams at once, or Mbit/s if the bandwidth was the reason.")
    limit: float | None
    dry_run: bool = Field(description="True: only the trial's limits would have refused this viewer.")


class RefusalPage(Schema):
    items: list[RefusalOut] = Field(description="Newest first.")
    next: str | None = Field(description="The `before` of the next page. Null on the last page.")


class HistoryQuery(Schema):
    since: Moment = Field(default_factory=_no_time, description="Default: one day before `until`.")
    until: Moment = Field(default_factory=_no_time, description="Default: now.")
    step_minutes: int = Field(default=5, ge=1, le=MAX_STEP)


class RefusalQuery(Schema):
    limit: int = Field(default=100, ge=1, le=MAX_REFUSALS_LISTED, description="The maximum number of items.")
    before: CursorIn = Field(default_factory=_no_time, description="A time, or the `next` of the previous page.")
