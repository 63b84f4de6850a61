"""The interface of a fast path to the WebSocket, which a server may offer beside ASGI's `receive` and `send`.

Nearly all messages are frames and acknowledgements, and passing them through `receive` and `send` takes most of the CPU
time that they cost.
"""

from collections.abc import Callable
from typing import Protocol

EXTENSION = "streaming.viewing.fast_path"  # the key of a `FastPath` in the scope's extensions

TextHandler = Callable[[str], bool]  # returns whether it has taken the text; if not, an ASGI message follows


class FastPath(Protocol):
    """One WebSocket of a server, which can hand over text messages and send binary ones without ASGI's `receive` and
    `send`. The connection may have been closed already; then nothing is sent.

    While it has a text handler, the application gets an ASGI event `websocket.control.frame` for each ping and pong
    frame, so that it can count them.
    """

    def set_text_handler(self, handler: TextHandler | None) -> None:
        """Offer short text messages of the viewer (under Daphne, ASCII of at most 125 bytes that arrives alone) to
        `handler` first. Other messages, and those for which it returns False, come through ASGI. None removes it.
        """

    def send_at_once(self, *parts: bytes) -> bool:
        """Send one binary message of `parts` if that needs no wait. Returns whether it was sent; if not, use ASGI."""
