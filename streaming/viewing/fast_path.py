"""What a server may offer to a consumer besides ASGI's two channels: nearly all traffic is frames and acknowledgements, and
most of what those cost is the way through the channels."""

from collections.abc import Callable
from typing import Protocol

EXTENSION = "streaming.viewing.fast_path"  # the scope's extension that is a `FastPath`


class FastPath(Protocol):
    """A WebSocket that is open, or was. While `take_text` is set, the consumer gets an event `websocket.control.frame` for
    each ping and pong frame of the viewer's."""

    take_text: Callable[[str], bool] | None  # the consumer's: offered each short text; returns whether it has taken it

    def send_at_once(self, *parts: bytes) -> bool:
        """Send a binary message of these parts, if that needs no wait; returns whether it did."""
