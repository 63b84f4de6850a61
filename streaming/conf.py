"""The settings of streaming, with name, default, unit and bounds, and the timings that are derived from them.

`nvr/settings.py` reads them from the environment with `read()`. The application uses `value`, which reads Django's
settings each time, so that a test can override a setting.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class Number:
    """A setting that is a number from `minimum` to `maximum`; a whole number unless `fraction`. `name`: of the
    environment variable, and in Django's settings.
    """

    name: str
    default: float
    unit: str
    minimum: float
    maximum: float
    fraction: bool = False

    @property
    def value(self) -> float:
        return self.parse(getattr(settings, self.name, self.default))

    def read(self, environment: Mapping[str, str]) -> float:
        return self.parse(environment.get(self.name, "").strip() or self.default)

    def parse(self, given: object) -> float:
        """Returns `given` as a number. If it is not valid, raises ImproperlyConfigured with the name of the setting,
        the value and the valid values.
        """
        try:
            number = float(str(given)) if self.fraction else int(str(given))
        except ValueError:
            number = math.nan
        if not self.minimum <= number <= self.maximum:
            kind = "number" if self.fraction else "whole number"
            raise ImproperlyConfigured(
                f"{self.name}={given} is not valid: it must be a {kind} of {self.unit} "
                f"from {self.minimum} to {self.maximum}, for example {self.default}."
            )
        return number


@dataclass(frozen=True)
class Choice:
    """A setting that is one word of `choices`. `name`: of the environment variable, and in Django's settings."""

    name: str
    default: str
    choices: tuple[str, ...]

    @property
    def value(self) -> str:
        return self.parse(getattr(settings, self.name, self.default))

    def read(self, environment: Mapping[str, str]) -> str:
        return self.parse(environment.get(self.name, "").strip() or self.default)

    def parse(self, given: str) -> str:
        if given not in self.choices:
            raise ImproperlyConfigured(
                f"{self.name}={given} is not valid: it must be one of {', '.join(self.choices)}."
            )
        return given


MAX_CONCURRENT: Number = Number("STREAM_MAX_CONCURRENT", 10, "streams", 1, 100_000)
DEFAULT_QUALITY: Choice = Choice("STREAM_DEFAULT_QUALITY", "medium", ("low", "medium", "high"))
LEASE: Number = Number("STREAM_LEASE_SECONDS", 15, "seconds", 1, 300, fraction=True)
FIRST_FRAME: Number = Number("STREAM_FIRST_FRAME_SECONDS", 10, "seconds", 1, 120, fraction=True)
READ_TIMEOUT: Number = Number("STREAM_READ_TIMEOUT_SECONDS", 5, "seconds", 0.5, 60, fraction=True)
RECONNECT: Number = Number("STREAM_RECONNECT_SECONDS", 30, "seconds", 1, 600, fraction=True)
MAX_PICTURE: Number = Number("STREAM_MAX_PICTURE_MB", 8, "MB", 1, 64, fraction=True)
MAX_CAMERAS: Number = Number("STREAM_MAX_CAMERAS_PER_WORKER", 32, "cameras", 1, 1_000)

SHARE_CAMERAS: Choice = Choice("STREAM_SHARE_CAMERAS", "on", ("on", "off"))

MAX_MBPS: Number = Number("STREAM_MAX_MBPS", 0, "Mbit/s (0: unlimited)", 0, 1_000_000, fraction=True)
MAX_PER_CAMERA: Number = Number("STREAM_MAX_PER_CAMERA", 0, "streams (0: unlimited)", 0, 100_000)
MAX_PER_USER: Number = Number("STREAM_MAX_PER_USER", 0, "streams (0: unlimited)", 0, 100_000)
MAX_PER_ADDRESS: Number = Number("STREAM_MAX_PER_ADDRESS", 1_000, "streams", 1, 100_000)
STILL: Number = Number("STREAM_STILL_SECONDS", 2, "seconds", 1, 60, fraction=True)
STILLS_PER_USER: Number = Number("STREAM_STILLS_PER_USER", 30, "stills a second", 1, 10_000)
WAIT_MAX: Number = Number("STREAM_WAIT_MAX", 100, "viewers in line (0: no line)", 0, 100_000)
WAIT: Number = Number("STREAM_WAIT_SECONDS", 600, "seconds", 1, 86_400)
RESUME: Number = Number("STREAM_RESUME_SECONDS", 5, "seconds (0: never)", 0, 60, fraction=True)
IDLE: Number = Number("STREAM_IDLE_MINUTES", 30, "minutes (0: never)", 0, 10_000, fraction=True)
PREEMPT: Choice = Choice("STREAM_PREEMPT", "off", ("on", "off"))
WALL_YIELDS: Choice = Choice("STREAM_WALL_YIELDS", "on", ("on", "off"))
CHECK: Number = Number("STREAM_CHECK_MINUTES", 15, "minutes (0: never)", 0, 1_440, fraction=True)
MAX_HANDSHAKES: Number = Number("STREAM_MAX_HANDSHAKES", 1_000, "handshakes in progress per worker", 1, 100_000)

ALL: tuple[Number | Choice, ...] = (
    MAX_CONCURRENT,
    DEFAULT_QUALITY,
    LEASE,
    FIRST_FRAME,
    READ_TIMEOUT,
    RECONNECT,
    MAX_PICTURE,
    MAX_CAMERAS,
    SHARE_CAMERAS,
    MAX_MBPS,
    MAX_PER_CAMERA,
    MAX_PER_USER,
    MAX_PER_ADDRESS,
    STILL,
    STILLS_PER_USER,
    MAX_HANDSHAKES,
    WAIT_MAX,
    WAIT,
    RESUME,
    IDLE,
    WALL_YIELDS,
    PREEMPT,
    CHECK,
)


@dataclass(frozen=True)
class Timing:
    """The timings of a lease, with which a viewer holds a slot (the right to stream), in seconds. The worker renews
    it at least every `heartbeat` seconds. Without a renewal, the stream ends after `fence`, and the lease expires
    after `lease`. So a holder gives up before another viewer can take the slot.

    A Redis that may have lost leases admits only viewers who held a slot before, for `grace` seconds. The grace has
    the length of the fence: at its end, each of these viewers is admitted again, or their stream has ended.

    `resume`: how long after a lost or closed connection a viewer may take back their slot, or get a place in the
    waiting line again.
    """

    lease: float
    resume: float = 0.0  # for so long a viewer may take back a slot or a place in the line; 0: not after its release

    @property
    def heartbeat(self) -> float:
        return self.lease / 3

    @property
    def fence(self) -> float:
        return self.lease * 0.8

    @property
    def grace(self) -> float:
        return self.fence


def timing() -> Timing:
    return Timing(lease=LEASE.value, resume=RESUME.value)


# kbit/s that a stream counts with until its camera and quality were measured; high enough for busy scenes.
ESTIMATES = {
    "low": 1_500,
    "medium": 7_000,
    "high": 24_000,
    "original": 24_000,  # as JPEG
    "h264": 4_000,  # `original` as it is
    "sub": 6_000,
    "sub_h264": 1_000,
}

STALL = 10.0  # seconds without an acknowledgement, or without progress of a handler, that end a stream
LINGER = 5.0  # seconds that a camera stays open after its last viewer left
DATABASE = 4.5  # seconds for the database queries of a handshake
RECHECK = 10.0  # seconds between two checks of a running stream: its session, permission, block, camera and limits
