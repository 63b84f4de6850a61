"""A rogue (misbehaving) camera's side of a connection. `send_all` limits the bytes of each connection, and the
bytes/s of all connections together. `send` limits nothing.
"""

import socket
import struct
import threading
import time
from collections.abc import Iterable


class Throttle:
    """Limits the bytes that all threads send, together, to `rate` bytes/s."""

    def __init__(self, rate: float) -> None:
        self._rate, self._lock, self._free_at = rate, threading.Lock(), 0.0

    def wait(self, amount: int) -> None:
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + amount / self._rate
            seconds = self._free_at - now
        if seconds > 0.005:
            time.sleep(seconds)


class RogueConnection:
    """A rogue (misbehaving) camera's side of a connection. After about `most` bytes on it, `send_all` stays silent.
    The methods raise OSError after the other side has hung up. Only `request` returns b"" after an orderly close.
    """

    def __init__(self, connection: socket.socket, throttle: Throttle, most: int) -> None:
        self._connection, self._throttle, self._most = connection, throttle, most
        self.sent = 0

    def request(self) -> bytes:
        """Returns the lines of the next request, or b"" if the other side has ended the connection. Interleaved RTP
        and RTCP packets before the request are dropped up to the last "$": the rest of a packet may precede the
        lines.
        """
        data = b""
        while b"\r\n\r\n" not in data:
            more = self._connection.recv(4096)
            if not more:
                return b""
            data = (data + more)[-16_384:]
        return data.rpartition(b"$")[2] if data.startswith(b"$") else data

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)
        self.sent += len(data)

    def send_all(self, parts: Iterable[bytes]) -> None:
        """Send `parts` as fast as the throttle allows. After `most` bytes, or at an empty part, stay silent until the
        other side hangs up.
        """
        for data in parts:
            if not data or self.sent > self._most:
                self.wait_for_the_end()
            self._throttle.wait(len(data))
            self.send(data)

    def wait_for_the_end(self) -> None:
        """Read until the other side hangs up, then raise ConnectionError."""
        while self._connection.recv(65_536):
            pass
        raise ConnectionError("the other side has hung up")

    def reset(self) -> None:
        """Make the next close of the connection a TCP reset, and raise ConnectionError, so that the caller
        closes it.
        """
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionError("reset")
