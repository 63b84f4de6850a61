"""The connection to Redis, and the one home of its client library.

The driver's errors are translated here, once. Every call ends within `DEADLINE`: the library's defaults had not given
up after 40 s against a Redis that accepts and never answers.
"""

import asyncio
import contextlib
import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

from streaming.errors import GateUnavailableError

DEADLINE = 1.5  # seconds for a whole call, retry included: a refusal must be out within 2 s
CALL_TIMEOUT = 0.7  # seconds for connecting and for one reply
CONNECTIONS = 16

Argument = str | int
Call = tuple[Sequence[str], Sequence[str | int | bytes]]  # a script's keys and arguments


@functools.cache
def _source(name: str) -> str:
    folder = Path(__file__).parent / "lua"
    return (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()


@functools.cache
def _digest(name: str) -> str:
    """Redis's own name of a script."""
    return hashlib.sha1(_source(name).encode()).hexdigest()  # noqa: S324


class Store:
    """Runs the scripts of `lua/`. All of them may be repeated safely, so one retry on a lost reply is allowed.

    A cancelled call may still take effect in Redis: whoever cancels an acquire releases afterwards.
    """

    def __init__(self, url: str) -> None:
        # A pool of its own, which waits for a free connection: 500 handshakes at once must not open 500 connections.
        self._pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=DEADLINE,
            socket_timeout=CALL_TIMEOUT,
            socket_connect_timeout=CALL_TIMEOUT,
            retry=Retry(ConstantBackoff(0.02), 1),
            decode_responses=True,
        )
        self._client = redis.asyncio.Redis(connection_pool=self._pool)
        self._scripts: dict[str, Any] = {}

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        """Run `lua/<script>.lua`; raises GateUnavailableError when Redis does not answer in time."""
        if script not in self._scripts:
            self._scripts[script] = self._client.register_script(_source(script))
        try:
            async with asyncio.timeout(DEADLINE):
                return cast(list[Any], await self._scripts[script](keys=keys, args=arguments))
        except (redis.RedisError, OSError, TimeoutError) as error:
            raise GateUnavailableError from error

    async def ping(self) -> None:
        """Raises GateUnavailableError."""
        try:
            async with asyncio.timeout(DEADLINE):
                await self._client.ping()
        except (redis.RedisError, OSError, TimeoutError) as error:
            raise GateUnavailableError from error

    async def close(self) -> None:
        await self._client.aclose()
        await self._pool.disconnect()


class ThreadStore:
    """For threads, on connections of their own: access units must not stand in front of the gate's calls."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=CALL_TIMEOUT, socket_connect_timeout=CALL_TIMEOUT, retry=None
        )

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | bytes]) -> list[Any]:
        """Run `lua/<script>.lua`; raises GateUnavailableError when Redis does not answer in time."""
        (answer,) = self.run_all(script, [(keys, arguments)])
        return answer

    def run_all(self, script: str, calls: Sequence[Call]) -> list[list[Any]]:
        """Run a script many times in one round trip. Raises GateUnavailableError; some may have run then."""
        if not calls:
            return []
        with _translated():
            answers = self._ask(script, calls)
            if any(isinstance(answer, redis.exceptions.NoScriptError) for answer in answers):
                self._client.script_load(_source(script))
                answers = self._ask(script, calls)
            failure = next((answer for answer in answers if isinstance(answer, Exception)), None)
            if failure is not None:
                raise failure
            return answers

    def _ask(self, script: str, calls: Sequence[Call]) -> list[Any]:
        pipe = self._client.pipeline(transaction=False)
        for keys, arguments in calls:
            pipe.evalsha(_digest(script), len(keys), *keys, *arguments)
        return pipe.execute(raise_on_error=False)

    def read(self, stream: str, after: bytes, wait: float) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """The entries of a stream after an identifier; waits `wait` seconds for one. Raises GateUnavailableError."""
        with _translated():
            found = cast(Any, self._client.xread({stream: after}, block=round(wait * 1000)))
        return found[0][1] if found else []

    def pop(self, lists: Sequence[str], wait: float) -> None:
        """Take an element off one of the lists, or wait `wait` seconds for one. Raises GateUnavailableError."""
        with _translated():
            self._client.blpop(list(lists), timeout=wait)

    def close(self) -> None:
        self._client.close()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise GateUnavailableError from error


def run_now(url: str, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> bool:
    """Run a script without an event loop, in half a second at most; for the very end of a process."""
    client = redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=None)
    try:
        client.eval(_source(script), len(keys), *keys, *arguments)
    except redis.RedisError:
        return False
    finally:
        client.close()
    return True
