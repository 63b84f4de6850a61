"""Divides what a camera sends on an RTSP connection after PLAY: packets, and RTSP messages (RFC 2326, 10.12)."""

import re
from collections.abc import Iterator

MAX_TEXT = 64 * 1024  # bytes of an RTSP message between packets

DOLLAR = 0x24  # begins a packet
TEXT = re.compile(rb"(?i)[A-Z](?s:.*?)\r?\n\r?\n")  # an RTSP message's head
LENGTH = re.compile(rb"(?i)\r?\ncontent-length:[ \t]*([0-9]{1,7})\r?\n")


class UnknownDataError(Exception):
    """The camera sent neither an interleaved packet nor an RTSP message, or a message whose head is too long. The caller
    forwards the rest of the connection to FFmpeg as it comes."""


class Interleaved:
    """Divides a camera's bytes into RTP and RTCP packets, and collects what is forwarded to FFmpeg.

    `packets` adds bytes to the buffer `held`. The caller looks at each packet, and calls `pass_on`, `drop`, `remove` or
    `insert`. `flush` returns what is to be forwarded.
    """

    def __init__(self) -> None:
        self.held = bytearray()  # what came last
        self._seen = self._passed = 0  # how much of it has been looked at, and passed on or dropped
        self._out: list[bytes | bytearray] = []

    def packets(self, data: bytes | memoryview) -> Iterator[tuple[int, int]]:
        """Add `data` to `held`. Yields begin and end, in `held`, of each packet that is complete now.

        A packet includes its four bytes of interleaved header. RTSP messages are skipped: `pass_on` forwards them.
        Raises UnknownDataError if neither a packet nor a message follows, or a message's head is too long.
        """
        self.held += data
        while (end := self._next_end()) is not None:
            at, self._seen = self._seen, end
            if self.held[at] == DOLLAR:
                yield at, end

    def _next_end(self) -> int | None:
        """Returns where in `held` the next packet or RTSP message ends; None: incomplete. Raises UnknownDataError."""
        held, at = self.held, self._seen
        if len(held) - at < 4:
            return None
        if held[at] == DOLLAR:
            end = at + 4 + (held[at + 2] << 8 | held[at + 3])
        elif head := TEXT.match(held, at):
            length = LENGTH.search(head[0])
            end = head.end() + (int(length[1]) if length else 0)
        elif not chr(held[at]).isalpha() or len(held) - at > MAX_TEXT:
            raise UnknownDataError
        else:
            return None
        return end if end <= len(held) else None

    def see_all(self) -> None:
        """Skip all bytes in `held`: `packets` does not divide them any more, and `pass_on` forwards them."""
        self._seen = len(self.held)

    def pass_on(self, end: int | None = None) -> None:
        """Let `flush` return the bytes of `held` before the position `end` that were not passed on or dropped before.

        By default, `end` is that of the last packet or message that was found.
        """
        end = self._seen if end is None else end
        if end > self._passed:
            self._out.append(self.held[self._passed : end])
            self._passed = end

    def drop(self, end: int) -> None:
        """Leave out the bytes before `end` in `held` that were not passed on. They stay in `held` until `flush`."""
        self._passed = end

    def remove(self, at: int) -> None:
        """Remove from `held` the packet that `packets` yielded last. `at`: where it begins."""
        del self.held[at : self._seen]
        self._seen = at

    def insert(self, packet: bytes) -> None:
        """Let `flush` return another packet, behind the bytes that were passed on last."""
        self._out.append(packet)

    def flush(self) -> bytes:
        """Returns the bytes passed on or inserted since the last call. Removes passed and dropped ones from `held`."""
        del self.held[: self._passed]
        self._seen -= self._passed
        done, self._out, self._passed = b"".join(self._out), [], 0
        return done
