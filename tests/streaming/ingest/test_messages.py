"""Reading RTSP and HTTP messages from a connection."""

import socket
from typing import Any

import pytest

from streaming.ingest import camera_proxy
from streaming.ingest.camera_proxy import Messages, ProxyError


def test_messages_are_separated_wherever_reads_cut_them() -> None:
    sent = b"$\x00\x00\x03abcRTSP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nbodyRTSP/1.0 200 OK\n\nrest"
    for length in (1, 2, 3, 7, 50):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            messages = Messages(Slow(ours, length))
            theirs.sendall(sent)
            assert [messages.next() for _ in range(3)] == [
                b"$\x00\x00\x03abc",
                b"RTSP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nbody",
                b"RTSP/1.0 200 OK\n\n",
            ]


class Slow:
    """A connection that returns a few bytes at a time."""

    def __init__(self, connection: socket.socket, length: int) -> None:
        self._connection, self._length = connection, length

    def recv_into(self, buffer: memoryview) -> int:
        return self._connection.recv_into(buffer[: self._length])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def test_an_incomplete_reply_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(b"RTSP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nbod")
        theirs.close()
        with pytest.raises(ConnectionResetError):
            Messages(ours).next()


@pytest.mark.parametrize("reply", [b"", b"220 mail\r\n", b"RTSP/1.0 OK\r\n", b"HTTP/1.1 2000 OK\r\n"])
def test_bytes_that_are_no_reply_have_no_status(reply: bytes) -> None:
    with pytest.raises(ProxyError):
        camera_proxy.status_of(reply)
