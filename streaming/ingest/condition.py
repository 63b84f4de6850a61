"""The state of a camera's connection, as viewers, pages and metrics see it, and the kinds of failures."""

from dataclasses import dataclass
from enum import StrEnum

FAILED_OPENINGS = 2  # in a row, after which a new viewer is not kept waiting


class State(StrEnum):
    """The states of a camera's connection, in their usual order."""

    CONNECTING = "connecting"  # no picture has come yet
    LIVE = "live"
    RECONNECTING = "reconnecting"  # it was live, and is lost; it is opened again


class Problem(StrEnum):
    """The kinds of failures to open or read a camera, as the list of cameras and the metrics show them.

    The values are also those of `CameraHealth.State` in the database. WRONG_PASSWORD: the camera refuses the user name
    or the password, or wants them and has none stored.
    """

    UNREACHABLE = "unreachable"  # no connection or no answer, or the address is not allowed
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - no password
    NO_SUCH_PATH = "no_such_path"
    NO_PICTURE = "no_picture"  # any other failure: it answers, but there is no picture


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
    frames_per_second: float  # as announced, or as measured if that differs much; 0: not known


@dataclass(frozen=True)
class Condition:
    """The state of a camera's connection from one moment on, and the failure that led to it, if any."""

    state: State
    since: float  # time.monotonic()
    failures: int = 0  # in a row: the loss of the camera, and each opening that failed
    cause: str = ""  # of the last failure, for viewers
    reason: str = ""  # the same for administrators
    problem: Problem | None = None  # its kind; None: there is no failure, or another worker reads the camera
