"""The viewer of a stream: how to reach them, what they asked for, and how long to wait for them."""

from dataclasses import dataclass
from typing import Protocol

from cameras.sources import CameraSource
from streaming import conf
from streaming.gate.leases import PLAIN, Asking, Holder, Slot
from streaming.ingest.frames import JPEG_ONLY, Format
from streaming.ingest.streams import Streams
from streaming.viewing.fast_path import FastPath


class Viewer(Protocol):
    """A viewer's connection."""

    @property
    def fast_path(self) -> FastPath | None:
        """The fast path to the viewer's socket. None: each frame goes through `send_frame`."""

    async def send_message(self, message: dict[str, object]) -> None: ...
    async def send_frame(self, header: bytes, payload: bytes) -> None: ...
    def admitted(self, slot: Slot) -> None:
        """The viewer has a slot now."""


@dataclass(frozen=True)
class ViewRequest:
    """One viewer's request for one camera. `formats` are those that the viewer plays; an empty `id` gets a new one.
    `sub`: the camera's substream; `wanted`: the requested quality, if it is not the holder's.
    `comes_back`: the viewer knows how to take back the slot after a lost connection. `unattended`: they are never asked
    whether they are still watching."""

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


@dataclass(frozen=True)
class ViewerTimeouts:
    """Seconds to wait for the first frame, for a lost camera, and for an acknowledgement."""

    first_frame: float
    reconnect: float
    stall: float = conf.STALL
