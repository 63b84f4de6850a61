"""The state of a camera's connection, as viewers, pages and metrics see it."""

from dataclasses import dataclass
from enum import StrEnum

FAILED_OPENINGS = 2  # in a row, after which a new viewer is not kept waiting


class State(StrEnum):
    """The states of a camera's connection, in their usual order."""

    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"


@dataclass(frozen=True)
class Condition:
    """A camera's state at one moment."""

    state: State
    since: float  # time.monotonic()
    failures: int = 0  # openings in a row that failed
    cause: str = ""  # of the last failure
