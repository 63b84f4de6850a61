"""A simulated camera: its settings, and controls to change it while it runs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from .coding.repetition import Repetition
from .picture.scenes import SCENES
from .server.faults import Fault
from .stream import Codec, check_format

TRANSPORTS = ("rtsp", "http")
PROFILES = ("", "baseline", "main", "high")
MAX_B_FRAMES = 16
"""Of H.264, in a row: libx264's limit."""

DEFAULT_SIZE = (1280, 720)
MIN_SIDE = 64


class Controls(Protocol):
    """Operations of a running simulator on one of its cameras. SimulatedCamera forwards its calls to them.

    Callable from any thread except the simulator's event-loop thread.
    """

    @property
    def url(self) -> str: ...
    @property
    def connections(self) -> int: ...
    @property
    def connections_total(self) -> int: ...
    def apply_fault(self, fault: Fault) -> None: ...
    def drop_connections(self) -> None: ...
    def resize(self, width: int, height: int) -> None: ...
    def change_codec(self, codec: Codec, width: int, height: int) -> None: ...


class NotOnAir(RuntimeError):
    """No simulator has the camera: it has not been added, or it was removed."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(eq=False)
class SimulatedCamera:
    """Settings of one simulated camera. A Simulator reads them when the camera is added: do not change them afterwards.

    `fault` (the Fault to imitate) can be set at any time. It and the methods act at once. The simulator keeps `width`,
    `height` and `codec` at those of the running stream. The constructor raises ValueError for a path with other
    characters than A-Z, a-z, 0-9, - and _, a number out of range, an unknown choice, and settings that exclude each
    other.
    """

    name: str  # in a drawn scene's caption; the title of the RTSP stream
    path: str  # of the URL; unique in a simulator
    width: int = 0  # pixels, even, at least 64; 0: the file's width, or 1280
    height: int = 0  # the same; 0: the file's height, or 720; with a file, both sides are 0 or neither is
    fps: int = 25  # frames per second of a drawn scene; not used with a file
    gop_seconds: float = 1.0  # between keyframes
    bit_rate: int = 2_000_000  # bits per second; not used by MJPEG
    username: str = ""  # empty: no authentication
    password: str = field(default="", repr=False)
    file: Path | str | None = None  # play this clip in a loop instead of a drawn scene
    idr_on_play: bool = True  # send a keyframe at each PLAY; not in streams without IDR
    scene: str = ""  # "front-door", "car-park", "loading-dock", "garden"; empty: chosen by the path
    codec: str = "h264"  # or "h265", "mjpeg"
    transport: str = "rtsp"  # or "http", which sends "mjpeg" instead of "h264" and cannot send "h265"
    profile: str = ""  # of H.264: "baseline", "main", "high"; empty: baseline, or high with B-frames
    b_frames: int = 0  # of H.264: B-frames in a row, 0 to 16
    slices: int = 1  # of H.264: slices per picture, at most one per 16 rows
    repeat_parameter_sets: str = "keyframe"  # or "slice", "none", "once": see Repetition
    intra_refresh: bool = False  # of H.264: one IDR for the first client, then recovery points only
    open_gop: bool = False  # of H.264: one IDR for the first client, then I-frames with leading B-frames (2 by default)
    truncate_every: int = 0  # truncate every n-th picture except keyframes; of MJPEG, every n-th picture; 0: none
    lose_every: int = 0  # the same, but drop the picture, with a gap in the sequence numbers
    _fault: Fault = field(default=Fault.NONE, init=False, repr=False)
    _controls: Controls | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.path):
            raise ValueError(f"A camera's path is a slug, not {self.path!r}")
        if self.fps <= 0 or self.gop_seconds <= 0 or self.bit_rate <= 0:
            raise ValueError("fps, gop_seconds and bit_rate are positive")
        if self.transport == "http" and self.codec == Codec.H264:
            self.codec = Codec.MJPEG.value
        if self.open_gop:
            self.b_frames = self.b_frames or 2
        if self.file is None:
            self.width = self.width or DEFAULT_SIZE[0]
            self.height = self.height or DEFAULT_SIZE[1]
        for error in self._errors():
            raise ValueError(error)
        if self.width or self.height:
            check_size(self.width, self.height)
            check_format(Codec(self.codec), self.transport, self.slices, self.width, self.height)

    @property
    def url(self) -> str:
        """Returns rtsp:// or http://host:port/path, no credentials. Raises NotOnAir if no simulator has the camera."""
        return self._on_air().url

    @property
    def connections(self) -> int:
        """Returns the number of open client connections that are set up (by RTSP SETUP or HTTP GET), playing or not.

        Returns 0 if no simulator has the camera.
        """
        return self._controls.connections if self._controls else 0

    @property
    def connections_total(self) -> int:
        """Returns how many connections sent an authorized DESCRIBE (RTSP) or GET (HTTP) since the camera was added.

        Returns 0 if no simulator has the camera.
        """
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
        """Close all client connections to this camera. New ones are accepted.

        Raises NotOnAir if no simulator has the camera.
        """
        self._on_air().drop_connections()

    def resize(self, width: int, height: int) -> None:
        """Change the size, in pixels, of the running stream. The next frame is a keyframe.

        A clip is scaled, and starts again. With repeat_parameter_sets="none" all connections are closed, because
        clients could not decode the new size. Raises ValueError for a size that the camera cannot have (see check_size
        and stream.check_format), and NotOnAir if no simulator has the camera.
        """
        check_size(width, height)
        replace(self, width=width, height=height)  # raises ValueError
        self._on_air().resize(width, height)

    def change_codec(self, codec: str, width: int = 0, height: int = 0) -> None:
        """Close all connections and restart with this codec: "h264", "h265" or "mjpeg".

        `width` and `height` are pixels; 0 keeps the current one. Raises ValueError if the camera cannot have this codec
        or size, and NotOnAir if no simulator has the camera.
        """
        width, height = width or self.width, height or self.height
        check_size(width, height)
        if replace(self, codec=codec, width=width, height=height).codec != codec:  # raises ValueError
            raise ValueError(f"A camera over HTTP sends mjpeg, not {codec}")
        self._on_air().change_codec(Codec(codec), width, height)

    def attach(self, controls: Controls | None) -> None:
        """Set the simulator's operations on this camera, or remove them with None. Called by the simulator."""
        self._controls = controls

    def _errors(self) -> Iterator[str]:
        """Yields a message for each invalid or conflicting setting. Does not check path, size and rates."""
        for name, known in (
            ("codec", tuple(Codec)),
            ("transport", TRANSPORTS),
            ("repeat_parameter_sets", tuple(Repetition)),
            ("profile", PROFILES),
            ("scene", ("", *SCENES)),
        ):
            if getattr(self, name) not in known:
                yield f"{name} is one of {', '.join(map(repr, map(str, known)))}, not {getattr(self, name)!r}"
        if self.transport == "http" and self.codec != Codec.MJPEG:
            yield f"A camera over HTTP sends mjpeg, not {self.codec}"
        if not 0 <= self.b_frames <= MAX_B_FRAMES or self.slices < 1:
            yield f"b_frames is 0 to {MAX_B_FRAMES}, slices at least 1"
        if self.truncate_every < 0 or self.lose_every < 0:
            yield "truncate_every and lose_every are 0 or more"
        if self.codec == Codec.H264:
            yield from self._errors_of_h264()
        else:
            yield from self._errors_of_other_codecs()

    def _errors_of_h264(self) -> Iterator[str]:
        if self.profile == "baseline" and self.b_frames:
            yield "The baseline profile has no B-frames"
        if self.intra_refresh and self.open_gop:
            yield "intra_refresh and open_gop exclude each other"
        if self.repeat_parameter_sets == Repetition.SLICE and self.slices < 2:
            yield "repeat_parameter_sets='slice' needs slices=2 or more"

    def _errors_of_other_codecs(self) -> Iterator[str]:
        for name in ("b_frames", "intra_refresh", "open_gop", "profile"):
            if getattr(self, name):
                yield f"{name} is for h264, not for {self.codec}"
        if self.slices > 1:
            yield f"slices is for h264, not for {self.codec}"
        if self.repeat_parameter_sets == Repetition.SLICE:
            yield f"repeat_parameter_sets='slice' is for h264, not for {self.codec}"
        if self.codec == Codec.MJPEG and self.repeat_parameter_sets != Repetition.KEYFRAME:
            yield "mjpeg has no parameter sets to repeat"

    def _on_air(self) -> Controls:
        if self._controls is None:
            raise NotOnAir
        return self._controls


def check_size(width: int, height: int) -> None:
    """Raises ValueError unless both sides, in pixels, are even and at least 64.

    4:2:0 video needs even sides. 64 pixels leave room for the clock strip: the time as 32 blocks along the top.
    """
    if width % 2 or height % 2 or min(width, height) < MIN_SIDE:
        raise ValueError(f"Width and height are even and at least {MIN_SIDE}, not {width}x{height}")
