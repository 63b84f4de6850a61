"""Schemas of limits in the JSON API.

The bounds of a number are those of its setting in `policy.py`. `changes.py` checks the limits against each other.
"""

from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import Field

from cameras.schema_fields import Strictly
from cameras.schemas import Changes, Strict
from streaming.limits.policy import LABELS, NUMBERS

MAX_DAYS = 30


def _limit(name: str) -> Any:
    setting = NUMBERS[name]
    kind = float if setting.fraction else int
    zero = "none" if name == "reserved_slots" else "unlimited"
    text = f"{LABELS[name]}." + f" 0: {zero}." * (not setting.minimum)
    return Field(ge=kind(setting.minimum), le=kind(setting.maximum), description=text)


MaxConcurrent = Annotated[int, _limit("max_concurrent"), Strictly]
MaxMbps = Annotated[float, _limit("max_mbps"), Field(allow_inf_nan=False), Strictly]
MaxPerCamera = Annotated[int, _limit("max_per_camera"), Strictly]
MaxPerUser = Annotated[int, _limit("max_per_user"), Strictly]
MaxPerAddress = Annotated[int, _limit("max_per_address"), Strictly]
ReservedSlots = Annotated[int, _limit("reserved_slots"), Strictly]
GROUP = "The ID of the group that has the reserved slots."
ReservedGroup = Annotated[int, Field(ge=1, le=2**31 - 1, description=GROUP), Strictly]


class LimitsIn(Strict):
    """All limits. Null: the environment's default; in a trial (a dry run of limits), the limit in force."""

    max_concurrent: MaxConcurrent | None
    max_mbps: MaxMbps | None
    max_per_camera: MaxPerCamera | None
    max_per_user: MaxPerUser | None
    max_per_address: MaxPerAddress | None
    reserved_slots: ReservedSlots | None
    reserved_group: ReservedGroup | None


class LimitChanges(Changes):
    """The limits to change. Null: back to the environment's default; in a trial (a dry run), to the limit in force."""

    max_concurrent: MaxConcurrent | None = None
    max_mbps: MaxMbps | None = None
    max_per_camera: MaxPerCamera | None = None
    max_per_user: MaxPerUser | None = None
    max_per_address: MaxPerAddress | None = None
    reserved_slots: ReservedSlots | None = None
    reserved_group: ReservedGroup | None = None


class PolicyOut(Schema):
    """The limits of streams. 0: unlimited. `reserved_slots`: streams that only members of `reserved_group` (its ID) may
    open; 0: none."""

    max_concurrent: int
    max_mbps: float
    max_per_camera: int
    max_per_user: int
    max_per_address: int
    reserved_slots: int
    reserved_group: int | None


class TrialOut(Schema):
    """The limits of a trial: viewers whom they would refuse are counted, but not refused. Null: not in the trial,
    or no trial runs."""

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
    """How far the limits of all streams are used. `in_use` and `waiting` are null while Redis does not answer or
    accepts no writes. `mbps`, `counted_mbps` and `over` are then 0, and `level` is `ok`, as nothing is known.
    `limit`: at least 1. `available` is 0 unless the state is `open`. `max_mbps` 0: unlimited.
    State `recovering`: new viewers wait because Redis is new or may have lost slots, for example after a restart.
    `reserved`: slots that are set aside for a group, in use or not."""

    in_use: int | None
    limit: int
    available: int
    available_ordinary: int = Field(default=0, description="Those that are open to users without reserved slots.")
    state: str = Field(description="`open`, `recovering` or `unavailable`.")
    cause: str = Field(default="", description="Why the state is `unavailable`.")
    answer: str = Field(default="", description="The error code of Redis, such as OOM.")
    eviction: str = Field(default="", description="The maxmemory-policy of a Redis that may evict slots.")
    waiting: int | None = Field(default=0, description="Viewers in line for a slot.")
    over: int = Field(default=0, description="Streams above a lowered limit. They may go on.")
    reserved: int = 0
    mbps: float = Field(default=0.0, description="Sent to all viewers, as the average of the last seconds.")
    counted_mbps: float = Field(default=0.0, description="Reserved for current viewers. Admission uses this figure.")
    max_mbps: float = 0.0
    level: str = Field(
        default="ok",
        description="The highest of all limits: `ok`, `high` (from 75 %), `critical` (from 90 %) or `full`.",
    )


class LimitsOut(Schema):
    in_force: PolicyOut
    environment: PolicyOut = Field(description="The defaults, which apply to limits that nobody has set.")
    changed: list[str] = Field(description="The names of limits that somebody has set.")
    changed_at: datetime | None
    changed_by: str
    user_limits: dict[str, int] = Field(description="Streams at once, by user ID.")
    group_limits: dict[str, int] = Field(description="Streams at once for each member of a group, by group ID.")
    trial: TrialOut | None
    usage: GateOut
    warnings: list[str] = Field(description="Warnings about these limits, in words.")


class PreviewOut(Schema):
    """An estimate of how many viewers a limit of `max_concurrent` streams would have refused in the past days.

    Each viewer is compared with the streams of that time. With a lower limit some of these would not have run, so
    `would_be_refused` is an upper bound. With a higher limit more streams would have run, so `would_be_admitted` is
    an upper bound too.

    `newcomers`: `granted` (got a stream) plus `refused`. `would_be_refused`: of the newcomers. `would_be_admitted`:
    those of `refused` whom this limit would have admitted, because the limit at that time was lower.
    """

    max_concurrent: int
    days: int
    minutes: int = Field(description="The number of recorded minutes.")
    minutes_above: int = Field(description="The number of minutes with a peak above the limit.")
    highest_peak: int
    newcomers: int
    granted: int
    refused: int = Field(description="Refused because all streams were in use.")
    refused_otherwise: int = Field(
        description="Refused for other reasons, which another limit does not change. Not among `newcomers`."
    )
    would_be_refused: int
    would_be_admitted: int


class PreviewQuery(Schema):
    max_concurrent: int = Field(ge=int(NUMBERS["max_concurrent"].minimum), le=int(NUMBERS["max_concurrent"].maximum))
    days: int = Field(default=7, ge=1, le=MAX_DAYS)
