"""The viewer of a stream: how to reach them, what they asked for, and how long to wait for them and for the camera."""

from dataclasses import dataclass
from typing import Protocol

from cameras.sources import CameraSource
from streaming import conf
from streaming.gate.leases import PLAIN, Asking, Holder, Slot
from streaming.ingest.frames import JPEG_ONLY, Format
from streaming.ingest.streams import Streams
from streaming.viewing.fast_path import FastPath


class Viewer(Protocol):
    """A viewer's connection, over which a stream sends them JSON messages and frames."""

    @property
    def fast_path(self) -> FastPath | None:
        """The viewer's WebSocket, as an object that sends frames past ASGI. None: there is none, and each frame goes
        through `send_frame`.
        """

    async def send_message(self, message: dict[str, object]) -> None: ...
    async def send_frame(self, header: bytes, payload: bytes) -> None: ...
    def admitted(self, slot: Slot) -> None:
        """Called once, when the viewer has got `slot`, one of the limited concurrent streams. May do nothing: `Viewing`
        keeps the slot and tells the viewer.
        """


@dataclass(frozen=True)
class ViewRequest:
    """One viewer's request for one camera. `source`: address and credentials of its main stream; `sub`: of its
    substream, None if it has none. `holder`: who asks and for what, as administrators see it, also while the viewer
    waits. `formats`: those that the viewer plays. `id`: of the stream; empty: it gets a new one. `asking`: such as
    whether to wait in line for a slot (the right to stream). `wanted`: the requested quality; empty: that of
    `holder`, which has the served one, such as "low" if "sub" is wanted without a usable substream.

    `comes_back`: the client knows how to take back the slot after a lost connection. `unattended`: the viewer is
    never asked whether they are still watching. `keeps_slot`: `WallYields` does not end this stream if it is a
    background one, of a page with many cameras. `sees_reasons`: the viewer is told why a camera cannot be read.
    """

    source: CameraSource
    holder: Holder
    formats: frozenset[Format] = JPEG_ONLY
    id: str = ""
    asking: Asking = PLAIN
    comes_back: bool = False
    unattended: bool = False
    sub: CameraSource | None = None
    wanted: str = ""

    @property
    def streams(self) -> Streams:
        return Streams(self.holder.camera_id, self.source, self.sub)

    keeps_slot: bool = False
    sees_reasons: bool = False


@dataclass(frozen=True)
class ViewerTimeouts:
    """Seconds to wait: `first_frame` for the first frame of a camera, `reconnect` for the return of a lost one, and
    `stall` for a viewer's acknowledgement of frames.
    """

    first_frame: float
    reconnect: float
    stall: float = conf.STALL
