"""Readings of the product from outside: unexpired leases in Redis, file descriptors of workers."""

import asyncio
import contextlib
import time

import psutil
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bench.history import Event, Recorder
from bench.leases import COUNT_UNEXPIRED
from streaming.store.keys import SERVER_SET
from tests.servers import RedisServer, Worker


def connected(store: RedisServer) -> "redis.asyncio.Redis":
    return redis.asyncio.Redis.from_url(
        store.url, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0)
    )


def descriptors(worker: Worker) -> int:
    """Returns the number of open file descriptors of the worker's process."""
    return int(psutil.Process(worker.process.popen.pid).num_fds())


async def count_leases(client: "redis.asyncio.Redis") -> int:
    return int(await client.eval(COUNT_UNEXPIRED, 1, SERVER_SET))


async def observe(store: RedisServer, recorder: Recorder, limit: int) -> None:
    """Record the number of unexpired leases (one per running stream) and the limit ten times a second, until cancelled.
    The number is None while Redis does not answer.
    """
    while True:
        async with connected(store) as client:
            with contextlib.suppress(redis.RedisError, OSError):
                while True:
                    count = await count_leases(client)
                    recorder.add(Event("observed", time.monotonic(), count=count, limit=limit))
                    await asyncio.sleep(0.1)
        recorder.add(Event("observed", time.monotonic(), limit=limit))
        await asyncio.sleep(0.1)
