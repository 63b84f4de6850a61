"""A fast path that a server may offer beside ASGI's `receive` and `send`.

Nearly all traffic is frames and acknowledgements, and ASGI's two channels take most of the CPU time that they cost.
"""

from collections.abc import Callable
from typing import Protocol

EXTENSION = "streaming.viewing.fast_path"  # the key of a `FastPath` in the scope's extensions

TextHandler = Callable[[str], bool]  # returns whether it has taken the text; if not, an ASGI message follows


class FastPath(Protocol):
    """A server's WebSocket that takes texts and sends frames without ASGI's messages. It may be closed already.

    While it has a text handler, the application gets an event `websocket.control.frame` for each ping and pong frame.
    """

    def set_text_handler(self, handler: TextHandler | None) -> None:
        """Offer each short text of the viewer to `handler` first. None ends this."""

    def send_at_once(self, *parts: bytes) -> bool:
        """Send one binary message made of `parts` if that needs no wait. Returns whether it was sent."""
