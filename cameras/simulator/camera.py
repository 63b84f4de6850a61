"""A simulated camera: its settings, and the handle that breaks and repairs it while it runs."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from .faults import Fault

DEFAULT_SIZE = (1280, 720)
SMALLEST_SIDE = 64


class Controls(Protocol):
    """What a running simulator does for a camera. Safe from any thread but the simulator's own."""

    @property
    def url(self) -> str: ...
    @property
    def connections(self) -> int: ...
    @property
    def connections_total(self) -> int: ...
    def apply_fault(self, fault: Fault) -> None: ...
    def drop_connections(self) -> None: ...
    def resize(self, width: int, height: int) -> None: ...


class NotOnAir(RuntimeError):
    """The camera has not been added to a simulator."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(eq=False)
class SimulatedCamera:
    """One camera. Settings are read when it is added to a Simulator; the rest acts at once.

    Raises ValueError for a path that is no slug, an impossible size or rate.
    """

    name: str
    path: str
    width: int = 0  # pixels, even; 0: the file's own, or 1280
    height: int = 0  # pixels, even; 0: the file's own, or 720
    fps: int = 25  # a file has its own
    gop_seconds: float = 1.0  # from key frame to key frame
    bit_rate: int = 2_000_000  # bits per second
    username: str = ""  # empty: no authentication
    password: str = field(default="", repr=False)
    file: Path | str | None = None  # loop this clip in place of a drawn scene
    idr_on_play: bool = True  # a key frame for each PLAY, rather than a wait for the next
    scene: str = ""  # a name in scenes.SCENES; empty: one that the path decides
    _fault: Fault = field(default=Fault.NONE, init=False, repr=False)
    _controls: Controls | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.path):
            raise ValueError(f"A camera's path is a slug, not {self.path!r}")
        if self.fps <= 0 or self.gop_seconds <= 0 or self.bit_rate <= 0:
            raise ValueError("fps, gop_seconds and bit_rate are positive")
        if self.file is None:
            self.width = self.width or DEFAULT_SIZE[0]
            self.height = self.height or DEFAULT_SIZE[1]
        if self.width or self.height:
            check_size(self.width, self.height)

    @property
    def url(self) -> str:
        """rtsp://host:port/path, without credentials."""
        return self._on_air().url

    @property
    def connections(self) -> int:
        """Connections set up or playing now."""
        return self._controls.connections if self._controls else 0

    @property
    def connections_total(self) -> int:
        """Connections that have asked for a description since the camera was added."""
        return self._controls.connections_total if self._controls else 0

    @property
    def fault(self) -> Fault:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        self._fault = Fault(fault)
        if self._controls:
            self._controls.apply_fault(self._fault)

    def drop_connections(self) -> None:
        """Close every open connection now; new ones are welcome."""
        self._on_air().drop_connections()

    def resize(self, width: int, height: int) -> None:
        """Change the size of the running stream, pixels; the next frame is a key frame of that size."""
        check_size(width, height)
        self._on_air().resize(width, height)

    def attach(self, controls: Controls | None) -> None:
        """For the simulator: hand the camera its controls, or take them away."""
        self._controls = controls

    def _on_air(self) -> Controls:
        if self._controls is None:
            raise NotOnAir
        return self._controls


def check_size(width: int, height: int) -> None:
    """Raise ValueError for a size that 4:2:0 video or the clock strip cannot have."""
    if width % 2 or height % 2 or min(width, height) < SMALLEST_SIDE:
        raise ValueError(f"Width and height are even and at least {SMALLEST_SIDE}, not {width}x{height}")
