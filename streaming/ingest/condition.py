"""The state of a camera's connection, as viewers, pages and metrics see it, and the kinds of failures."""

from dataclasses import dataclass
from enum import StrEnum

FAILED_OPENINGS = 2  # in a row, after which a new viewer is not kept waiting


class State(StrEnum):
    """The states of a camera's connection, in their usual order."""

    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"


class Problem(StrEnum):
    """The kinds of failures to open or read a camera, as administrators see them."""

    UNREACHABLE = "unreachable"  # nothing answers, or the address is not allowed
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - no password
    NO_SUCH_PATH = "no_such_path"
    NO_PICTURE = "no_picture"  # it answers, but there is no picture


@dataclass(frozen=True)
class Failure:
    """Why a camera could not be opened, or was lost. Neither text contains a secret."""

    cause: str  # for viewers
    reason: str  # for administrators
    problem: Problem


UNREADABLE = Failure(
    "The camera's pictures cannot be read.",
    "The camera's pictures cannot be read. The server's log tells why.",
    Problem.NO_PICTURE,
)


@dataclass(frozen=True)
class VideoFacts:
    """Codec, size in pixels and frame rate of an open camera's video."""

    codec: str  # FFmpeg's name
    width: int
    height: int
    frames_per_second: float  # as announced; 0: it announces none


@dataclass(frozen=True)
class Condition:
    """The state of a camera's connection from one moment on, and the failure that led to it, if any."""

    state: State
    since: float  # time.monotonic()
    failures: int = 0  # openings in a row that failed
    cause: str = ""  # of the last failure, for viewers
    reason: str = ""  # the same for administrators
    problem: Problem | None = None  # its kind; None: there is no failure, or another worker reads the camera
