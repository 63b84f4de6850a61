"""The state of a camera's connection, as viewers, pages and metrics see it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a camera stands, in the order in which it gets there."""

    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"


@dataclass(frozen=True)
class Condition:
    """A camera's state, since when (time.monotonic()), and how many openings in a row failed, the last for `cause`."""

    state: State
    since: float
    failures: int = 0
    cause: str = ""
