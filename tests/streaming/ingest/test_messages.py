"""RTSP and HTTP messages are taken from a connection one by one."""

import socket
from typing import Any

import pytest

from streaming.ingest import camera_proxy
from streaming.ingest.camera_proxy import Messages, ProxyError


def test_messages_are_taken_apart_wherever_they_are_cut() -> None:
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
    """A connection that gives a few bytes at a time."""

    def __init__(self, connection: socket.socket, length: int) -> None:
        self._connection, self._length = connection, length

    def recv_into(self, buffer: memoryview) -> int:
        return self._connection.recv_into(buffer[: self._length])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def test_a_reply_that_ends_in_its_middle_is_no_reply() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(b"RTSP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nbod")
        theirs.close()
        with pytest.raises(ConnectionResetError):
            Messages(ours).next()


@pytest.mark.parametrize("reply", [b"", b"220 mail\r\n", b"RTSP/1.0 OK\r\n", b"HTTP/1.1 2000 OK\r\n"])
def test_what_is_no_reply_has_no_status(reply: bytes) -> None:
    with pytest.raises(ProxyError):
        camera_proxy.status_of(reply)
