"""A real autobahn server on Twisted's reactor, which shares the test's loop, and raw sockets as viewers."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from autobahn.twisted.websocket import WebSocketServerFactory
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.asyncioreactor import AsyncioSelectorReactor

from nvr.websocket import DirectProtocol

ACK = b'{"type": "ack", "seq": 1}'
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(payload: bytes, first: int = 0x80 | TEXT, mask: bytes = b"\x01\x00\xff\x7a") -> bytes:
    """A masked frame, as browsers send it."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([first]) + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


class Watched(DirectProtocol):
    """Queues texts instead of calling an application, and counts what autobahn parses."""

    parsed = 0  # messages that autobahn parsed
    client_addr = None

    def __init__(self) -> None:
        super().__init__()
        self.texts: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def onConnect(self, request: Any) -> None:
        self.request = request

    def onOpen(self) -> None:
        self.parsed = 0
        self.factory.opened.set_result(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        assert not isBinary
        self.texts.put_nowait(payload)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        self.closed.set_result(code)

    def _dataReceived(self, data: bytes) -> None:
        self.parsed += 1
        super()._dataReceived(data)

    def send(self, data: bytes | str) -> None:
        if isinstance(data, str) or not self.send_at_once(data):
            self.handle_reply({"type": "websocket.send", "text" if isinstance(data, str) else "bytes": data})

    async def text(self) -> bytes:
        return await asyncio.wait_for(self.texts.get(), 5)


class Ordinary(Watched):
    """Reads without the fast path."""

    dataReceived = WebSocketProtocol.dataReceived


class Viewer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Watched) -> None:
        self.reader, self.writer, self.server = reader, writer, server

    async def send(self, *pieces: bytes) -> None:
        """Send each piece so that it arrives alone."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.05)

    async def receive(self) -> tuple[int, bytes]:
        """Opcode and payload of the next message."""
        async with asyncio.timeout(10):
            first, size = await self.reader.readexactly(2)
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            return first & 0x0F, await self.reader.readexactly(size)


@contextlib.asynccontextmanager
async def connected(kind: type[Watched], path: Path | None = None) -> AsyncIterator[Viewer]:
    """Connect over TCP, or over a Unix socket at `path`, as behind a proxy on the same machine."""
    loop = asyncio.get_running_loop()
    reactor: Any = AsyncioSelectorReactor(loop)
    factory: Any = WebSocketServerFactory(reactor=reactor)  # type: ignore[no-untyped-call]
    factory.protocol = kind
    factory.opened = loop.create_future()
    if path is None:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        reader, writer = await asyncio.open_connection("127.0.0.1", port.getHost().port)
    else:
        port = reactor.listenUNIX(str(path), factory)
        reader, writer = await asyncio.open_unix_connection(path)
    key = base64.b64encode(bytes(16)).decode()
    writer.write(
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = await reader.readuntil(b"\r\n\r\n")
    accept = base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324
    assert accept in answer
    server = await asyncio.wait_for(factory.opened, 5)
    try:
        yield Viewer(reader, writer, server)
    finally:
        port.stopListening()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        await asyncio.wait_for(server.closed, 5)


class Writes:
    """Counts the writes to Twisted's connection."""

    def __init__(self, transport: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self._write = 0, transport.write
        monkeypatch.setattr(transport, "write", self)

    def __call__(self, data: bytes) -> None:
        self.count += 1
        self._write(data)
