"""Connections to Redis: one on which calls follow each other, for the gate, and one for a thread, which waits.

A client with a pool takes a connection, sends, waits and gives it back: half of what an admission cost was spent there.
Here a call is written at once and its reply read when it comes, by whoever it comes to: replies have the order of the
calls. So a call that is written is whole, whatever becomes of the task that waits for it, and what is written later
(a release) never overtakes it. redis-py connects (address, password, TLS); hiredis, its own parser, reads.
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

CONNECT_TIMEOUT = 0.7  # seconds for connecting
AT_ONCE = 65_536  # bytes that a thread hands to its socket together: they have to be taken within a REPLY_TIMEOUT
REPLY_TIMEOUT = 0.7  # seconds of silence while a reply is due; no script takes a tenth of it
DEADLINE = 1.5  # seconds for a whole call: a refusal must be out within 2 s
NO_LINGER = struct.pack("ii", 1, 0)

Word = str | int | bytes


class WireLostError(Exception):
    """The connection to Redis was lost before the reply came."""


class TooLateError(Exception):
    """Redis is at work, but the reply did not come within `DEADLINE`."""


def dialer(url: str) -> Connection:
    """redis-py's connection, for `Wire.open`. It is kept: what TLS needs is read once."""
    pool = ConnectionPool.from_url(url, socket_connect_timeout=CONNECT_TIMEOUT, max_connections=1)
    pool.connection_kwargs["protocol"] = 2  # whatever the address says: nothing may come that no call asked for
    return pool.make_connection()  # type: ignore[no-untyped-call,no-any-return]


class Wire(asyncio.Protocol):
    """Calls raise WireLostError or TooLateError when the reply does not come, redis's ReplyError when it is one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(encoding="utf-8", errors="replace")
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()  # and when it was sent, loop time
        self._heard = 0.0  # loop time of the last that came
        self._watch: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._writer: asyncio.StreamWriter | None = None

    @classmethod
    async def open(cls, connection: Connection) -> "Wire":
        """Raises RedisError, OSError or TimeoutError."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await connection.disconnect(nowait=True)  # one that is half open
            raise
        wire = cls()
        # From here on nothing of redis-py's reads or writes: the transport is this protocol's. The writer would close
        # it when it is collected.
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
        """Send a command. Not awaited, or cancelled: it still takes place."""
        reply: asyncio.Future[Any] = self._loop.create_future()
        if self._transport is None or self._transport.is_closing():
            reply.set_exception(WireLostError())
            return reply
        self._transport.write(hiredis.pack_command(words))  # type: ignore[arg-type] # as many words as one likes
        self._waiting.append((reply, self._loop.time()))
        if self._watch is None:
            self._watch = self._loop.call_later(REPLY_TIMEOUT, self._look)
        return reply

    def close(self) -> None:
        if self._transport is not None:
            # What is on its way must not arrive when the network heals, long after its call was given up.
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            self._transport.abort()
        self.connection_lost(None)

    def _look(self) -> None:
        """A Redis that says nothing while a reply is due is gone; one that works its way through many calls is not, but
        those that have waited for too long are given up."""
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
                reply.exception()  # where nobody waits, nobody is to be told
        self._watch = self._loop.call_later(look_at - now, self._look)

    # asyncio's side.

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not False:
            reply, _ = self._waiting.popleft()
            if reply.done():  # nobody waits any more
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
                reply.exception()  # where nobody waits, nobody is to be told
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


def thread_dialer(url: str) -> Callable[[], redis.Connection]:
    """Makes redis-py's connections, for `ThreadWire`."""
    pool = redis.ConnectionPool.from_url(
        url, socket_timeout=REPLY_TIMEOUT, socket_connect_timeout=CONNECT_TIMEOUT, retry=None
    )
    pool.connection_kwargs["protocol"] = 2  # as above
    # Not the pool's own way: that makes a hundred at most, those included that have broken.
    return functools.partial(pool.connection_class, **pool.connection_kwargs)


class ThreadWire:
    """As `Wire`, for one thread at a time, which connects and waits. Raises OSError, when it connects RedisError as well."""

    def __init__(self, connection: redis.Connection) -> None:
        connection.connect()  # type: ignore[no-untyped-call]
        self._connection, self._reader = connection, hiredis.Reader()
        self._socket = cast(socket.socket, connection._sock)

    def ask(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """The replies to all of them in one round trip; redis's ReplyErrors are among them and not raised."""
        asked = memoryview(b"".join(hiredis.pack_command(tuple(words)) for words in commands))  # type: ignore[arg-type]
        for start in range(0, len(asked), AT_ONCE):
            self._socket.sendall(asked[start : start + AT_ONCE])
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
