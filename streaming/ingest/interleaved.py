"""What a camera sends on an RTSP connection after PLAY: packets, and messages between them (RFC 2326, 10.12)."""

import re
from collections.abc import Iterator

MAX_TEXT = 64 * 1024  # bytes of an RTSP message between packets

DOLLAR = 0x24  # begins a packet
TEXT = re.compile(rb"(?i)[A-Z](?s:.*?)\r?\n\r?\n")  # an RTSP message's head
LENGTH = re.compile(rb"(?i)\r?\ncontent-length:[ \t]*([0-9]{1,7})\r?\n")


class UnknownDataError(Exception):
    """Neither a packet nor an RTSP message."""


class Interleaved:
    """Divides a stream into packets, and passes it on in parts."""

    def __init__(self) -> None:
        self.held = bytearray()  # what came last
        self._seen = self._passed = 0  # how much of it has been looked at, and passed on or dropped
        self._out: list[bytes | bytearray] = []

    def packets(self, data: bytes | memoryview) -> Iterator[tuple[int, int]]:
        """Add `data`. Yields where in `held` each packet begins and ends that is whole now. Raises UnknownDataError."""
        self.held += data
        while (end := self._next_end()) is not None:
            at, self._seen = self._seen, end
            if self.held[at] == DOLLAR:
                yield at, end

    def _next_end(self) -> int | None:
        """Where the next packet or message ends. None: not all of it has come."""
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
        """Look at nothing any more."""
        self._seen = len(self.held)

    def pass_on(self, end: int | None = None) -> None:
        """Pass on what came before `end`, by default all that has been looked at."""
        end = self._seen if end is None else end
        if end > self._passed:
            self._out.append(self.held[self._passed : end])
            self._passed = end

    def drop(self, end: int) -> None:
        """Drop what was not passed on before `end`."""
        self._passed = end

    def remove(self, at: int) -> None:
        """Remove the packet that is looked at now and begins at `at`."""
        del self.held[at : self._seen]
        self._seen = at

    def insert(self, packet: bytes) -> None:
        """Pass on another packet, behind what was passed on last."""
        self._out.append(packet)

    def flush(self) -> bytes:
        """Returns what was passed on since the last call."""
        del self.held[: self._passed]
        self._seen -= self._passed
        done, self._out, self._passed = b"".join(self._out), [], 0
        return done
