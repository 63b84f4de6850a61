"""Runs commands and Lua scripts on Redis with short timeouts: `Store` on an event loop, `ThreadStore` in threads."""

import asyncio
import contextlib
import functools
import hashlib
import logging
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import hiredis
import redis

from streaming.complaints import MEANINGS, SILENCE, UNKNOWN, Complaint, complaint_of
from streaming.errors import GateUnavailableError
from streaming.store.addresses import blocking_client
from streaming.store.connection import (
    DEADLINE,
    Dialer,
    StreamEntry,
    ThreadWire,
    TooLateError,
    Wire,
    WireLostError,
    Word,
    fields_of,
    thread_dialer,
)

logger = logging.getLogger(__name__)

Argument = str | int
Call = tuple[Sequence[str], Sequence[Word]]  # a script's keys and arguments
OnConnect = Callable[[], tuple[str, Sequence[str], Sequence[Argument]]]  # returns a script, its keys and arguments

NOT_A_MASTER = ("READONLY", "MASTERDOWN", "NOREPLICAS")  # errors of a server that is the master no longer
WRONG_MODES = {
    b"cluster": MEANINGS["MOVED"],
    b"sentinel": "REDIS_URL names a Sentinel. Use redis+sentinel://host:port,host:port/service for the master that it knows",
}
TRANSIENT = (*NOT_A_MASTER, "LOADING", "BUSY", "OOM", "MISCONF")  # errors that are no defect of a script

MOST_IDLE = 4  # connections of a ThreadStore between two calls: many threads may have called it at once
STREAMING = Path(__file__).parents[1]
COMMON = STREAMING / "store" / "lua" / "common.lua"  # put in front of each script


@functools.cache
def source(name: str) -> str:
    """Returns the text of a Lua script, such as "gate/acquire", with `common.lua` and the files that it includes."""
    return COMMON.read_text() + re.sub(r"^-- Includes (.+)\n", _included, _file(name), flags=re.MULTILINE)


def _included(line: re.Match[str]) -> str:
    return "".join(map(_file, line[1].split(", ")))


def _file(name: str) -> str:
    package, script = name.split("/")
    return (STREAMING / package / "lua" / f"{script}.lua").read_text()


@functools.cache
def _digest(name: str) -> str:
    """Returns the hash by which Redis knows a Lua script, such as "gate/acquire"."""
    return hashlib.sha1(source(name).encode()).hexdigest()  # noqa: S324


class Store:
    """Runs commands and Lua scripts on Redis for one event loop, over one connection. If this is lost before a
    reply, the call is sent once more, so each must be safe to repeat. A cancelled call may still take effect in
    Redis, so a slot whose acquire was cancelled must be released. Texts in replies are str."""

    def __init__(self, url: str, on_connect: OnConnect | None = None) -> None:
        """`on_connect` returns a script, its keys and arguments; each new connection runs it before any other call."""
        self.url, self._on_connect = url, on_connect
        self._dialer = Dialer(url)
        self._wire: Wire | None = None
        self._opening: asyncio.Task[Wire] | None = None
        self._complaint = ""  # logged last

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        """Run a script, such as "gate/acquire". Returns its answer. Raises GateUnavailableError if Redis fails."""
        command = ("EVALSHA", _digest(script), len(keys), *keys, *arguments)
        try:
            return cast(list[Any], await self._ask(*command))
        except hiredis.ReplyError as error:
            if not _is_unknown_script(error):
                raise self._failure(script, error) from error
        # Redis does not know the script: it is new, or the server restarted. EVAL sends its text, and Redis keeps it.
        try:
            return cast(list[Any], await self._ask("EVAL", source(script), *command[2:]))
        except hiredis.ReplyError as error:
            raise self._failure(script, error) from error

    def _failure(self, script: str, error: hiredis.ReplyError) -> GateUnavailableError:
        text = str(error)
        if not any(word in text for word in TRANSIENT) and self._complaint != text:
            logger.error("Redis refuses the script %s: %s", script, text)
            self._complaint = text
        return self._refused(error)

    def _refused(self, error: hiredis.ReplyError) -> GateUnavailableError:
        if _is_no_master(error) and self._wire is not None:
            self._wire.close()
        return _unavailable(error)

    async def ping(self) -> None:
        """Ask Redis for an answer. Raises GateUnavailableError if none comes."""
        await self.call("PING")

    async def call(self, *command: Argument) -> Any:
        """Run a command. Returns its reply. Raises GateUnavailableError if Redis does not answer in time or refuses."""
        try:
            return await self._ask(*command)
        except hiredis.ReplyError as error:
            raise self._refused(error) from error

    async def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self._wire is not None:
            self._wire.close()

    async def _ask(self, *command: Argument) -> Any:
        """Run a command. Returns its reply. Raises GateUnavailableError without one, hiredis.ReplyError if refused."""
        ends_at = asyncio.get_running_loop().time() + DEADLINE
        wire = self._wire
        try:
            if wire is not None:
                try:
                    return await wire.call(*command)
                except WireLostError:
                    pass  # retry on a new connection
            async with asyncio.timeout_at(ends_at):
                wire = await self._connected()
                return await wire.call(*command)
        except (redis.RedisError, OSError, TimeoutError, WireLostError, TooLateError) as error:
            raise _unavailable(error) from error

    async def _connected(self) -> Wire:
        """Returns the connection. Connects once for all callers; a caller that is cancelled does not stop that."""
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
    """Retrieve the exception of the connecting task: asyncio logs it otherwise, if all callers were cancelled."""
    if not opening.cancelled():
        opening.exception()


class ThreadStore:
    """Runs commands and Lua scripts on Redis for threads that share pictures, and blocks these threads. It uses
    connections of its own, so admissions never wait behind pictures. Texts in answers are bytes. A call may reach Redis
    twice, so it must be safe to repeat. All calls raise GateUnavailableError if Redis fails."""

    def __init__(self, url: str) -> None:
        self._dial = thread_dialer(url)
        self._idle: deque[ThreadWire] = deque()

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Word]) -> list[Any]:
        """Run a script, such as "ingest/publish". Returns its answer."""
        (answer,) = self.run_all(script, [(keys, arguments)])
        return answer

    def run_all(self, script: str, calls: Sequence[Call]) -> list[list[Any]]:
        """Run a script once for each of `calls`, in one round trip. Returns the answers. If this raises, some calls may
        have taken effect."""
        if not calls:
            return []
        commands = [("EVALSHA", _digest(script), len(keys), *keys, *arguments) for keys, arguments in calls]
        answers = self._ask(commands)
        if any(_is_unknown_script(answer) for answer in answers):
            self.call("SCRIPT", "LOAD", source(script))
            answers = self._ask(commands)
        return _without_errors(answers)

    def call(self, *command: Word) -> Any:
        """Run one command. Returns its reply."""
        (answer,) = _without_errors(self._ask([command]))
        return answer

    def read(self, after: Mapping[str, bytes], wait: float = 0) -> dict[str, list[StreamEntry]]:
        """Returns the new entries of Redis streams by stream. `after`: stream -> id of the last known entry. If there
        are none, waits up to `wait` seconds (less than 0.7) for the first one. Empty if none comes."""
        block = ("BLOCK", round(wait * 1000)) if wait else ()  # BLOCK 0 would wait forever
        found = self.call("XREAD", *block, "STREAMS", *after, *after.values()) or []
        return {stream.decode(): [(id, fields_of(words)) for id, words in entries] for stream, entries in found}

    def wait_for_any(self, lists: Sequence[str], wait: float) -> None:
        """Wait until one of these Redis lists has an element, and remove it. Waits for `wait` seconds (above 0,
        below 0.7) at most."""
        self.call("BLPOP", *lists, str(wait))

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _ask(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Send commands on a connection that no other thread uses meanwhile. Returns replies, ReplyErrors included."""
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
        if len(self._idle) >= MOST_IDLE or any(_is_no_master(answer) for answer in answers):
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
    """Returns whether a reply is the error of a server that is the master no longer. Only a new connection helps."""
    # Before Redis 7 the error begins with the script: "ERR Error running script ...: -READONLY ...".
    return isinstance(answer, hiredis.ReplyError) and any(word in str(answer) for word in NOT_A_MASTER)


def run_now(url: str, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Complaint | None:
    """Run a script without an event loop. Blocks for a second at most, with Sentinels longer. Returns None, or why it
    failed, which is also logged."""
    client = _client(url)
    try:
        client.eval(source(script), len(keys), *keys, *arguments)
    except redis.RedisError as error:
        complaint = complaint_of(str(error))
        logger.warning("%s", complaint.in_full)
        return complaint
    finally:
        client.close()
    return None


def refuse_cluster(url: str) -> None:
    """Raise RuntimeError if the server at `url`, or its Sentinels' master, answers as a Cluster or Sentinel."""
    client = _client(url)
    try:
        about: Any = client.execute_command("HELLO")  # type: ignore[no-untyped-call] # every user may call it
    except redis.RedisError:
        return
    finally:
        client.close()
    facts = about if isinstance(about, dict) else dict(zip(about[::2], about[1::2], strict=True))
    sentence = WRONG_MODES.get(facts.get(b"mode", b""))
    if sentence:
        raise RuntimeError(sentence)


def _client(url: str) -> "redis.Redis":
    return blocking_client(url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=None)
