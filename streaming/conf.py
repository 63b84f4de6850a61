"""The settings of streaming: name, default, unit and bounds of each in one line, and the timings that follow from them.

`nvr/settings.py` reads them from the environment with `read()`; the application asks `value`, which looks at Django's
settings each time, so a test may override one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class Number:
    """A number between two bounds; whole unless `fraction`."""

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
        """Return `given` as a number, or raise ImproperlyConfigured with the name, the value and what would be right."""
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
    """One word of several."""

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

MAX_MBPS: Number = Number("STREAM_MAX_MBPS", 0, "Mbit/s, 0 for none,", 0, 1_000_000, fraction=True)
MAX_PER_CAMERA: Number = Number("STREAM_MAX_PER_CAMERA", 0, "streams, 0 for none,", 0, 100_000)
MAX_PER_USER: Number = Number("STREAM_MAX_PER_USER", 0, "streams, 0 for none,", 0, 100_000)
MAX_PER_ADDRESS: Number = Number("STREAM_MAX_PER_ADDRESS", 1_000, "streams", 1, 100_000)
STILL: Number = Number("STREAM_STILL_SECONDS", 2, "seconds", 1, 60, fraction=True)
STILLS_PER_USER: Number = Number("STREAM_STILLS_PER_USER", 30, "stills in a second", 1, 10_000)
MAX_HANDSHAKES: Number = Number("STREAM_MAX_HANDSHAKES", 1_000, "handshakes in progress at a worker", 1, 100_000)

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
)


@dataclass(frozen=True)
class Timing:
    """When a lease is renewed, given up and free, all in seconds and all derived from the lease.

    A holder gives up (`fence`) before the others may take over (`lease`). `grace` is how long an empty Redis admits
    holders only: one fence, after which every stream of before has either re-entered or ended.
    """

    lease: float

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
    return Timing(lease=LEASE.value)


# kbit/s that a stream is expected to take before one of its camera and quality was measured: busy scenes, generously.
ESTIMATES = {"low": 1_500, "medium": 7_000, "high": 24_000, "original": 24_000, "h264": 4_000}

STALL = 10.0  # seconds a viewer may leave frames unacknowledged, and a handler may go without progress
LINGER = 5.0  # seconds a camera stays open after its last viewer left
DATABASE = 4.5  # seconds in which a handshake hears of its session and camera
RECHECK = 10.0  # seconds between two looks at session, permission and camera of a running stream
