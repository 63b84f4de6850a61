"""Daphne's WebSocket with two short cuts, for what makes up nearly all traffic: about half of what a frame costs a
viewer (docs/design.md). Whatever is not plain and simple goes the way of the libraries, and so does everything under
versions of theirs that no longer have the attributes that tell.

Out: Daphne and autobahn pass a message on through five calls and copy it behind its header, and Twisted keeps it until its
reactor finds the socket writable, which it nearly always is: two system calls for epoll and a turn of the loop for each
message. Here header and message are handed to the socket at once, and Twisted gets what the socket does not take.
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
# Of autobahn's protocol:
UNSENT = attrgetter("send_queue", "_perMessageCompress", "maskServerFrames", "autoFragmentSize")
UNREAD = attrgetter("data", "current_frame", "inside_message", "autoPingTimeoutCall")


class DirectProtocol(WebSocketProtocol):  # type: ignore[misc]
    __hash__ = object.__hash__  # Daphne's is the same, but in Python, and is asked twice for each message

    def handle_reply(self, message: dict[str, Any]) -> None:
        data = message.get("bytes")
        if not data or message["type"] != "websocket.send" or message.get("text") or not self._send_at_once(data):
            super().handle_reply(message)

    def _send_at_once(self, data: bytes) -> bool:
        """Send a binary message, if that is plain and simple; returns whether it was."""
        transport, size = self.transport, len(data)
        if type(transport) not in PLAIN or not _none(UNWRITTEN, transport) or not _none(UNSENT, self):
            return False
        header = frame_header(size)
        try:
            if self.state != self.STATE_OPEN or not transport.connected or 0 < self.maxMessagePayloadSize < size:
                return False
            sent = transport.getHandle().sendmsg((header, data))
        except (AttributeError, OSError):  # full, or gone: Twisted meets the same and does what is to be done
            return False
        if sent < len(header) + size:
            transport.write((header + data)[sent:])
        return True

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
