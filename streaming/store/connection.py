"""Connections to Redis: a pipelined one for the event loop, and a blocking one for threads.

A client with a pool takes a connection, sends, waits and gives it back. That is half the cost of an admission. Here
all calls of a `Store` share one connection: each is written at once, and the replies come in the order of the
calls. A written call is complete even if its task is cancelled, and a later call (a release) never overtakes it.
redis-py connects (address, password, TLS). hiredis, redis-py's own parser, reads the replies.
"""

import asyncio
import functools
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

import hiredis
import redis
from redis.asyncio.connection import Connection, ConnectionPool

from streaming.store.addresses import SENTINEL_TIMEOUT, service_of

CONNECT_TIMEOUT = 0.7  # seconds; Sentinels have SENTINEL_TIMEOUT each before that
SEND_CHUNK = 65_536  # bytes that a thread's socket must take within a REPLY_TIMEOUT
REPLY_TIMEOUT = 0.7  # seconds of silence while a reply is due; every script needs less than a tenth
DEADLINE = 1.5  # seconds for a whole call: a viewer must hear of a refusal within 2 s
NO_LINGER = struct.pack("ii", 1, 0)

Word = str | int | bytes
StreamEntry = tuple[bytes, dict[bytes, bytes]]  # id and fields of an entry of a Redis stream


class WireLostError(Exception):
    """The connection to Redis was lost before the reply came."""


class TooLateError(Exception):
    """Redis answers other calls, but the reply did not come within `DEADLINE` (1.5 s)."""


class Dialer:
    """Connects to the Redis server of a URL. If the URL names Sentinels, asks them for the master each time: it may be
    another one."""

    def __init__(self, url: str) -> None:
        self._service = service_of(url)
        pool = ConnectionPool.from_url(
            self._service.url if self._service else url, socket_connect_timeout=CONNECT_TIMEOUT, max_connections=1
        )
        # Whatever the address says: RESP 3 may push messages that answer no call.
        pool.connection_kwargs["protocol"] = 2
        # One connection object for each opening: it reads the TLS files once.
        self._connection: Connection = pool.make_connection()  # type: ignore[no-untyped-call]
        self._seconds = CONNECT_TIMEOUT + SENTINEL_TIMEOUT * len(self._service.sentinels if self._service else ())

    async def dial(self) -> Connection:
        """Connect to Redis. Returns redis-py's connection, the same object each time: `Wire.open` takes its streams out
        of it, so that the next call connects anew. Raises RedisError, OSError or TimeoutError if that fails."""
        try:
            async with asyncio.timeout(self._seconds):
                if self._service is not None:
                    self._connection.host, self._connection.port = await self._service.master()
                await self._connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await self._connection.disconnect(nowait=True)  # it may be half open
            raise
        return self._connection


class Wire(asyncio.Protocol):
    """A pipelined connection to Redis: calls do not wait for the replies to earlier ones. The future of a call raises
    WireLostError (also if Redis is silent for 0.7 s), TooLateError (no reply in 1.5 s, though Redis answers other
    calls), or hiredis.ReplyError if Redis refuses the call."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(encoding="utf-8", errors="replace")
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()  # loop time when it was sent
        self._heard = 0.0  # loop time of the last reply
        self._watch: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._writer: asyncio.StreamWriter | None = None

    @classmethod
    async def open(cls, dialer: Dialer) -> "Wire":
        """Connect to Redis. Raises RedisError, OSError or TimeoutError if that fails."""
        connection = await dialer.dial()
        wire = cls()
        # From here on redis-py neither reads nor writes: the transport belongs to this protocol. The writer is kept because
        # it would close the transport when it is collected.
        writer, connection._reader, connection._writer = connection._writer, None, None
        wire._take_over(cast(asyncio.StreamWriter, writer))
        return wire

    def _take_over(self, writer: asyncio.StreamWriter) -> None:
        self._writer, self._transport = writer, cast(asyncio.Transport, writer.transport)
        self._transport.set_protocol(self)

    @property
    def lost(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def call(self, *words: Word) -> "asyncio.Future[Any]":
        """Send a command, given as its words. Returns the future of its reply; cancelling that does not stop the
        call. A lost connection is not opened again: each later call fails with WireLostError."""
        reply: asyncio.Future[Any] = self._loop.create_future()
        if self._transport is None or self._transport.is_closing():
            reply.set_exception(WireLostError())
            return reply
        self._transport.write(hiredis.pack_command(words))  # type: ignore[arg-type] # its annotation allows too few words
        self._waiting.append((reply, self._loop.time()))
        if self._watch is None:
            self._watch = self._loop.call_later(REPLY_TIMEOUT, self._look)
        return reply

    def close(self) -> None:
        """Close the connection at once. Unsent data is dropped, and calls without a reply fail with WireLostError."""
        if self._transport is not None:
            # Reset the connection: unsent data must not reach Redis when the network heals, long after the calls failed.
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            self._transport.abort()
        self.connection_lost(None)

    def _look(self) -> None:
        """Close the connection if Redis has been silent for REPLY_TIMEOUT (0.7 s) while a reply is due. While it
        answers, fail only the calls that have waited for DEADLINE (1.5 s)."""
        self._watch = None
        if not self._waiting:
            return
        now = self._loop.time()
        look_at = max(self._waiting[0][1], self._heard) + REPLY_TIMEOUT
        if look_at <= now:
            self.close()
            return
        for reply, sent_at in self._waiting:
            if sent_at + DEADLINE > now:
                look_at = min(look_at, sent_at + DEADLINE)
                break
            if not reply.done():
                reply.set_exception(TooLateError())
                reply.exception()  # retrieved, so that asyncio logs nothing if nobody waits
        self._watch = self._loop.call_later(look_at - now, self._look)

    # Called by asyncio.

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not False:
            reply, _ = self._waiting.popleft()
            if reply.done():  # cancelled, or too late
                continue
            if isinstance(answer, hiredis.ReplyError):
                reply.set_exception(answer)
            else:
                reply.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        waiting, self._waiting = self._waiting, deque()
        for reply, _ in waiting:
            if not reply.done():
                reply.set_exception(WireLostError())
                reply.exception()  # retrieved, so that asyncio logs nothing if nobody waits
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


def thread_dialer(url: str) -> Callable[[], redis.Connection]:
    """Returns a function that makes redis-py's connections to `url` for ThreadWire, not yet connected. The function
    raises RedisError if `url` names Sentinels and none knows a master."""
    service = service_of(url)
    pool = redis.ConnectionPool.from_url(
        service.url if service else url,
        socket_timeout=REPLY_TIMEOUT,
        socket_connect_timeout=CONNECT_TIMEOUT,
        retry=None,
    )
    pool.connection_kwargs["protocol"] = 2  # as in `Dialer`
    # The pool itself makes a hundred connections at most, and counts broken ones.
    connection = functools.partial(pool.connection_class, **pool.connection_kwargs)
    if service is None:
        return connection

    def to_master() -> redis.Connection:
        host, port = service.master_now()
        return cast(redis.Connection, connection(host=host, port=port))

    return to_master


class ThreadWire:
    """A blocking connection to Redis, for one thread at a time. Creating it connects, and raises OSError or RedisError
    if that fails."""

    def __init__(self, connection: redis.Connection) -> None:
        connection.connect()  # type: ignore[no-untyped-call]
        self._connection, self._reader = connection, hiredis.Reader()
        self._socket = cast(socket.socket, connection._sock)

    def ask(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Send all commands, each given as its words, in one round trip. Returns their replies in order; a ReplyError
        (Redis refuses) is returned, not raised. Texts in replies are bytes. Raises OSError if the connection is lost or
        silent for 0.7 s: then close it, as late replies would be taken for those of the next call."""
        asked = memoryview(b"".join(hiredis.pack_command(tuple(words)) for words in commands))  # type: ignore[arg-type]
        for start in range(0, len(asked), SEND_CHUNK):
            self._socket.sendall(asked[start : start + SEND_CHUNK])
        return [self._next_reply() for _ in commands]

    def _next_reply(self) -> Any:
        while (reply := self._reader.gets()) is False:
            data = self._socket.recv(65_536)
            if not data:
                raise ConnectionResetError("Redis has closed the connection.")
            self._reader.feed(data)
        return reply

    def close(self) -> None:
        self._connection.disconnect()  # type: ignore[no-untyped-call]


def fields_of(words: list[bytes]) -> dict[bytes, bytes]:
    """Returns the fields of an entry of a Redis stream. `words`: names and values in turn, as Redis sends them."""
    return dict(zip(words[::2], words[1::2], strict=True))
