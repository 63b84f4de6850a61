"""The connections to Redis; with `connection.py` the home of its client library.

The driver's errors are translated here, once. Every call ends within `DEADLINE`: the library's defaults had not given
up after 40 s against a Redis that accepts and never answers.
"""

import asyncio
import contextlib
import functools
import hashlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import hiredis
import redis

from streaming.complaints import SILENCE, UNKNOWN, complaint_of
from streaming.errors import GateUnavailableError
from streaming.store.connection import (
    DEADLINE,
    ThreadWire,
    TooLateError,
    Wire,
    WireLostError,
    Word,
    dialer,
    thread_dialer,
)

logger = logging.getLogger(__name__)

Argument = str | int
Call = tuple[Sequence[str], Sequence[Word]]  # a script's keys and arguments
OnConnect = Callable[[], tuple[str, Sequence[str], Sequence[Argument]]]  # returns a script, its keys and arguments

NOT_A_MASTER = ("READONLY", "MASTERDOWN")  # said by a server that was one before
PASSING = (*NOT_A_MASTER, "LOADING", "BUSY", "OOM", "MISCONF")  # all of Redis's errors that need no programmer

STREAMING = Path(__file__).parents[1]
COMMON = STREAMING / "store" / "lua" / "common.lua"  # stands before each script


@functools.cache
def source(name: str) -> str:
    """The whole text of a script, such as "gate/acquire"."""
    package, script = name.split("/")
    return COMMON.read_text() + (STREAMING / package / "lua" / f"{script}.lua").read_text()


@functools.cache
def _digest(name: str) -> str:
    """Redis's own name of a script."""
    return hashlib.sha1(source(name).encode()).hexdigest()  # noqa: S324


class Store:
    """Runs the Lua scripts. All of them may be repeated safely, so one retry on a lost reply is allowed.

    A cancelled call may still take effect in Redis: whoever cancels an acquire releases afterwards.
    """

    def __init__(self, url: str, on_connect: OnConnect | None = None) -> None:
        """`on_connect` returns the script that each new connection runs before any other call."""
        self.url, self._on_connect = url, on_connect
        self._dialer = dialer(url)
        self._wire: Wire | None = None
        self._opening: asyncio.Task[Wire] | None = None
        self._complaint = ""  # the last one logged

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        """Run a script, such as "gate/acquire"; raises GateUnavailableError when Redis does not answer in time."""
        command = ("EVALSHA", _digest(script), len(keys), *keys, *arguments)
        try:
            return cast(list[Any], await self.call(*command))
        except hiredis.ReplyError as error:
            if not _is_unknown_script(error):
                raise self._failure(script, error) from error
        # Redis has not seen it yet, or was told to forget: sent whole, it is known from then on.
        try:
            return cast(list[Any], await self.call("EVAL", source(script), *command[2:]))
        except hiredis.ReplyError as error:
            raise self._failure(script, error) from error

    def _failure(self, script: str, error: hiredis.ReplyError) -> GateUnavailableError:
        text = str(error)
        if _is_no_master(error) and self._wire is not None:
            self._wire.close()
        if not any(word in text for word in PASSING) and self._complaint != text:
            logger.error("Redis refuses the script %s: %s", script, text)
            self._complaint = text
        return _unavailable(error)

    async def ping(self) -> None:
        """Raises GateUnavailableError."""
        try:
            await self.call("PING")
        except hiredis.ReplyError as error:
            raise _unavailable(error) from error

    async def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self._wire is not None:
            self._wire.close()

    async def call(self, *command: Argument) -> Any:
        """One command. Raises GateUnavailableError, or redis's own ReplyError."""
        ends_at = asyncio.get_running_loop().time() + DEADLINE
        wire = self._wire
        try:
            if wire is not None and not wire.lost:
                try:
                    return await wire.call(*command)
                except WireLostError:
                    pass  # once more, on a new connection
            async with asyncio.timeout_at(ends_at):
                wire = await self._connected()
                return await wire.call(*command)
        except (redis.RedisError, OSError, TimeoutError, WireLostError, TooLateError) as error:
            raise _unavailable(error) from error

    async def _connected(self) -> Wire:
        """However many ask, one connects for all; who leaves meanwhile does not stop it."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open(), name="connecting to Redis")
            self._opening.add_done_callback(_retrieved)
        return await asyncio.shield(self._opening)

    async def _open(self) -> Wire:
        if self._wire is None or self._wire.lost:
            wire = await Wire.open(self._dialer)
            if self._on_connect is not None:
                script, keys, arguments = self._on_connect()
                try:
                    await wire.call("EVAL", source(script), len(keys), *keys, *arguments)
                except BaseException as error:
                    wire.close()
                    if isinstance(error, hiredis.ReplyError):
                        raise self._failure(script, error) from error
                    raise
            self._wire = wire
        return self._wire


def _retrieved(opening: "asyncio.Task[Wire]") -> None:
    """All who waited may have left: then nobody is to be told."""
    if not opening.cancelled():
        opening.exception()


class ThreadStore:
    """For threads, on connections of their own: access units must not stand in front of the gate's calls.

    All methods raise GateUnavailableError when Redis does not answer in time.
    """

    def __init__(self, url: str) -> None:
        self._dial = thread_dialer(url)
        self._idle: deque[ThreadWire] = deque()

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Word]) -> list[Any]:
        """Run a script, such as "ingest/publish"."""
        (answer,) = self.run_all(script, [(keys, arguments)])
        return answer

    def run_all(self, script: str, calls: Sequence[Call]) -> list[list[Any]]:
        """Run a script many times in one round trip; some may have run where this raises."""
        if not calls:
            return []
        commands = [("EVALSHA", _digest(script), len(keys), *keys, *arguments) for keys, arguments in calls]
        answers = self._ask(commands)
        if any(_is_unknown_script(answer) for answer in answers):
            self.call("SCRIPT", "LOAD", source(script))
            answers = self._ask(commands)
        return _without_errors(answers)

    def call(self, *command: Word) -> Any:
        """One command."""
        (answer,) = _without_errors(self._ask([command]))
        return answer

    def read(self, stream: str, after: bytes, wait: float) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """The entries of a stream after an identifier; waits `wait` seconds for one."""
        found = self.call("XREAD", "BLOCK", round(wait * 1000), "STREAMS", stream, after)
        entries = found[0][1] if found else []
        return [(id, dict(zip(words[::2], words[1::2], strict=True))) for id, words in entries]

    def pop(self, lists: Sequence[str], wait: float) -> None:
        """Take an element off one of the lists, or wait `wait` seconds for one."""
        self.call("BLPOP", *lists, str(wait))

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _ask(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """The answers, Redis's own errors among them. On a connection that nobody else uses meanwhile."""
        try:
            wire = self._idle.pop()
        except IndexError:
            wire = None
        try:
            if wire is not None:
                with contextlib.suppress(ConnectionError):  # closed while it was idle
                    return self._answers(wire, commands)
            return self._answers(ThreadWire(self._dial()), commands)
        except (redis.RedisError, OSError) as error:
            raise _unavailable(error) from error

    def _answers(self, wire: ThreadWire, commands: Sequence[Sequence[Word]]) -> list[Any]:
        try:
            answers = wire.ask(commands)
        except BaseException:
            wire.close()
            raise
        if any(_is_no_master(answer) for answer in answers):
            wire.close()
        else:
            self._idle.append(wire)
        return answers


def _unavailable(error: Exception) -> GateUnavailableError:
    otherwise = UNKNOWN if isinstance(error, hiredis.ReplyError) else SILENCE
    return GateUnavailableError(complaint=complaint_of(str(error), otherwise))


def _without_errors(answers: list[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, hiredis.ReplyError):
            raise _unavailable(answer) from answer
    return answers


def _is_unknown_script(answer: object) -> bool:
    return isinstance(answer, hiredis.ReplyError) and str(answer).startswith("NOSCRIPT")


def _is_no_master(answer: object) -> bool:
    """After a failover: the address leads elsewhere then, and only a new connection follows it."""
    # Before Redis 7 a script's own words come first: "ERR Error running script ...: -READONLY ...".
    return isinstance(answer, hiredis.ReplyError) and any(word in str(answer) for word in NOT_A_MASTER)


def run_now(url: str, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> bool:
    """Run a script without an event loop, in half a second at most; for the start and the very end of a process. Logs
    why it failed."""
    client = redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=None)
    try:
        client.eval(source(script), len(keys), *keys, *arguments)
    except redis.RedisError as error:
        logger.warning("%s", complaint_of(str(error)).in_full)
        return False
    finally:
        client.close()
    return True
