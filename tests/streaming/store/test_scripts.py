"""The store of the gate: reconnects, refusals, replicas, passwords."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from streaming.errors import GateUnavailableError
from streaming.store.connection import DEADLINE, Wire
from streaming.store.scripts import Store
from tests.servers import RedisServer


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[Store]:
    store = Store(redis_server.url)
    yield store
    await store.close()


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


async def test_after_a_failover_a_new_connection_follows_the_address(store: Store) -> None:
    def write() -> Awaitable[object]:
        return store.run("reports/claim_turn", ["nvr:{gate}:test"], ["token", 1000])

    await write()
    before = await store.call("CLIENT", "ID")
    await store.call("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(GateUnavailableError):
        await write()
    await store.call("REPLICAOF", "NO", "ONE")
    assert await write()
    assert await store.call("CLIENT", "ID") != before


async def test_a_script_that_redis_refuses_is_logged_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    await store.call("SET", "nvr:{gate}:totals", "no hash")
    for _ in range(2):
        with pytest.raises(GateUnavailableError):
            await store.run("gate/totals", ["nvr:{gate}:totals"], [])
    assert caplog.text.count("WRONGTYPE") == 1


@pytest.mark.timing("500 calls are answered within the deadline of a call")
async def test_many_waiting_calls_share_one_connection_attempt(
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


async def test_a_caller_that_leaves_while_it_connects_does_not_stop_it_for_others(store: Store) -> None:
    leaving = asyncio.create_task(store.ping())
    staying = asyncio.create_task(store.ping())
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
