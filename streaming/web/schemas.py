"""What the JSON API says of streams, limits and the past, and takes for an order.

A number's bounds are those of its setting, in policy.py. What is wrong only beside something else, such as more reserved
slots than slots, is policy.py's to say.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from django.utils.dateparse import parse_datetime
from ninja import Schema
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, PlainValidator, WithJsonSchema

from cameras.schemas import Address, Changes, Password, Strict, Username
from cameras.texts import INVISIBLE, check_text
from streaming.gate import stop_orders
from streaming.limits.policy import LABELS, NUMBERS
from streaming.models import Refusal
from streaming.reports.history import MAX_REFUSALS_LISTED

MAX_STEP, MAX_DAYS = 1_440, 30
PLACE = r"^[0-9]{1,16}~[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"  # Unix microseconds, and the id of a refusal
EPOCH, LAST = (datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 9999))  # what every time zone has
MICROSECOND = timedelta(microseconds=1)


def _number(value: object) -> object:
    """As JSON has it: pydantic would take "5" and true for numbers, too."""
    if isinstance(value, str | bool):
        raise ValueError("Input should be a number")
    return value


def _moment(value: object) -> object:
    """As RFC 3339 has it: pydantic would take a plain number, too."""
    moment = parse_datetime(value) if isinstance(value, str) else value
    if moment is None:
        raise ValueError("Input should be a time as in 2026-11-22T12:00:00Z")
    return moment


Strictly = BeforeValidator(_number)  # the last of its annotations, or the bounds before it are not described
Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]


@dataclass(frozen=True)
class Place:
    """Where a part of the refusals begins: before a time, or after a refusal of that time."""

    time: datetime
    after: UUID | None


def _place(value: object) -> Place:
    if isinstance(value, str) and re.match(PLACE, value):
        time, _, id = value.partition("~")
        return Place(EPOCH + int(time) * MICROSECOND, UUID(id))
    moment = _moment(value)
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ValueError("Input should have timezone info")
    return Place(min(max(moment, EPOCH), LAST), None)


def place_of(refusal: Refusal) -> str:
    """Where a part of the refusals ends, as a query has it: many may be of one moment."""
    return f"{(refusal.time - EPOCH) // MICROSECOND}~{refusal.pk}"


DESCRIBED = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "pattern": PLACE}]}
PlaceIn = Annotated[Place, PlainValidator(_place), WithJsonSchema(DESCRIBED)]


def _nothing() -> Any:
    """None where a query has no such time; not a default to be told, since null cannot be sent in a query."""


# Streams.


class StreamOut(Schema):
    id: str
    user: str
    user_id: str = ""
    camera: str
    camera_id: UUID
    quality: str
    address: str = Field(description="The viewer's.")
    since: datetime
    worker: str
    mbps: float = Field(default=0.0, description="What it has sent in the last seconds.")


class StreamPage(Schema):
    items: list[StreamOut]
    count: int = Field(description="How many there are altogether.")


class StopIn(Strict):
    message: Annotated[str, AfterValidator(check_text)] = Field(
        default="",
        max_length=stop_orders.MESSAGE,
        description="What the viewer reads.",
        json_schema_extra={"pattern": f"^[^{INVISIBLE}]*$"},
    )
    block_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=stop_orders.BLOCK,
            description="For how long the user is blocked: all of the user's streams end.",
        ),
        Strictly,
    ] = 0


class StoppedOut(Schema):
    stopped: int


class BlockOut(Schema):
    user_id: str
    user: str = Field(description="The user's name at the time of the block.")
    message: str = Field(description="The message to the user.")
    seconds_left: int
    by: str = Field(description="Who set the block.")


class BlockPage(Schema):
    items: list[BlockOut]
    count: int = Field(description="How many there are altogether.")


class AddressIn(Strict):
    stream_url: Annotated[Address, Field(min_length=1)]
    username: Username = ""
    password: Password = ""


class ProbeOut(Schema):
    """`ok`, and what the camera sends; or why not, in `message`."""

    ok: bool
    message: str = ""
    picture: str = Field(default="", description="A JPEG as a data: address.")
    width: int | None = None
    height: int | None = None
    frames_per_second: float | None = None
    codec: str = ""


# Limits.


def _limit(name: str) -> Any:
    setting = NUMBERS[name]
    kind = float if setting.fraction else int
    text = f"{LABELS[name]}." + " 0: no such limit." * (not setting.minimum)
    return Field(ge=kind(setting.minimum), le=kind(setting.maximum), description=text)


MaxConcurrent = Annotated[int, _limit("max_concurrent"), Strictly]
MaxMbps = Annotated[float, _limit("max_mbps"), Field(allow_inf_nan=False), Strictly]
MaxPerCamera = Annotated[int, _limit("max_per_camera"), Strictly]
MaxPerUser = Annotated[int, _limit("max_per_user"), Strictly]
MaxPerAddress = Annotated[int, _limit("max_per_address"), Strictly]
ReservedSlots = Annotated[int, _limit("reserved_slots"), Strictly]
GROUP = "The key of the group for which slots are reserved."
ReservedGroup = Annotated[int, Field(ge=1, le=2**31 - 1, description=GROUP), Strictly]


class LimitsIn(Strict):
    """All limits; null: the environment's default, or in a trial what is in force."""

    max_concurrent: MaxConcurrent | None
    max_mbps: MaxMbps | None
    max_per_camera: MaxPerCamera | None
    max_per_user: MaxPerUser | None
    max_per_address: MaxPerAddress | None
    reserved_slots: ReservedSlots | None
    reserved_group: ReservedGroup | None


class LimitChanges(Changes):
    """Those limits that change; null: back to the environment's default, or in a trial to what is in force."""

    max_concurrent: MaxConcurrent | None = None
    max_mbps: MaxMbps | None = None
    max_per_camera: MaxPerCamera | None = None
    max_per_user: MaxPerUser | None = None
    max_per_address: MaxPerAddress | None = None
    reserved_slots: ReservedSlots | None = None
    reserved_group: ReservedGroup | None = None


class PolicyOut(Schema):
    """0: no such limit."""

    max_concurrent: int
    max_mbps: float
    max_per_camera: int
    max_per_user: int
    max_per_address: int
    reserved_slots: int
    reserved_group: int | None


class TrialOut(Schema):
    """What is tried: whom it would refuse is counted, nobody is. Null: this limit is not tried."""

    max_concurrent: int | None = None
    max_mbps: float | None = None
    max_per_camera: int | None = None
    max_per_user: int | None = None
    max_per_address: int | None = None
    reserved_slots: int | None = None
    reserved_group: int | None = None
    changed_at: datetime | None = None
    changed_by: str = ""


class GateOut(Schema):
    """Null in use: Redis does not answer, or accepts no writes."""

    in_use: int | None
    limit: int
    available: int
    available_ordinary: int = Field(
        default=0, description="Of those, open to others than the group with reserved slots."
    )
    state: str = Field(description="open, recovering or unavailable.")
    cause: str = Field(default="", description="Why the state is unavailable, in words.")
    answer: str = Field(default="", description="Redis's error code, such as OOM.")
    eviction: str = Field(default="", description="The maxmemory-policy of a Redis that may evict slots.")
    over: int = Field(default=0, description="Streams above a limit that was lowered; they may go on.")
    reserved: int = 0
    mbps: float = Field(default=0.0, description="What all streams were sent in the last seconds.")
    counted_mbps: float = Field(default=0.0, description="What they are counted with, by which newcomers are admitted.")
    max_mbps: float = 0.0
    level: str = Field(
        default="ok", description="ok, high (from 75 %), critical (from 90 %) or full; the worst of all."
    )


class LimitsOut(Schema):
    in_force: PolicyOut
    environment: PolicyOut = Field(description="The defaults: what counts where nobody has set a limit.")
    changed: list[str] = Field(description="Limits that somebody has set.")
    changed_at: datetime | None
    changed_by: str
    user_limits: dict[str, int] = Field(description="Streams at once, by the key of a user with a limit.")
    group_limits: dict[str, int] = Field(description="The same for each member of a group, by its key.")
    trial: TrialOut | None
    usage: GateOut


# The past.


class PreviewOut(Schema):
    """What a limit would have done to the newcomers of the past days; an estimate, from above."""

    max_concurrent: int
    days: int
    minutes: int = Field(description="How many are recorded.")
    minutes_above: int = Field(description="Those whose peak was above the limit.")
    highest_peak: int
    newcomers: int
    granted: int
    refused: int = Field(description="For want of a slot.")
    refused_otherwise: int = Field(
        description="For other reasons, by which another limit changes nothing; no newcomers."
    )
    would_be_refused: int
    would_be_admitted: int


class HistoryOut(Schema):
    """Columns of equal length, one entry for each step. Null: nothing is recorded."""

    step: int = Field(description="Minutes; longer than asked for where there would be too many.")
    time: list[datetime] = Field(description="When each step begins.")
    peak: list[int | None] = Field(description="Most slots in use.")
    limit: list[int | None] = Field(description="In the minute of the peak.")
    mbps: list[float | None] = Field(description="On average.")
    mbps_peak: list[float | None] = Field(description="The most that was sent, over five seconds.")
    max_mbps: list[float | None] = Field(description="The budget in the minute of `mbps_peak`; 0: none.")
    seconds_at_full: list[float | None]
    refusals: dict[str, list[int | None]] = Field(description="A column for each reason that occurs.")
    would_refuse: dict[str, list[int | None]] = Field(description="The same of a trial.")


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
    in_use: float | None = Field(description="Slots, or Mbit/s where they were the reason.")
    limit: float | None
    dry_run: bool = Field(description="Whether a trial would have refused, and nobody was.")


class RefusalPage(Schema):
    items: list[RefusalOut] = Field(description="The newest first.")
    next: str | None = Field(description="`before` of the next part; null at the end.")


class Span(Schema):
    """Which part of the past."""

    since: Moment = Field(default_factory=_nothing, description="Default: a day before `until`.")
    until: Moment = Field(default_factory=_nothing, description="Default: now.")
    step_minutes: int = Field(default=5, ge=1, le=MAX_STEP)


class Before(Schema):
    limit: int = Field(default=100, ge=1, le=MAX_REFUSALS_LISTED, description="How many at most.")
    before: PlaceIn = Field(default_factory=_nothing, description="Only those earlier than this time; or `next`.")


class Asked(Schema):
    max_concurrent: int = Field(ge=int(NUMBERS["max_concurrent"].minimum), le=int(NUMBERS["max_concurrent"].maximum))
    days: int = Field(default=7, ge=1, le=MAX_DAYS)
