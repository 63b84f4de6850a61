"""What the gate speaks of: limits, holders, slots and their usage."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from streaming.errors import LimitReachedError, SlotLostError

# Goes on while the machine is suspended, as Redis's does elsewhere; where there is no such clock, `time.monotonic`.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_quoted = json.encoder.encode_basestring_ascii  # json's own, without what it sets up for each object


def lease_clock() -> float:
    """Seconds, from which a holder tells how long its lease still lasts."""
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True)
class Limit:
    """A limited set: its key, how many leases it takes (0: any), what it says when it is full, and how many a limit that
    is only tried would let in (0: any)."""

    key: str
    maximum: int
    refusal: type[LimitReachedError] = LimitReachedError
    trial: int = 0


@dataclass(frozen=True)
class Rate:
    """What a stream is expected to take: of its camera and quality, as measured last, else so many kbit/s."""

    field: str = ""
    kbps: int = 0


@dataclass(frozen=True)
class Terms:
    """What a newcomer is admitted by. The budgets are kbit/s that all streams may take together, 0: any."""

    limits: tuple[Limit, ...]
    rate: Rate = Rate()
    budget: int = 0
    trial_budget: int = 0


@dataclass(frozen=True)
class Holder:
    """Who holds a slot, as the administrator sees it."""

    user: str
    camera: str
    camera_id: str
    quality: str
    address: str
    since: float  # Unix milliseconds
    user_id: str = ""

    def as_json(self, worker: str) -> str:
        """With the worker that holds it."""
        texts = (
            f'"{name}":{_quoted(value) if isinstance(value, str) else value}' for name, value in vars(self).items()
        )
        return f'{{{",".join(texts)},"worker":{_quoted(worker)}}}'


@dataclass(frozen=True)
class Usage:
    """What Redis says at one moment."""

    time: float  # Unix milliseconds, Redis's clock
    recovering: bool  # newcomers wait: Redis is new or has lost its data
    holders: dict[str, dict[str, Any]]  # lease id -> Holder's fields
    workers: dict[str, dict[str, Any]]  # worker id -> its report
    ordinary: int  # how many of the holders may not take reserved slots
    counted: int  # kbit/s that all streams are counted with


@dataclass(eq=False)
class Slot:
    """One lease as its holder sees it. Comes from `Gate.slot()` alone."""

    id: str
    holder: Holder
    terms: Terms
    fence_at: float = 0.0  # lease_clock() after which not one more frame may be sent
    progress_until: float = 0.0  # time.monotonic() until which the lease is renewed
    in_use: int = 0  # of the first set, when admitted
    would_refuse: LimitReachedError | None = None  # what a limit that is only tried would have said
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    described: bool = True
    reply_lost: bool = False  # an acquire had no reply: it may still reach Redis

    @property
    def is_lost(self) -> bool:
        """Asked before each frame: after a long pause no timer has run yet."""
        return self.lost.is_set() or lease_clock() >= self.fence_at

    def check(self) -> None:
        """Raise SlotLostError if the slot is lost."""
        if self.is_lost:
            raise SlotLostError

    async def watch(self) -> None:
        """Raise SlotLostError as soon as the slot is lost."""
        await self.lost.wait()
        raise SlotLostError

    @property
    def limits(self) -> tuple[Limit, ...]:
        return self.terms.limits

    def progressed(self, seconds: float) -> None:
        """Renew the lease for `seconds` from now, whatever becomes of the viewing; then it lapses by itself."""
        self.progress_until = time.monotonic() + seconds
