"""The gate's values: limits, terms, holders, slots and usage."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from streaming.errors import LimitReachedError, SlotLostError

# This clock goes on while the machine is suspended, as Redis's clock does on another machine. Not every system has it.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_quote = json.encoder.encode_basestring_ascii  # json's own function: json.dumps sets up an encoder for each call


def lease_clock() -> float:
    """Seconds on the clock of all fences (`Slot.fence_at`)."""
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True)
class Limit:
    """A limited set of leases."""

    key: str
    maximum: int  # 0: unlimited
    refusal: type[LimitReachedError] = LimitReachedError  # raised when the set is full
    trial: int = 0  # limit of the dry run, 0: unlimited


@dataclass(frozen=True)
class Rate:
    """The expected bandwidth of a stream: the rate measured last for `field`, or `kbps` if none was measured."""

    field: str = ""  # camera and quality
    kbps: int = 0


@dataclass(frozen=True)
class Terms:
    """The limits for one admission. The budgets are kbit/s of all streams together, 0: unlimited."""

    limits: tuple[Limit, ...]
    rate: Rate = Rate()
    budget: int = 0
    trial_budget: int = 0


class Kind(IntEnum):
    """The classes of the line, in their order."""

    FRONT = 0
    OPERATOR = 1
    ORDINARY = 2
    BACKGROUND = 3


@dataclass(frozen=True)
class Asking:
    """What a viewer asks for besides a slot."""

    wait: bool = False  # for a slot, in line, instead of being refused
    kind: Kind = Kind.ORDINARY
    most: int = 0  # how many may be in line
    seconds: float = 0.0  # how long to wait at most
    resume: str = ""  # lease or ticket that this viewer had until a moment ago
    replace: str = ""  # lease of the same user that shall end for this one

    @property
    def may_wait(self) -> bool:
        """Whether the viewer may get a place in the line."""
        return self.wait or bool(self.resume or self.replace)


PLAIN = Asking()


@dataclass(frozen=True)
class Place:
    """The place of a viewer in the line, and the limit that refuses them."""

    position: int  # from 1; 0: a viewing of their own ends and hands over its slot
    waiting: int  # viewers in line
    since: float  # Unix ms
    refusal: LimitReachedError


@dataclass(frozen=True)
class Holder:
    """The holder of a slot, as the administrator sees it."""

    user: str
    camera: str
    camera_id: str
    quality: str
    address: str
    since: float  # Unix milliseconds
    user_id: str = ""

    def as_json(self, worker: str) -> str:
        """Returns the fields and the name of the worker as a JSON object."""
        return (
            f'{{"user":{_quote(self.user)},"camera":{_quote(self.camera)},"camera_id":{_quote(self.camera_id)},'
            f'"quality":{_quote(self.quality)},"address":{_quote(self.address)},"since":{self.since},'
            f'"user_id":{_quote(self.user_id)},"worker":{_quote(worker)}}}'
        )


@dataclass(frozen=True)
class Summary:
    """How many slots are in use at one moment."""

    time: float  # Unix milliseconds, Redis's clock
    recovering: bool  # new viewers wait: Redis is new or has lost its data
    in_use: int
    ordinary: int  # holders that may not use reserved slots
    counted: int  # kbit/s that all streams together are counted with; 0 unless asked for
    stills: int  # kbit/s of the stills of the worker that asks, as it reported them
    waiting: int  # viewers in line for a slot


@dataclass(frozen=True)
class Usage:
    """The holders and workers that Redis knows at one moment."""

    time: float  # Unix milliseconds, Redis's clock
    recovering: bool  # new viewers wait: Redis is new or has lost its data
    holders: dict[str, dict[str, Any]]  # lease id -> Holder's fields
    workers: dict[str, dict[str, Any]]  # worker id -> its report
    ordinary: int  # holders that may not use reserved slots
    counted: int  # kbit/s that all streams together are counted with


@dataclass(eq=False)
class Slot:
    """One lease as its holder sees it. Only `Gate.slot()` makes it."""

    id: str
    holder: Holder
    terms: Terms
    fence_at: float = 0.0  # lease_clock() from which no frame may be sent
    progress_until: float = 0.0  # time.monotonic() until which the lease is renewed
    in_use: int = 0  # leases in the first set at the admission
    would_refuse: LimitReachedError | None = None  # refusal of the dry run
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    described: bool = True
    reply_lost: bool = False  # an acquire had no reply: it may still reach Redis
    asking: Asking = PLAIN
    order: float = 0.0  # of the ticket in the line; 0: none yet
    keep_seconds: float = 0.0  # how long to keep the slot after its end, for a viewer whose connection was lost
    rate_changes: int = 0  # how many changes of the rate were sent to Redis
    rate_change: int = 0  # number of the newest one that was answered or has failed; reports carry it

    @property
    def is_lost(self) -> bool:
        """Compares the clock, too: after a long pause the fence's timer has not run yet."""
        return self.lost.is_set() or lease_clock() >= self.fence_at

    def check(self) -> None:
        """Raise SlotLostError if the slot is lost."""
        if self.is_lost:
            raise SlotLostError

    async def raise_when_lost(self) -> None:
        """Raise SlotLostError as soon as the slot is lost."""
        await self.lost.wait()
        raise SlotLostError

    @property
    def limits(self) -> tuple[Limit, ...]:
        return self.terms.limits

    def progressed(self, seconds: float) -> None:
        """Let the heartbeat renew the lease for `seconds` from now. Without a further call the lease then expires."""
        self.progress_until = time.monotonic() + seconds
