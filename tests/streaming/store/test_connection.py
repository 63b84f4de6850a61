"""One connection to Redis: order, cancellation, loss, silence, passwords."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hiredis
import pytest

from streaming.errors import GateUnavailableError
from streaming.store.connection import DEADLINE, REPLY_TIMEOUT, ThreadWire, TooLateError, Wire, WireLostError, dialer
from streaming.store.scripts import Store, ThreadStore
from tests.servers import RedisServer


@pytest.fixture
async def wire(redis_server: RedisServer) -> AsyncIterator[Wire]:
    wire = await Wire.open(dialer(redis_server.url))
    yield wire
    wire.close()


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[Store]:
    store = Store(redis_server.url)
    yield store
    await store.close()


async def test_replies_have_the_order_of_the_calls(wire: Wire) -> None:
    assert await asyncio.gather(*(wire.call("ECHO", str(number)) for number in range(500))) == [
        str(number) for number in range(500)
    ]


async def test_a_call_that_nobody_waits_for_takes_place_and_keeps_its_place(wire: Wire) -> None:
    wire.call("SET", "a", 1).cancel()
    wire.call("INCR", "a")
    assert await wire.call("GET", "a") == "2"


async def test_an_error_is_its_own_calls_alone(wire: Wire) -> None:
    good, bad, after = wire.call("SET", "a", "x"), wire.call("INCR", "a"), wire.call("GET", "a")
    assert await good == "OK"
    with pytest.raises(hiredis.ReplyError, match="not an integer"):
        await bad
    assert await after == "x"


async def test_a_large_answer_that_comes_in_parts_is_one(wire: Wire) -> None:
    await wire.call("SET", "a", "x" * 3_000_000)
    assert len(await wire.call("GET", "a")) == 3_000_000


async def test_a_silent_redis_ends_all_calls_in_time_and_none_hangs(wire: Wire, redis_server: RedisServer) -> None:
    assert redis_server.process is not None
    redis_server.process.signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        calls = [wire.call("PING") for _ in range(3)]
        for call in calls:
            with pytest.raises(WireLostError):
                await call
        assert REPLY_TIMEOUT * 0.9 < time.monotonic() - started < REPLY_TIMEOUT + 0.5
        assert wire.lost
        with pytest.raises(WireLostError):
            await wire.call("PING")
    finally:
        redis_server.process.signal(signal.SIGCONT)


@pytest.mark.timing("measures a deadline of a call")
async def test_a_store_comes_back_by_itself_after_a_restart(store: Store, redis_server: RedisServer) -> None:
    assert await store.call("PING") == "PONG"
    redis_server.kill()
    started = time.monotonic()
    with pytest.raises(GateUnavailableError):
        await store.call("PING")
    assert time.monotonic() - started < DEADLINE + 0.3
    redis_server.start()
    assert await asyncio.gather(*(store.call("PING") for _ in range(50))) == ["PONG"] * 50
    assert await store.call("CLIENT", "LIST") and (await store.call("CLIENT", "LIST")).count("\n") == 1


async def test_a_connection_that_breaks_between_two_calls_is_not_noticed(store: Store) -> None:
    await store.call("PING")
    await store.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
    assert await store.call("PING") == "PONG"


# For threads.


@pytest.fixture
def thread_store(redis_server: RedisServer) -> Iterator[ThreadStore]:
    store = ThreadStore(redis_server.url)
    yield store
    store.close()


def once(store: ThreadStore) -> list[object]:
    return store.run("reports/claim_turn", ["nvr:{gate}:test"], ["token", 1000])


def test_a_script_that_redis_has_been_told_to_forget_is_sent_again(thread_store: ThreadStore) -> None:
    once(thread_store)
    thread_store._one("SCRIPT", "FLUSH")
    assert thread_store.run_all(
        "reports/claim_turn", [(["nvr:{gate}:a"], ["a", 1000]), (["nvr:{gate}:b"], ["b", 1000])]
    )


def test_a_thread_s_connection_that_breaks_between_two_calls_is_not_noticed(thread_store: ThreadStore) -> None:
    once(thread_store)
    thread_store._one("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
    once(thread_store)


def test_a_thread_is_told_what_redis_refuses_and_goes_on_on_the_same_connection(thread_store: ThreadStore) -> None:
    before = thread_store._one("CLIENT", "ID")
    with pytest.raises(GateUnavailableError):
        thread_store._one("no command")
    assert thread_store._one("CLIENT", "ID") == before


def test_a_thread_is_told_in_time_that_redis_says_nothing_or_is_gone(
    thread_store: ThreadStore, redis_server: RedisServer
) -> None:
    once(thread_store)
    assert redis_server.process is not None
    redis_server.process.signal(signal.SIGSTOP)
    started = time.monotonic()
    try:
        with pytest.raises(GateUnavailableError):
            once(thread_store)
    finally:
        redis_server.process.signal(signal.SIGCONT)
    assert time.monotonic() - started < 2 * REPLY_TIMEOUT
    once(thread_store)
    redis_server.kill()
    with pytest.raises(GateUnavailableError):
        once(thread_store)
    redis_server.start()
    once(thread_store)


def test_a_thread_connects_as_often_as_it_is_cut_off(thread_store: ThreadStore) -> None:
    for _ in range(150):
        assert thread_store._one("PING")
        thread_store.close()
    assert thread_store._one("CLIENT", "LIST").count(b"\n") == 1


class SlowConnection:
    """A Redis behind a slow link: it takes what is sent bit by bit, and answers when it has all."""

    def __init__(self, total: int) -> None:
        self._sock, self._theirs = socket.socketpair()
        self._sock.settimeout(REPLY_TIMEOUT)
        for end in (self._sock, self._theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        self._total = total
        self._thread = threading.Thread(target=self._take)

    def connect(self) -> None:
        self._thread.start()

    def _take(self) -> None:
        taken = 0
        while taken < self._total:
            time.sleep(REPLY_TIMEOUT / 10)
            taken += len(self._theirs.recv(65_536))
        self._theirs.sendall(b"+OK\r\n")

    def disconnect(self) -> None:
        self._thread.join()
        self._sock.close()
        self._theirs.close()


def test_a_thread_may_send_much_over_a_slow_link() -> None:
    """The time-out is for silence, not for a whole batch."""
    command = ("SET", "key", bytes(2_000_000))
    wire = ThreadWire(SlowConnection(len(hiredis.pack_command(command))))  # type: ignore[arg-type]
    started = time.monotonic()
    assert wire.ask([command]) == [b"OK"]
    assert time.monotonic() - started > 2 * REPLY_TIMEOUT
    wire.close()


def test_threads_that_ask_at_the_same_time_get_their_own_answers(thread_store: ThreadStore) -> None:
    def ask(number: int) -> bool:
        return all(thread_store._one("ECHO", f"{number}") == b"%d" % number for _ in range(50))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(8)))
    thread_store.close()
    assert thread_store._one("CLIENT", "LIST").count(b"\n") == 1


def test_a_thread_s_server_that_became_a_replica_is_left(thread_store: ThreadStore) -> None:
    once(thread_store)
    before = thread_store._one("CLIENT", "ID")
    thread_store._one("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(GateUnavailableError):
        once(thread_store)
    thread_store._one("REPLICAOF", "NO", "ONE")
    assert thread_store._one("CLIENT", "ID") != before


# Addresses.


async def test_passwords_and_databases_of_the_address_hold(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        plain = Store(server.url)
        await plain.call("CONFIG", "SET", "requirepass", "a secret")
        with pytest.raises(GateUnavailableError):
            await Store(server.url).ping()
        known = Store(f"unix://:a%20secret@{server.socket}?db=3")
        await known.call("SET", "here", 1)
        assert "db=3" in await known.call("CLIENT", "LIST")
        await plain.close()
        await known.close()


async def test_openings_that_a_silent_redis_never_answers_leave_no_socket(
    store: Store, redis_server: RedisServer
) -> None:
    await store.ping()
    before = len(os.listdir("/proc/self/fd"))
    assert redis_server.process is not None
    redis_server.process.signal(signal.SIGSTOP)
    try:
        for _ in range(3):
            with pytest.raises(GateUnavailableError):
                await store.ping()
    finally:
        redis_server.process.signal(signal.SIGCONT)
    assert len(os.listdir("/proc/self/fd")) <= before
    await store.ping()


WORK = "for _ = 1, 5000000 do end return 'done'"  # some fifty milliseconds
LARGE = "x" * 16_000  # Redis answers what it has read at one go when it has worked through it


async def test_a_redis_that_works_is_not_taken_for_gone_but_calls_that_wait_too_long_are_given_up(wire: Wire) -> None:
    calls = [wire.call("EVAL", WORK, 0, LARGE) for _ in range(200)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes[0] == "done"
    assert isinstance(outcomes[-1], TooLateError)
    assert not [outcome for outcome in outcomes if isinstance(outcome, WireLostError)]
    assert await _in_the_end(wire) == "PONG"


async def _in_the_end(wire: Wire) -> object:
    """The answer of the same connection, once it has worked off what was given up."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await wire.call("PING")
            except TooLateError:
                continue


async def test_a_server_that_became_a_replica_is_left_for_the_one_that_the_address_leads_to(store: Store) -> None:
    def write() -> Awaitable[object]:
        return store.run("reports/claim_turn", ["nvr:{gate}:test"], ["token", 1000])

    await write()
    before = store._wire
    await store.call("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(GateUnavailableError):
        await write()
    assert before is not None
    assert before.lost
    await store.call("REPLICAOF", "NO", "ONE")
    assert await write()
    assert store._wire is not before


async def test_a_script_that_redis_refuses_is_told_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    await store.call("SET", "nvr:{gate}:totals", "no hash")
    for _ in range(2):
        with pytest.raises(GateUnavailableError):
            await store.run("gate/totals", ["nvr:{gate}:totals"], [])
    assert caplog.text.count("WRONGTYPE") == 1


async def test_however_many_calls_wait_one_connects(
    store: Store, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, really = 0, Wire.open

    async def counted(connection: object) -> Wire:
        nonlocal opened
        opened += 1
        return await really(connection)  # type: ignore[arg-type]

    monkeypatch.setattr(Wire, "open", counted)
    redis_server.kill()
    failures = await asyncio.gather(*(store.ping() for _ in range(500)), return_exceptions=True)
    assert {type(failure) for failure in failures} == {GateUnavailableError}
    assert opened == 1
    redis_server.start()
    await asyncio.gather(*(store.ping() for _ in range(500)))
    assert opened == 2


async def test_who_leaves_while_it_connects_does_not_stop_it_for_others(store: Store) -> None:
    leaving = asyncio.create_task(store.ping())
    staying = asyncio.create_task(store.ping())
    await asyncio.sleep(0)
    leaving.cancel()
    await staying


async def test_an_address_cannot_ask_for_what_the_connection_does_not_speak(redis_server: RedisServer) -> None:
    wire = await Wire.open(dialer(f"{redis_server.url}?protocol=3"))
    told = await wire.call("HELLO")
    assert told[told.index("proto") + 1] == 2
    wire.close()
