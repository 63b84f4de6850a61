"""The data of the gate, which limits concurrent streams: limits, holders, places in line, usage, and `Slot`, which
tells a stream when it has lost its right to run. `lease_clock` is the clock of these rights.
"""

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
    """Returns the time in seconds on the clock of `Slot.fence_at`. On a system with CLOCK_BOOTTIME, the clock also
    runs while the machine is suspended."""
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True)
class Limit:
    """A limit of concurrent streams: the maximum size of the Redis set `key`, which has a lease for each of them."""

    key: str
    maximum: int  # 0: unlimited
    refusal: type[LimitReachedError] = LimitReachedError  # raised when the set is full
    trial: int = 0  # the maximum in a dry run, which refuses nobody; 0: unlimited


@dataclass(frozen=True)
class Rate:
    """The expected bandwidth of a stream: the highest rate measured lately for its camera and quality (`field`),
    plus a tenth. Redis keeps it. If none was measured: `kbps`, an estimate in kbit/s.
    """

    field: str = ""  # camera id and quality, as limits/admission.py: rate_of joins them
    kbps: int = 0


@dataclass(frozen=True)
class Terms:
    """The limits under which a stream is admitted, that of all streams first, and its expected `rate`. The budgets are
    in kbit/s for all streams together, 0: unlimited. `trial_budget` is tested, but not enforced.
    """

    limits: tuple[Limit, ...]
    rate: Rate = Rate()
    budget: int = 0
    trial_budget: int = 0


class Kind(IntEnum):
    """The classes of viewers who wait for a slot; lower ones go first.

    FRONT, which only Redis gives: the viewer came back soon after their stream had ended, such as by a reload, or
    an administrator moved them there. OPERATOR: may use reserved slots. BACKGROUND: asks for a stream that nobody
    watches closely.
    """

    FRONT = 0
    OPERATOR = 1
    ORDINARY = 2
    BACKGROUND = 3


@dataclass(frozen=True)
class Asking:
    """How a viewer asks for a slot (the right to one stream): whether they wait in line for it, in which class, and
    which former stream's slot or place in the line they take over.
    """

    wait: bool = False  # for a slot, in line, instead of being refused
    kind: Kind = Kind.ORDINARY
    most: int = 0  # how many viewers of all workers may be in line; 0: nobody new
    seconds: float = 0.0  # how long to wait in line at most; 0: not at all
    resume: str = ""  # id of the lease or entry in line that this viewer had until a moment ago
    replace: str = ""  # id of a lease of the same user that shall end for this one; ignored with `resume`

    @property
    def may_wait(self) -> bool:
        """Whether the viewer may have to wait: in line, or until a stream that they resume or replace has ended."""
        return self.wait or bool(self.resume or self.replace)


PLAIN = Asking()


@dataclass(frozen=True)
class Place:
    """The position of a viewer in the line of those who wait for a slot, and the error of the limit in their way."""

    position: int  # from 1; 0: a viewing of their own ends and hands over its slot
    waiting: int  # viewers in line
    since: float  # when the viewer asked, Unix ms
    refusal: LimitReachedError


@dataclass(frozen=True)
class Holder:
    """The user, camera, quality and network address of the stream that holds a slot, as administrators see them."""

    user: str  # name
    camera: str  # name
    camera_id: str
    quality: str  # name of the picture quality, such as "medium"
    address: str
    since: float  # when the viewer asked, Unix milliseconds
    user_id: str = ""  # primary key, as text; of a display: "display-" and the id of its token

    def as_json(self, worker: str) -> str:
        """Returns a JSON object with the fields of the holder, and with the worker's id as "worker"."""
        return (
            f'{{"user":{_quote(self.user)},"camera":{_quote(self.camera)},"camera_id":{_quote(self.camera_id)},'
            f'"quality":{_quote(self.quality)},"address":{_quote(self.address)},"since":{self.since},'
            f'"user_id":{_quote(self.user_id)},"worker":{_quote(worker)}}}'
        )


@dataclass(frozen=True)
class Summary:
    """How many slots are in use at one moment, one for each stream, and how many viewers wait for one."""

    time: float  # Unix milliseconds, Redis's clock
    recovering: bool  # new viewers wait: Redis is new or has lost its data
    in_use: int
    ordinary: int  # holders that may not use reserved slots
    counted: int  # kbit/s that all streams and stills are counted with; 0 unless asked for
    stills: int  # kbit/s of the still pictures of the worker that asks, as it reported them
    waiting: int  # viewers in line for a slot


@dataclass(frozen=True)
class Usage:
    """All streams that hold slots, and the reports of all running workers. They are read one after another, from
    `time` on, so the figures may differ slightly."""

    time: float  # Unix milliseconds, Redis's clock
    recovering: bool  # new viewers wait: Redis is new or has lost its data
    holders: dict[str, dict[str, Any]]  # lease id -> fields of Holder, and worker (id), or {} without details
    workers: dict[str, dict[str, Any]]  # worker id -> its report
    ordinary: int  # holders that may not use reserved slots
    counted: int  # kbit/s that all streams together are counted with


@dataclass(eq=False)
class Slot:
    """The right to one stream, from the request on, as its worker sees it. In Redis it is a lease, which must be
    renewed. Only `Gate.slot()` creates it.
    """

    id: str
    holder: Holder
    terms: Terms
    fence_at: float = 0.0  # lease_clock() from which no frame may be sent
    progress_until: float = 0.0  # time.monotonic() until which the lease is renewed
    in_use: int = 0  # leases of all streams at the admission, with this one
    would_refuse: LimitReachedError | None = None  # refusal of the dry run
    lost: asyncio.Event = field(default_factory=asyncio.Event)  # set by HeldSlots.lose()
    described: bool = True  # whether Redis has the newest `holder`
    reply_lost: bool = False  # an acquire had no reply: it may still reach Redis
    asking: Asking = PLAIN
    order: float = 0.0  # sort key of its entry in the line, negative: it takes over an own stream; 0: none yet
    keep_seconds: float = 0.0  # how long to keep the slot after its end, for a viewer whose connection was lost
    rate_changes: int = 0  # how many changes of the rate were sent to Redis
    rate_change: int = 0  # number of the newest one that was answered or has failed; reports carry it

    @property
    def is_lost(self) -> bool:
        """Whether the stream must end: its lease is gone, or was not renewed before `fence_at`. Compares the clock,
        too: after a long pause of the process, no timer has set `lost` yet.
        """
        return self.lost.is_set() or lease_clock() >= self.fence_at

    def check(self) -> None:
        """Raise SlotLostError if the stream must end because its lease is gone, or was not renewed in time."""
        if self.is_lost:
            raise SlotLostError

    async def raise_when_lost(self) -> None:
        """Wait until the slot is lost (its lease is gone, or was not renewed in time), then raise SlotLostError."""
        await self.lost.wait()
        raise SlotLostError

    @property
    def limits(self) -> tuple[Limit, ...]:
        return self.terms.limits

    def progressed(self, seconds: float) -> None:
        """Let the heartbeat renew the lease for `seconds` from now. Without a further call, the
        slot is then lost at `fence_at`, and the lease expires after that."""
        self.progress_until = time.monotonic() + seconds
