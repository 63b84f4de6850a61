"""What the gate speaks of: limits, holders, slots and their usage."""

import asyncio
import json
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from streaming.errors import LimitReachedError, SlotLostError


@dataclass(frozen=True)
class Limit:
    """A limited set: its key, how many leases it takes, and what it says when it is full."""

    key: str
    maximum: int
    refusal: type[LimitReachedError] = LimitReachedError


@dataclass(frozen=True)
class Holder:
    """Who holds a slot, as the administrator sees it."""

    user: str
    camera: str
    camera_id: str
    quality: str
    address: str
    since: float  # Unix milliseconds
    worker: str = ""

    def as_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


@dataclass(frozen=True)
class Usage:
    """What Redis says at one moment."""

    time: float  # Unix milliseconds, Redis's clock
    recovering: bool  # newcomers wait: Redis is new or has lost its data
    holders: dict[str, dict[str, Any]]  # lease id -> Holder's fields
    workers: dict[str, dict[str, Any]]  # worker id -> its report


@dataclass(eq=False)
class Slot:
    """One lease as its holder sees it. Comes from `Gate.slot()` alone."""

    id: str
    holder: Holder
    limits: tuple[Limit, ...]
    fence_at: float = 0.0  # time.monotonic() after which not one more frame may be sent
    progress_until: float = 0.0  # time.monotonic() until which the lease is renewed
    in_use: int = 0  # of the first set, when admitted
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    described: bool = True
    doubtful: bool = False  # the reply to an acquire was lost: Redis may or may not hold the lease
    call: "asyncio.Task[list[Any]] | None" = None
    fence: asyncio.TimerHandle | None = None

    def check(self) -> None:
        """Raise SlotLostError if the slot is lost. Asked before each frame: after a long pause no timer has run yet."""
        if self.lost.is_set() or time.monotonic() >= self.fence_at:
            raise SlotLostError

    def progressed(self, seconds: float) -> None:
        """Renew the lease for `seconds` from now, whatever becomes of the viewing; then it lapses by itself."""
        self.progress_until = time.monotonic() + seconds
