"""One client's RTSP connection (RFC 2326). Lives on the loop; nothing in it waits."""

import asyncio
import re
import secrets
import socket
import time
from collections import deque
from collections.abc import Mapping
from typing import cast

from .authentication import Authentication
from .broadcast import Broadcast
from .encoder import AccessUnit
from .faults import DROP_SECONDS, Fault
from .messages import MalformedRequest, Request, RequestReader, Response
from .pace import to_ticks
from .sdp import TRACK
from .sender import KERNEL_BUFFER, LARGEST_BACKLOG, Sender

METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN")
SESSION_TIMEOUT = 60
"""Seconds, as announced; a simulator does not enforce it."""

MOST_HELD = 64
"""Requests kept for later while a fault forbids an answer."""


class Connection(asyncio.Protocol):
    """Belongs to the camera that its first request names."""

    def __init__(self, broadcasts: Mapping[str, Broadcast], opened: set["Connection"]) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self._broadcasts = broadcasts
        self._opened = opened
        self._reader = RequestReader()
        self._held: deque[Request] = deque(maxlen=MOST_HELD)
        self._broadcast: Broadcast | None = None
        self._authentication = Authentication("", "")
        self._session = secrets.token_hex(8)
        self._sender: Sender | None = None
        self._described = False
        self._playing = False
        self._drop_timer: asyncio.TimerHandle | None = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=LARGEST_BACKLOG)
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
        self._stop()
        self._opened.discard(self)
        if self._broadcast:
            self._broadcast.leave(self)
        self.lost.set_result(None)

    def pause_writing(self) -> None:
        if self._sender:
            self._sender.mark_full()

    def resume_writing(self) -> None:
        if self._sender:
            self._sender.mark_free()

    # What the camera calls.

    @property
    def is_set_up(self) -> bool:
        return self._sender is not None

    @property
    def is_playing(self) -> bool:
        return self._playing

    def deliver(self, unit: AccessUnit) -> None:
        if self._sender and self._playing:
            self._sender.send(unit, self._fault)

    def apply_fault(self, fault: Fault) -> None:
        if fault in (Fault.REFUSE, Fault.UNAUTHORIZED):
            self.cut()
            return
        if self._sender:
            self._sender.restart()
        self._plan_drop()
        self._answer_held()

    def cut(self) -> None:
        """Close at once, unsent data or not."""
        self._transport.abort()

    # Requests.

    @property
    def _fault(self) -> Fault:
        return self._broadcast.camera.fault if self._broadcast else Fault.NONE

    def _answer_held(self) -> None:
        while self._held and not self._transport.is_closing():
            self._find_camera(self._held[0])
            if self._fault is Fault.SILENT or (self._sender and self._sender.is_inside_packet):
                return
            if self._fault is Fault.REFUSE:
                self.cut()
                return
            request = self._held.popleft()
            self._transport.write(self._answer(request).encode(request.headers.get("cseq", "0")))

    def _find_camera(self, request: Request) -> None:
        if self._broadcast is None and (broadcast := self._broadcasts.get(request.path)):
            self._broadcast = broadcast
            self._authentication = Authentication(broadcast.camera.username, broadcast.camera.password)
            broadcast.join(self)

    def _answer(self, request: Request) -> Response:
        if request.method not in METHODS:
            return Response(501)
        if request.method == "OPTIONS":
            return Response(headers=(("Public", ", ".join(METHODS)),))
        if self._broadcast is None or request.path != self._broadcast.camera.path:
            return Response(404)
        if not self._allows(request):
            return Response(401, self._authentication.challenges)
        return self._answer_method(self._broadcast, request)

    def _allows(self, request: Request) -> bool:
        if self._fault is Fault.UNAUTHORIZED:
            return False
        return self._authentication.allows(request.method, request.headers.get("authorization", ""))

    def _answer_method(self, broadcast: Broadcast, request: Request) -> Response:
        match request.method:
            case "DESCRIBE":
                return self._describe(broadcast)
            case "SETUP":
                return self._set_up(request)
            case "GET_PARAMETER" | "SET_PARAMETER":
                return Response(headers=self._session_header)
        if self._sender is None:
            return Response(455)
        if not request.headers.get("session", "").startswith(self._session):
            return Response(454)
        match request.method:
            case "PLAY":
                return self._play(broadcast, self._sender)
            case "PAUSE":
                return self._pause(broadcast)
        return self._tear_down(broadcast)

    def _describe(self, broadcast: Broadcast) -> Response:
        if not self._described:
            self._described = True
            broadcast.connections_total += 1
        headers = (("Content-Type", "application/sdp"), ("Content-Base", f"{broadcast.url}/"))
        return Response(200, headers, broadcast.description)

    def _set_up(self, request: Request) -> Response:
        if self._sender:
            return Response(455)
        channel = _interleaved_channel(request.headers.get("transport", ""))
        if channel is None:
            return Response(461)
        self._sender = Sender(self._transport, channel)
        ssrc = f"{self._sender.rtp.ssrc:08X}"
        transport = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1};ssrc={ssrc}"
        return Response(headers=(("Transport", transport), *self._session_header))

    def _play(self, broadcast: Broadcast, sender: Sender) -> Response:
        self._playing = True
        sender.restart()
        self._plan_drop()
        broadcast.play()
        started = sender.rtp.timestamp(to_ticks(time.monotonic()))
        info = f"url={broadcast.url}/{TRACK};seq={sender.rtp.sequence};rtptime={started}"
        return Response(headers=(*self._session_header, ("Range", "npt=now-"), ("RTP-Info", info)))

    def _pause(self, broadcast: Broadcast) -> Response:
        self._playing = False
        self._plan_drop()
        broadcast.update()
        return Response(headers=self._session_header)

    def _tear_down(self, broadcast: Broadcast) -> Response:
        self._stop()
        broadcast.update()
        return Response(headers=self._session_header)

    @property
    def _session_header(self) -> tuple[tuple[str, str], ...]:
        return (("Session", f"{self._session};timeout={SESSION_TIMEOUT}"),) if self._sender else ()

    def _stop(self) -> None:
        self._playing = False
        self._plan_drop()
        if self._sender:
            self._sender.close()
            self._sender = None

    def _plan_drop(self) -> None:
        """Close the connection later if the camera drops those that play."""
        if self._drop_timer:
            self._drop_timer.cancel()
            self._drop_timer = None
        if self._playing and self._fault is Fault.DROP:
            self._drop_timer = asyncio.get_running_loop().call_later(DROP_SECONDS, self.cut)


def _interleaved_channel(transport: str) -> int | None:
    """The first of the client's channels in a Transport header; None where it offers no RTP over TCP."""
    for offer in transport.split(","):
        if "RTP/AVP/TCP" in offer:
            channels = re.search(r"interleaved=(\d{1,3})", offer)
            channel = int(channels[1]) if channels else 0
            return channel if channel < 255 else None
    return None
