"""Viewers of this product and of other programs. They use little CPU, so that hundreds hardly disturb the figures."""

import asyncio
import json
import math
import struct
import sys
import time
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from streaming.ingest.frames import Flag, Format
from streaming.viewing.protocol import HEADER

FIRST = 30.0  # seconds for a viewer to have a picture
# When the player acknowledges: static/streaming/engine/acknowledgements.js.
LEAST_WAIT, MOST_WAIT = 0.025, 0.25
VIDEO_TOGETHER, JPEG_TOGETHER = 5, 2
CODECS = "avc1.640029,avc1.64002A,avc1.640033"  # that a page of go2rtc asks for


@dataclass(frozen=True)
class Watch:
    """The request of one viewer. With `keeps` the viewer stores all messages, to read the clock in them later."""

    base: str  # of the server, such as "http://127.0.0.1:8000"
    path: str  # with the query
    cookie: str = ""  # the Cookie header
    kind: str = "stream"  # a key of CLIENTS
    keeps: bool = False


class Arrival(NamedTuple):
    """The arrival of a picture at the socket of a viewer."""

    at: float  # Unix seconds
    read_at: float  # from the header, Unix milliseconds; 0 if another program sent it
    size: int  # bytes on the wire
    flags: int  # streaming.ingest.frames.Flag; 0 if another program sent it


@dataclass
class Record:
    """The record of one viewer's stream. Times are Unix seconds, 0 for an event that did not happen."""

    opened: float = 0.0  # before the viewer connects
    informed: float = 0.0  # the gate has admitted the viewer
    first: float = 0.0  # the first picture that is not backlog
    arrivals: list[Arrival] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)  # with `Watch.keeps`: the messages (go2rtc: and the MP4's head)
    ended: str = ""  # the reason of the end; empty while the connection is open

    def between(self, started: float, ended: float) -> list[Arrival]:
        return [arrival for arrival in self.arrivals if started <= arrival.at < ended]


class Client(asyncio.Protocol):
    """A viewer: an HTTP request with an endless response. `seen` is set at the first picture that is not backlog
    (the GOP so far) or the end, `gone` at the end.
    """

    version, upgrade = "1.1", ""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.record = watch, Record()
        self._buffer = bytearray()
        self._head_read = False
        self._transport: asyncio.Transport | None = None
        self.seen, self.gone = asyncio.Event(), asyncio.Event()

    async def open(self) -> Self:
        self.record.opened = time.time()
        place = urlsplit(self.watch.base)
        await asyncio.get_running_loop().create_connection(lambda: self, place.hostname or "", place.port or 80)
        return self

    async def picture(self) -> Self:
        """Wait for `seen`. Raises TimeoutError after `FIRST` s, ConnectionError if the stream ends first."""
        async with asyncio.timeout(FIRST):
            await self.seen.wait()
        if not self.record.first:
            raise ConnectionError(f"{self.watch.base}{self.watch.path}: {self.record.ended}")
        return self

    async def close(self) -> None:
        if self._transport is not None and not self.gone.is_set():
            self.say_goodbye()
            self._transport.close()
            await self.gone.wait()

    def say_goodbye(self) -> None:
        """Announce to the server that this side closes the connection."""

    def take(self) -> bool:
        """Take one whole message off `_buffer`, and call `arrived` if it is a picture. Each kind of client implements it.
        Returns False, without a change, if no whole message is there."""
        raise NotImplementedError

    def arrived(self, size: int, data: bytes, read_at: float = 0.0, flags: int = 0) -> None:
        """Record a picture: its bytes on the wire, the message, when a worker read it (Unix ms, 0: unknown),
        its flags.
        """
        self.record.arrivals.append(Arrival(time.time(), read_at, size, flags))
        if self.watch.keeps:
            self.record.kept.append(data)
        if not self.record.first and not flags & Flag.BACKLOG:
            self.record.first = self.record.arrivals[-1].at
            self.seen.set()

    # The event loop's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, base = transport, self.watch.base
        transport.write(
            f"GET {self.watch.path} HTTP/{self.version}\r\nHost: {urlsplit(base).netloc}\r\nOrigin: {base}\r\n"
            f"Cookie: {self.watch.cookie}\r\n{self.upgrade}\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._head_read:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self._head_read, self._buffer = True, rest
            if bytes(head[9:12]) not in (b"101", b"200"):
                self.record.ended = head[:40].decode("latin-1")
                self.hang_up()
                return
        while self.take():
            pass

    def connection_lost(self, error: Exception | None) -> None:
        when = "stream" if self._head_read else "handshake"
        self.record.ended = self.record.ended or f"the {when} was cut off{f': {error}' if error else ''}"
        self.seen.set()
        self.gone.set()

    def send(self, data: bytes) -> None:
        """Write `data`, unless the connection is closing."""
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(data)

    def hang_up(self) -> None:
        """Close the connection once everything is written."""
        assert self._transport is not None
        self._transport.close()


def take_frame(buffer: bytearray, *, whole: bool) -> tuple[int, bytes, int] | None:
    """Take one WebSocket frame off the buffer. Returns opcode, payload and bytes on the wire; None if it is incomplete.
    A payload above 1 KB is cut to the header of a picture, unless `whole`.
    """
    if len(buffer) < 2:
        return None
    length, at = buffer[1] & 127, 2
    if length > 125:
        at = 4 if length == 126 else 10
        length = int.from_bytes(buffer[2:at]) if len(buffer) >= at else sys.maxsize
    if len(buffer) < at + length:
        return None
    opcode, kept = buffer[0] & 15, length if whole or length <= 1024 else HEADER.size
    payload = bytes(buffer[at : at + kept])
    del buffer[: at + length]
    return opcode, payload, at + length


def masked(opcode: int, payload: bytes) -> bytes:
    """Returns a client's frame. `payload`: 125 bytes at most. The protocol demands a mask; zeros change nothing."""
    return bytes((0x80 | opcode, 0x80 | len(payload))) + b"\0\0\0\0" + payload


class WebSocketClient(Client):
    """A viewer over a WebSocket. Each binary message counts as a picture."""

    close_code = 0  # that the server sent
    upgrade = (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )

    def take(self) -> bool:
        frame = take_frame(self._buffer, whole=self.watch.keeps)
        if frame is not None:
            self.handle(*frame)
        return frame is not None

    def handle(self, opcode: int, payload: bytes, size: int) -> None:
        if opcode == 2:
            self.message(payload, size)
        elif opcode == 1:
            self.text(payload)
        elif opcode == 9:
            self.send_frame(10, payload)
        elif opcode == 8:
            self.close_code = int.from_bytes(payload[:2])
            self.record.ended = self.record.ended or f"closed with {self.close_code}"
            self.send_frame(8, payload[:2])
            self.hang_up()

    def message(self, payload: bytes, size: int) -> None:
        self.arrived(size, payload)

    def text(self, payload: bytes) -> None:
        pass

    def say_goodbye(self) -> None:
        self.send_frame(8, struct.pack("!H", 1000))

    def send_frame(self, opcode: int, payload: bytes) -> None:
        self.send(masked(opcode, payload))


class StreamClient(WebSocketClient):
    """A viewer of this product. It acknowledges frames as the player in the browser does."""

    _told = 0
    _told_at = 0.0
    _read_at = math.nan
    _timer: asyncio.TimerHandle | None = None

    def message(self, payload: bytes, size: int) -> None:
        _, kind, flags, _, sequence, read_at, _ = HEADER.unpack_from(payload)
        self.arrived(size, payload, read_at, flags)
        age, interval, self._read_at = time.time() * 1000 - read_at, read_at - self._read_at, read_at
        jpeg_together = JPEG_TOGETHER if 2 * age < interval else 1
        together = jpeg_together if kind == Format.JPEG else VIDEO_TOGETHER
        waits = MOST_WAIT if sequence - self._told < together else LEAST_WAIT
        wait = self._told_at + waits - time.monotonic()
        if self._timer is not None:
            self._timer.cancel()
        if wait <= 0:
            self._acknowledge(sequence)
        else:
            self._timer = asyncio.get_running_loop().call_later(wait, self._acknowledge, sequence)

    def _acknowledge(self, sequence: int) -> None:
        self._told, self._told_at = sequence, time.monotonic()
        self.send_frame(1, b'{"type":"ack","seq":%d}' % sequence)

    def text(self, payload: bytes) -> None:
        message = json.loads(payload)
        if message["type"] == "info":
            self.record.informed = time.time()
        elif message["type"] == "error":
            self.record.ended = message["reason"]

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(error)


class MjpegClient(Client):
    """A viewer of JPEG over HTTP: multipart/x-mixed-replace, each part with its length."""

    version = "1.0"  # no server answers it with chunked encoding

    def take(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._buffer[:end]).lower()
        length = int(head.partition(b"content-length:")[2].split()[0])
        size = end + 4 + length
        if len(self._buffer) < size:
            return False
        picture = bytes(self._buffer[end + 4 : size]) if self.watch.keeps else b""
        del self._buffer[:size]
        self.arrived(size, picture)
        return True


class Go2rtcClient(WebSocketClient):
    """A viewer of go2rtc. The first message is the head of the MP4, each further one a picture."""

    _asked = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_read and not self._asked:
            self._asked = True
            self.send_frame(1, json.dumps({"type": "mse", "value": CODECS}).encode())

    def message(self, payload: bytes, size: int) -> None:
        if payload[4:8] != b"ftyp":
            self.arrived(size, payload)
        elif self.watch.keeps:
            self.record.kept.append(payload)


CLIENTS: dict[str, type[Client]] = {
    "stream": StreamClient,
    "mjpeg": MjpegClient,
    "relay": WebSocketClient,
    "go2rtc": Go2rtcClient,
}
