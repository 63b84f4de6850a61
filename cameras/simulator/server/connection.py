"""One client's connection to the simulator, RTSP or HTTP. Runs on the event loop and never blocks."""

import asyncio
import socket
from collections import deque
from collections.abc import Mapping
from typing import Protocol, cast

from ..stream import AccessUnit
from .broadcast import Broadcast
from .faults import Fault
from .messages import MalformedRequest, Request, RequestReader, Response
from .mjpeg_http import HttpDialogue
from .playback import Playback
from .rtsp import RtspDialogue
from .sender import KERNEL_BUFFER, MAX_BACKLOG

MAX_HELD = 64
"""Requests that are kept while a fault prevents answers. With more, the oldest are lost."""


class Dialogue(Protocol):
    """Answers the requests of one connection with encoded responses, in RTSP or in HTTP.

    The argument `playback` of `answer` sends the camera's stream on this connection. It is None until a request names a
    camera of its protocol.
    """

    def answer(self, request: Request, playback: Playback | None) -> bytes: ...


class Connection(asyncio.Protocol):
    """A client's connection, which belongs to the first camera of its protocol that its requests name.

    Over RTSP, its requests for another camera get 404. It delays its answers, or closes, as the camera's fault demands.
    `broadcasts` are the running cameras by path. The connection is in the set `opened` while it is open; `lost` is a
    future that is done afterwards.
    """

    def __init__(self, broadcasts: Mapping[str, Broadcast], opened: set["Connection"]) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self._broadcasts = broadcasts
        self._opened = opened
        self._reader = RequestReader()
        self._held: deque[Request] = deque(maxlen=MAX_HELD)
        self._dialogue: Dialogue | None = None
        self._playback: Playback | None = None

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=MAX_BACKLOG)
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)
        self._opened.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._held.extend(self._reader.feed(data))
        except MalformedRequest:
            self._transport.write(Response(400).encode("0"))
            self._transport.close()
        self._answer_held()

    def connection_lost(self, exc: Exception | None) -> None:
        self._opened.discard(self)
        if self._playback:
            self._playback.stop()
            self._playback.broadcast.leave(self)
        self.lost.set_result(None)

    def pause_writing(self) -> None:
        if self._playback and self._playback.sender:
            self._playback.sender.mark_full()

    def resume_writing(self) -> None:
        if self._playback and self._playback.sender:
            self._playback.sender.mark_free()

    # Called by the camera.

    @property
    def is_set_up(self) -> bool:
        return self._playback is not None and self._playback.is_set_up

    @property
    def is_playing(self) -> bool:
        return self._playback is not None and self._playback.is_playing

    def deliver(self, unit: AccessUnit) -> None:
        if self._playback:
            self._playback.deliver(unit)

    def apply_fault(self, fault: Fault) -> None:
        if fault in (Fault.REFUSE, Fault.UNAUTHORIZED):
            self.cut()
            return
        if self._playback:
            self._playback.apply_fault()
        self._answer_held()

    def cut(self) -> None:
        """Close the connection at once and discard unsent data."""
        self._transport.abort()

    # Requests.

    def _answer_held(self) -> None:
        while self._held and not self._transport.is_closing():
            playback = self._find_camera(self._held[0])
            if playback and _is_mute(playback):
                return
            if playback and playback.fault is Fault.REFUSE:
                self.cut()
                return
            self._answer(self._held.popleft())

    def _find_camera(self, request: Request) -> Playback | None:
        broadcast = self._broadcasts.get(request.path)
        if self._playback is None and broadcast and broadcast.camera.transport == request.protocol:
            self._playback = Playback(self._transport, broadcast)
            broadcast.join(self)
        return self._playback

    def _answer(self, request: Request) -> None:
        if self._dialogue is None:
            self._dialogue = HttpDialogue() if request.protocol == "http" else RtspDialogue()
        self._transport.write(self._dialogue.answer(request, self._playback))
        if request.protocol == "http" and not self.is_set_up:
            self._transport.close()


def _is_mute(playback: Playback) -> bool:
    """Returns whether requests must wait, because of Fault.SILENT or because a media packet is partly written."""
    return playback.fault is Fault.SILENT or (playback.sender is not None and playback.sender.is_inside_packet)
