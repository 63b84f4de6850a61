"""Daphne's WebSocket with two short cuts, for what makes up nearly all traffic: more than half of what a frame costs a
viewer (docs/design.md). The application finds them in its scope (`viewing/fast_path.py`). Whatever is not plain and simple
goes the way of the libraries, and so does everything under versions of theirs that no longer have the attributes that tell.

Out: Daphne and autobahn pass a message on through five calls and copy it behind its header, and Twisted keeps it until its
reactor finds the socket writable, which it nearly always is: two system calls for epoll and a turn of the loop for each
message. Here header and message are handed to the socket at once, and Twisted gets what the socket does not take.
In: autobahn takes a message apart in two rounds, each with hooks and validators, formats a line for a log that nobody
reads, and Daphne puts it into a queue, for which the application's task is woken. Here an acknowledgement, one masked frame
of ASCII text that came alone, is unmasked and handed on.
"""

import time
from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Any

from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import tcp, unix

from streaming.viewing.fast_path import EXTENSION

Scope = dict[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]

PLAIN = (tcp.Server, unix.Server)  # exactly these: their kinds, such as those with TLS, write in another way
UNWRITTEN = attrgetter("TLS", "disconnecting", "dataBuffer", "_tempDataBuffer")  # of Twisted's connection
# Of autobahn's protocol:
UNSENT = attrgetter("send_queue", "_perMessageCompress", "maskServerFrames", "autoFragmentSize")
UNREAD = attrgetter("data", "current_frame", "inside_message", "autoPingTimeoutCall")


class DirectProtocol(WebSocketProtocol):  # type: ignore[misc]
    take_text: Callable[[str], bool] | None = None  # what the application takes without a turn of the loop

    def set_text_handler(self, handler: Callable[[str], bool] | None) -> None:
        self.take_text = handler

    def send_at_once(self, *parts: bytes) -> bool:
        """Send a binary message of these parts, if that is plain and simple; returns whether it was."""
        transport, size = self.transport, sum(map(len, parts))
        if type(transport) not in PLAIN or not _none(UNWRITTEN, transport) or not _none(UNSENT, self):
            return False
        header = frame_header(size)
        try:
            if self.state != self.STATE_OPEN or not transport.connected or 0 < self.maxMessagePayloadSize < size:
                return False
            sent = transport.getHandle().sendmsg((header, *parts))
        except (AttributeError, OSError):  # full, or gone: Twisted meets the same and does what is to be done
            return False
        if sent < len(header) + size:
            transport.write(b"".join((header, *parts))[sent:])
        return True

    def dataReceived(self, data: bytes) -> None:
        text = short_text(data)
        if text is None or self.state != self.STATE_OPEN or not _none(UNREAD, self):
            super().dataReceived(data)
        elif self.take_text is not None and not self.muted and self.take_text(text.decode("ascii")):
            self.last_ping = time.time()  # as with every message, so that no ping is due
        else:
            self.onMessage(text, False)

    def onPing(self, payload: bytes) -> None:
        super().onPing(payload)
        self._tell_of_control_frame()

    def onPong(self, payload: bytes) -> None:
        super().onPong(payload)
        self._tell_of_control_frame()

    def _tell_of_control_frame(self) -> None:
        """ASGI has no event for these; an application that takes texts wants to count them."""
        if self.take_text is not None:
            self.application_queue.put_nowait({"type": "websocket.control.frame"})


def _none(attributes: Callable[[Any], tuple[Any, ...]], owner: object) -> bool:
    """Whether the owner has all these attributes, and each is false, empty or None."""
    try:
        return not any(attributes(owner))
    except AttributeError:
        return False


def frame_header(size: int) -> bytes:
    """What a server sends before a whole binary message of `size` bytes (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x82, size))
    return b"\x82\x7e" + size.to_bytes(2, "big") if size < 65_536 else b"\x82\x7f" + size.to_bytes(8, "big")


def short_text(data: bytes) -> bytes | None:
    """The payload, where `data` are exactly one masked frame with a whole message of ASCII text, 1 to 125 bytes long."""
    length = len(data) - 6  # first byte, length, mask
    if not 0 < length < 126 or data[0] != 0x81 or data[1] != 0x80 | length:
        return None
    mask = (data[2:6] * 32)[:length]
    payload = (int.from_bytes(data[6:], "big") ^ int.from_bytes(mask, "big")).to_bytes(length, "big")
    return payload if payload.isascii() else None


def install() -> None:
    """Have Daphne make its WebSockets of this kind."""
    WebSocketFactory.protocol = DirectProtocol


def offered(application: Application) -> Application:
    """`application` with the WebSocket itself in its scope's extensions, under Daphne."""

    async def call(scope: Scope, receive: Any, send: Any) -> None:
        protocol = next(iter(getattr(send, "args", ())), None)  # Daphne sends with a `partial` of it
        if isinstance(protocol, DirectProtocol):
            scope = {**scope, "extensions": {**scope.get("extensions", {}), EXTENSION: protocol}}
        await application(scope, receive, send)

    return call
