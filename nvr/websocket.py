"""Daphne's WebSocket with two short cuts, for what makes up nearly all traffic: a quarter and a sixth of what a frame
costs a viewer (docs/design.md). Whatever is not plain and simple goes the way of the libraries, and so does everything
under versions of theirs that no longer have the attributes that tell.

Out: Twisted keeps what is written until its reactor finds the socket writable, which it nearly always is: two system
calls for epoll and a turn of the loop for each message. Here the socket is tried first, and Twisted gets the rest.
In: autobahn takes a message apart in two rounds, each with hooks and validators, and formats a line for a log that
nobody reads. Here an acknowledgement, one masked frame of ASCII text that came alone, is unmasked and handed on.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import tcp, unix

PLAIN = (tcp.Server, unix.Server)  # exactly these: their kinds, such as those with TLS, write in another way
UNWRITTEN = attrgetter("TLS", "disconnecting", "dataBuffer", "_tempDataBuffer")  # of Twisted's connection
UNREAD = attrgetter("data", "current_frame", "inside_message", "autoPingTimeoutCall")  # of autobahn's protocol


class DirectProtocol(WebSocketProtocol):  # type: ignore[misc]
    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        transport = self.transport
        if sync or chopsize or self.send_queue or type(transport) not in PLAIN or not _none(UNWRITTEN, transport):
            super().sendData(data, sync, chopsize)
            return
        try:
            sent = transport.getHandle().send(data) if transport.connected else 0
        except OSError:  # full, or gone: Twisted meets the same and does what is to be done
            sent = 0
        if sent < len(data):
            transport.write(data[sent:])

    def dataReceived(self, data: bytes) -> None:
        text = short_text(data)
        if text is None or self.state != self.STATE_OPEN or not _none(UNREAD, self):
            super().dataReceived(data)
        else:
            self.onMessage(text, False)


def _none(attributes: Callable[[Any], tuple[Any, ...]], owner: object) -> bool:
    """Whether the owner has all these attributes, and each is false, empty or None."""
    try:
        return not any(attributes(owner))
    except AttributeError:
        return False


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
