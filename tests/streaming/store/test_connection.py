"""One connection to Redis: order of replies, cancellation, silence."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import hiredis
import pytest

from streaming.store.connection import REPLY_TIMEOUT, Dialer, TooLateError, Wire, WireLostError
from tests.servers import RedisServer

WORK = "for _ = 1, 2000000 do end return 'done'"  # about ten milliseconds; all calls take several deadlines
LARGE = "x" * 16_000  # Redis sends the replies of all commands of one read together, so each command fills a read


@pytest.fixture
async def wire(redis_server: RedisServer) -> AsyncIterator[Wire]:
    wire = await Wire.open(Dialer(redis_server.url))
    yield wire
    wire.close()


async def test_replies_have_the_order_of_the_calls(wire: Wire) -> None:
    assert await asyncio.gather(*(wire.call("ECHO", str(number)) for number in range(500))) == [
        str(number) for number in range(500)
    ]


async def test_a_cancelled_call_takes_place_and_keeps_its_order(wire: Wire) -> None:
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


@pytest.mark.timing("measures how long a call on a silent Redis takes")
async def test_a_silent_redis_ends_all_calls_in_time_and_none_hangs(wire: Wire, redis_server: RedisServer) -> None:
    assert redis_server.process is not None
    redis_server.process.signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        calls = [wire.call("PING") for _ in range(3)]
        for call in calls:
            with pytest.raises(WireLostError):
                await call
        assert REPLY_TIMEOUT * 0.9 < time.monotonic() - started < REPLY_TIMEOUT + 2
        assert wire.lost
        with pytest.raises(WireLostError):
            await wire.call("PING")
    finally:
        redis_server.process.signal(signal.SIGCONT)


async def test_a_busy_redis_keeps_its_connection_but_calls_that_wait_too_long_fail(wire: Wire) -> None:
    calls = [wire.call("EVAL", WORK, 0, LARGE) for _ in range(400)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes[0] == "done"
    assert isinstance(outcomes[-1], TooLateError)
    assert not [outcome for outcome in outcomes if isinstance(outcome, WireLostError)]
    assert await _in_the_end(wire) == "PONG"


async def _in_the_end(wire: Wire) -> object:
    """Returns the reply on the same connection, after Redis has worked through the calls that were too late."""
    async with asyncio.timeout(40):
        while True:
            try:
                return await wire.call("PING")
            except TooLateError:
                continue


async def test_an_address_cannot_ask_for_what_the_connection_does_not_speak(redis_server: RedisServer) -> None:
    wire = await Wire.open(Dialer(f"{redis_server.url}?protocol=3"))
    told = await wire.call("HELLO")
    assert told[told.index("proto") + 1] == 2
    wire.close()
