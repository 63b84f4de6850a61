"""One connection to Redis on which calls follow each other, for the gate.

A client with a pool takes a connection, sends, waits and gives it back: half of what an admission cost was spent there.
Here a call is written at once and its reply read when it comes, by whoever it comes to: replies have the order of the
calls. So a call that is written is whole, whatever becomes of the task that waits for it, and what is written later
(a release) never overtakes it. redis-py connects (address, password, TLS); hiredis, its own parser, reads.
"""

import asyncio
from collections import deque
from typing import Any, cast

import hiredis
from redis.asyncio.connection import ConnectionPool

CONNECT_TIMEOUT = 0.7  # seconds for connecting
REPLY_TIMEOUT = 0.7  # seconds for one reply; no script takes a tenth of it

Word = str | int | bytes


class WireLostError(Exception):
    """The connection to Redis was lost before the reply came."""


class Wire(asyncio.Protocol):
    """Calls raise WireLostError when the reply does not come, redis's ReplyError when it is one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(encoding="utf-8")
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()  # and when it was sent, loop time
        self._watch: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._writer: asyncio.StreamWriter | None = None

    @classmethod
    async def open(cls, url: str) -> "Wire":
        """Raises RedisError, OSError or TimeoutError."""
        pool = ConnectionPool.from_url(url, socket_connect_timeout=CONNECT_TIMEOUT, protocol=2, max_connections=1)
        connection = pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await connection.connect()
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
            self._transport.abort()
        self.connection_lost(None)

    def _look(self) -> None:
        """The oldest call may have waited too long: then nothing behind it comes in time either."""
        self._watch = None
        if self._waiting:
            left = self._waiting[0][1] + REPLY_TIMEOUT - self._loop.time()
            if left <= 0:
                self.close()
            else:
                self._watch = self._loop.call_later(left, self._look)

    # asyncio's side.

    def data_received(self, data: bytes) -> None:
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
