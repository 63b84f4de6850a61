"""The short cuts around Daphne's WebSocket: taken where they may be, and nobody can tell but by the clock.

A real server of autobahn's on Twisted's reactor, which shares the test's loop, and raw sockets as viewers.
"""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from autobahn.exception import Disconnected
from autobahn.twisted.websocket import WebSocketServerFactory
from daphne.ws_protocol import WebSocketProtocol
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.asyncioreactor import AsyncioSelectorReactor

from nvr.websocket import DirectProtocol, offered, short_text
from streaming.viewing.fast_path import EXTENSION

ACK = b'{"type": "ack", "seq": 1}'
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(payload: bytes, first: int = 0x80 | TEXT, mask: bytes = b"\x01\x00\xff\x7a") -> bytes:
    """A frame as browsers send it: masked."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([first]) + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


class Watched(DirectProtocol):
    """Without Daphne's applications, and with an eye on the long ways."""

    parsed = 0  # times that autobahn took a message apart
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
    """Reads the long way."""

    dataReceived = WebSocketProtocol.dataReceived


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Watched) -> None:
        self.reader, self.writer, self.server = reader, writer, server

    async def send(self, *pieces: bytes) -> None:
        """Each piece arrives by itself."""
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
async def connected(kind: type[Watched], path: Path | None = None) -> AsyncIterator[Client]:
    """Over TCP, or over a Unix socket at `path`, as behind a proxy on the same machine."""
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
        yield Client(reader, writer, server)
    finally:
        port.stopListening()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        await asyncio.wait_for(server.closed, 5)


@pytest.fixture(params=["tcp", "unix"])
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Client]:
    async with connected(Watched, tmp_path / "worker.sock" if request.param == "unix" else None) as client:
        yield client


class Writes:
    """Counts what Twisted's connection is given to write."""

    def __init__(self, transport: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self._write = 0, transport.write
        monkeypatch.setattr(transport, "write", self)

    def __call__(self, data: bytes) -> None:
        self.count += 1
        self._write(data)


@pytest.fixture
def writes(client: Client, monkeypatch: pytest.MonkeyPatch) -> Writes:
    return Writes(client.server.transport, monkeypatch)


# With the versions of requirements.txt they are taken.


async def test_a_message_goes_straight_to_the_socket(client: Client, writes: Writes) -> None:
    for size in (1, 125, 126, 50_000, 65_535, 65_536, 70_000):
        client.server.send(bytes(size))
        assert await client.receive() == (BINARY, bytes(size))
    assert not writes.count


async def test_an_acknowledgement_is_not_taken_apart_by_autobahn(client: Client) -> None:
    await client.send(frame(ACK))
    assert await client.server.text() == ACK
    assert not client.server.parsed


async def test_a_message_in_parts_is_one_message(client: Client) -> None:
    for size in (1, 30_000, 900_000):
        assert client.server.send_at_once(b"header", bytes(size))
        assert await client.receive() == (BINARY, b"header" + bytes(size))


async def test_the_application_is_offered_each_short_text_and_hears_in_the_usual_way_of_what_it_does_not_take(
    client: Client,
) -> None:
    offers: list[str] = []

    def take(text: str) -> bool:
        offers.append(text)
        return text == ACK.decode()

    client.server.set_text_handler(take)
    client.server.last_ping = 0.0
    await client.send(frame(ACK))
    assert client.server.last_ping > 0  # it counts as alive
    await client.send(frame(b"other"), frame(b"l" * 200))
    assert [await client.server.text() for _ in range(2)] == [b"other", b"l" * 200]
    assert offers == [ACK.decode(), "other"]
    client.server.muted = True  # after an error of the application
    await client.send(frame(ACK))
    assert len(offers) == 2


async def test_a_socket_that_is_full_or_closing_takes_nothing_at_once(client: Client) -> None:
    while client.server.send_at_once(bytes(900_000)):
        pass  # the last one in part, the rest of which waits
    client.server.send("then this")
    client.server.handle_reply({"type": "websocket.close", "code": 4429})
    assert not client.server.send_at_once(b"nor this")
    while (received := await client.receive())[0] == BINARY:
        assert received[1] == bytes(900_000)
    assert received == (TEXT, b"then this")
    assert await client.receive() == (CLOSE, (4429).to_bytes(2, "big"))


async def test_an_application_finds_the_websocket_in_its_scope_under_daphne_and_nothing_elsewhere() -> None:
    async def send(protocol: object, message: object) -> None:
        pass

    found: list[object] = []

    async def application(scope: dict[str, Any], receive: object, send: object) -> None:
        found.append(scope.get("extensions", {}))

    server = DirectProtocol()
    for way in (partial(send, server), partial(send, object()), send):
        await offered(application)({"extensions": {"other": {}}}, None, way)
    assert found == [{"other": {}, EXTENSION: server}, {"other": {}}, {"other": {}}]


# And nothing else is different.


async def test_what_a_slow_viewer_does_not_take_at_once_comes_whole_and_in_order(
    client: Client, writes: Writes
) -> None:
    messages = [bytes([number]) * 900_000 for number in range(40)]
    for message in messages:
        client.server.send(message)
    client.server.send("the end")
    assert writes.count
    assert [await client.receive() for _ in messages] == [(BINARY, message) for message in messages]
    assert await client.receive() == (TEXT, b"the end")
    writes.count = 0
    client.server.send(b"again")  # all is written: straight again
    assert await client.receive() == (BINARY, b"again")
    assert not writes.count


async def test_messages_of_all_kinds_keep_their_order(client: Client) -> None:
    """Text and pings wait for Twisted's next turn, and what a full socket has not taken for several."""
    sent: list[tuple[int, bytes]] = []

    async def say() -> None:
        for number in range(60):
            text, picture = f"text {number}", bytes([number]) * (900_000 if number % 3 else 50)
            client.server.send(text)
            client.server.send(picture)
            client.server.sendPing(picture[:5])
            client.server.send(picture)
            sent.extend([(TEXT, text.encode()), (BINARY, picture), (PING, picture[:5]), (BINARY, picture)])
            await asyncio.sleep(0)

    saying = asyncio.create_task(say())
    received = [await client.receive() for _ in range(240)]
    await saying
    assert received == sent


async def test_after_a_close_nothing_is_sent(client: Client) -> None:
    client.server.send("the end")
    client.server.handle_reply({"type": "websocket.close", "code": 4429})
    with pytest.raises(Disconnected):
        client.server.send(b"one more")
    assert await client.receive() == (TEXT, b"the end")
    assert await client.receive() == (CLOSE, (4429).to_bytes(2, "big"))
    with pytest.raises(Disconnected):
        client.server.send(b"though nothing waits to be written")


async def test_messages_that_come_together_in_pieces_or_in_fragments_are_all_heard(client: Client) -> None:
    await client.send(frame(ACK) + frame(b"two"), frame(b"three")[:9], frame(b"three")[9:] + frame(b"four"))
    await client.send(frame(b"fi", first=TEXT), frame(b"ve", first=0x80), frame(b"six"))
    heard = [await client.server.text() for _ in range(6)]
    assert heard == [ACK, b"two", b"three", b"four", b"five", b"six"]


async def test_a_ping_within_a_fragmented_message_is_answered_and_the_message_goes_on(client: Client) -> None:
    await client.send(frame(b"one ", first=TEXT), frame(b"?", first=0x80 | PING), frame(b"message", first=0x80))
    assert await client.receive() == (PONG, b"?")
    assert await client.server.text() == b"one message"


WRONG = {
    "no UTF-8": [frame(b"\xff\xfe")],
    "not masked": [b"\x81\x02ok"],
    "within another": [frame(b"one", first=TEXT) + frame(ACK)],
    "within another, alone": [frame(b"one", first=TEXT), frame(ACK)],
    "after a close": [frame((1000).to_bytes(2, "big"), first=0x80 | CLOSE), frame(ACK)],
}


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)
async def test_what_is_wrong_ends_the_connection_as_autobahn_ends_it(sent: list[bytes]) -> None:
    codes = []
    for kind in (Watched, Ordinary):
        async with connected(kind) as client:
            with contextlib.suppress(ConnectionError):
                await client.send(*sent)
            codes.append(await asyncio.wait_for(client.server.closed, 5))
            assert client.server.texts.empty()
    assert codes[0] == codes[1]


async def test_whoever_acknowledges_is_alive_whatever_became_of_its_pong(client: Client) -> None:
    client.server.autoPingTimeout = 30
    client.server._sendAutoPing()
    assert (await client.receive())[0] == PING
    assert client.server.autoPingTimeoutCall
    await client.send(frame(ACK))
    assert await client.server.text() == ACK
    assert not client.server.autoPingTimeoutCall


async def test_to_a_viewer_that_is_gone_nothing_is_sent_and_nothing_raised(client: Client) -> None:
    client.writer.transport.abort()
    for _ in range(3):
        client.server.send(bytes(100_000))
    await asyncio.wait_for(client.server.closed, 5)


@given(
    first=st.sampled_from([0x81, 0x81, 0x81, 0x82, 0x01, 0x80, 0xC1, 0x89]),
    payload=st.one_of(st.just(ACK), st.text(max_size=200).map(str.encode), st.binary(max_size=130)),
    mask=st.binary(min_size=4, max_size=4),
    more=st.sampled_from([b"", b"", b"", b"\x81"]),
)
def test_only_a_whole_message_of_ascii_text_is_read_the_short_way(
    first: int, payload: bytes, mask: bytes, more: bytes
) -> None:
    short = first == 0x81 and 0 < len(payload) < 126 and payload.isascii() and not more
    assert short_text(frame(payload, first, mask) + more) == (payload if short else None)


@given(st.binary(max_size=12))
def test_no_data_are_too_short_or_too_odd_to_be_looked_at(data: bytes) -> None:
    text = short_text(data)
    assert text is None or frame(text, mask=data[2:6]) == data
