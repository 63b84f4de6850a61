"""Daphne's WebSocket with a fast path for frames and acknowledgements, which are nearly all traffic. It more than
halves the cost of a frame per viewer (docs/design.md). The application finds the fast path in its ASGI scope
(`viewing/fast_path.py`).

Sending: Daphne and autobahn pass a message through five calls and copy it behind its header. Twisted then waits until
its reactor finds the socket writable: two system calls for epoll and one turn of the loop per message. The fast path
gives header and message to the socket at once. Twisted gets only the bytes that the socket does not take.

Receiving: autobahn parses a message in two rounds with hooks and validators and formats a log line. Daphne then queues
the message and wakes the application's task. The fast path unmasks an acknowledgement and calls the application. It
handles one masked frame of ASCII text that arrived alone.

Everything else takes the libraries' own path. So does everything under library versions other than `TESTED_VERSIONS`,
because the fast path reads attributes that are not public.
"""

import functools
import logging
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from operator import attrgetter
from typing import Any

from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import tcp, unix

from streaming.viewing.fast_path import EXTENSION

Scope = dict[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]

logger = logging.getLogger(__name__)

TESTED_VERSIONS = {"daphne": "4.2.3", "autobahn": "26.10.2", "twisted": "26.10.0"}  # as in requirements.txt

PLAIN_TRANSPORTS = (tcp.Server, unix.Server)  # exactly these: subclasses, such as those with TLS, write differently
# The fast path is safe while these attributes are empty, first those of Twisted's connection, then of autobahn's protocol.
UNWRITTEN = attrgetter("TLS", "disconnecting", "dataBuffer", "_tempDataBuffer")
UNSENT = attrgetter("send_queue", "_perMessageCompress", "maskServerFrames", "autoFragmentSize")
UNREAD = attrgetter("data", "current_frame", "inside_message", "autoPingTimeoutCall")


class DirectProtocol(WebSocketProtocol):  # type: ignore[misc]
    """Daphne's WebSocket, which can send binary messages and hand over short texts without ASGI's `send` and `receive`.
    It implements the interface `fast_path.FastPath` of the application.
    """

    take_text: Callable[[str], bool] | None = (
        None  # the application's handler for short texts; see `fast_path.FastPath`
    )

    def set_text_handler(self, handler: Callable[[str], bool] | None) -> None:
        """Offer each short text message (ASCII, at most 125 bytes) that arrives alone to `handler` first. If the
        handler returns False, the message comes through ASGI's `receive`, as all others do. None removes the handler.
        """
        self.take_text = handler

    def send_at_once(self, *parts: bytes) -> bool:
        """Send one binary message made of `parts`, without waiting. Returns True if the socket has taken at least its
        beginning: Twisted sends the rest. Returns False if nothing was sent: then use ASGI's `send`.
        """
        transport, size = self.transport, sum(map(len, parts))
        if (
            type(transport) not in PLAIN_TRANSPORTS
            or not _are_empty(UNWRITTEN, transport)
            or not _are_empty(UNSENT, self)
        ):
            return False
        header = frame_header(size)
        try:
            if self.state != self.STATE_OPEN or not transport.connected or 0 < self.maxMessagePayloadSize < size:
                return False
            sent = transport.getHandle().sendmsg((header, *parts))
        except (AttributeError, OSError):  # the socket is full or gone: Twisted meets the same error and handles it
            return False
        if sent < len(header) + size:
            transport.write(b"".join((header, *parts))[sent:])
        return True

    def dataReceived(self, data: bytes) -> None:
        text = short_text(data)
        if text is None or self.state != self.STATE_OPEN or not _are_empty(UNREAD, self):
            super().dataReceived(data)
        elif self.take_text is not None and not self.muted and self.take_text(text.decode("ascii")):
            self.last_ping = time.time()  # as Daphne does for each message: no ping is due yet
        else:
            self.onMessage(text, False)

    def onPing(self, payload: bytes) -> None:
        super().onPing(payload)
        self._report_control_frame()

    def onPong(self, payload: bytes) -> None:
        super().onPong(payload)
        self._report_control_frame()

    def _report_control_frame(self) -> None:
        """Send the application an ASGI event `websocket.control.frame` for a ping or pong frame, so that the
        application's rate limit counts these, too: ASGI itself hides them. Without a text handler, nothing is sent.
        """
        if self.take_text is not None:
            self.application_queue.put_nowait({"type": "websocket.control.frame"})


def _are_empty(attributes: Callable[[Any], tuple[Any, ...]], owner: object) -> bool:
    """Returns whether `owner` has all attributes that `attributes` (an attrgetter) reads, and each is false, empty or
    None. Logs a warning if it lacks one.
    """
    try:
        return not any(attributes(owner))
    except AttributeError as error:
        _warn_off(str(error))
        return False


@functools.cache
def _warn_off(reason: str) -> None:
    """Log that the fast path is not used, once for each reason."""
    logger.warning("The fast path for frames is off, so each frame takes more CPU time: %s", reason)


def frame_header(size: int) -> bytes:
    """Returns the header of a server's unfragmented binary message with `size` bytes of payload (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x82, size))
    return b"\x82\x7e" + size.to_bytes(2, "big") if size < 65_536 else b"\x82\x7f" + size.to_bytes(8, "big")


def short_text(data: bytes) -> bytes | None:
    """Returns the unmasked payload if `data`, bytes from the socket, is exactly one WebSocket frame with a whole ASCII
    text of 1 to 125 bytes; else None.
    """
    length = len(data) - 6  # without first byte, length and mask
    if not 0 < length < 126 or data[0] != 0x81 or data[1] != 0x80 | length:
        return None
    mask = (data[2:6] * 32)[:length]
    payload = (int.from_bytes(data[6:], "big") ^ int.from_bytes(mask, "big")).to_bytes(length, "big")
    return payload if payload.isascii() else None


def install() -> None:
    """Make Daphne use `DirectProtocol`. With untested library versions, log a warning and leave Daphne as it is."""
    installed = {name: version(name) for name in TESTED_VERSIONS}
    if installed == TESTED_VERSIONS:
        WebSocketFactory.protocol = DirectProtocol
    else:
        _warn_off(f"it is tested with {_listed(TESTED_VERSIONS)}, but installed are {_listed(installed)}")


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def with_fast_path(application: Application) -> Application:
    """Wrap an ASGI application: under Daphne it finds the WebSocket itself, a `DirectProtocol`, in the `extensions` of
    its scope, with the key EXTENSION. The key is missing under other servers, and where `install` left Daphne as it is.
    """

    async def call(scope: Scope, receive: Any, send: Any) -> None:
        protocol = next(iter(getattr(send, "args", ())), None)  # Daphne's `send` is a `partial` that holds it
        if isinstance(protocol, DirectProtocol):
            scope = {**scope, "extensions": {**scope.get("extensions", {}), EXTENSION: protocol}}
        await application(scope, receive, send)

    return call
