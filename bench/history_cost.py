"""The cost of writing history and reports for a worker, as a share of one core, by the kernel's accounting.

    .venv/bin/python -m bench.history_cost --minutes 300

A minute of history costs a write from Redis to SQLite on a disk (the counters of a minute with 100 viewers, and 20
refusals), five polls that find nothing, and the purge of one minute. One worker does all of it, though workers
share the writing in production. A report is what a worker sends to Redis each second. The cost for Redis is a
figure of its own.
"""

import asyncio
import json
import os
import statistics
import tempfile
import time
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import django
import psutil
import redis
from django.core.management import call_command

from bench.results import Results, arguments
from tests.servers import RedisServer, environment_of

VIEWERS = 100
REFUSALS = 20  # a minute
LOOKS = 5  # polls that find nothing, a minute
FIRST = 28_000_000  # a minute in the past, since 1970
AIM = 1.0  # percent of a core


def fill(client: "redis.Redis", minute: int) -> None:
    """Put what workers count in one minute into Redis, with its refusals. `minute`: since 1970."""
    from streaming.store.keys import MINUTE, MINUTES, REFUSAL_LIST

    counts = {"granted": 60, "peak": VIEWERS, "limit": VIEWERS, "peak_kbps": 210_000, "bytes": 1_500_000_000}
    reasons = ("limit_reached", "user_limit_reached", "camera_limit_reached", "bandwidth_reached")
    found: dict[Any, Any] = {
        **counts,
        "full_ms": 30_000,
        **{f"refused:{reason}": 5 for reason in reasons},
        **{f"arrivals:{in_use}": 7 for in_use in range(VIEWERS - 8, VIEWERS)},
    }
    client.hset(f"{MINUTE}{minute}", mapping=found)
    client.zadd(MINUTES, {str(minute): minute})
    client.rpush(REFUSAL_LIST, *(json.dumps(refusal(number)) for number in range(REFUSALS)))


def refusal(number: int) -> dict[str, object]:
    return {
        "id": str(uuid.uuid4()),
        "time": time.time() * 1000,
        "user": f"viewer {number}",
        "user_id": str(number),
        "camera": "Loading bay, north side",
        "camera_id": str(uuid.uuid4()),
        "quality": "medium",
        "address": "2001:db8::4711",
        "reason": "limit_reached",
        "in_use": VIEWERS,
        "limit": VIEWERS,
        "dry_run": False,
    }


async def measure(server: RedisServer, minutes: int, results: Results) -> None:
    """Measure the writing and purging of so many minutes of history. Adds a row to `results`. Raises AssertionError
    above `AIM`.
    """
    from streaming.reports import recorder
    from streaming.store.scripts import Store

    assert server.process is not None
    process = psutil.Process(server.process.popen.pid)
    store = Store(server.url)
    writes, looks, of_redis = list[float](), list[float](), list[float]()
    with redis.Redis.from_url(server.url) as client:
        for minute in range(FIRST, FIRST + minutes + 1):
            fill(client, minute)
            in_redis, began = _cpu(process), time.process_time()
            await recorder.write_out(store)
            written = time.process_time()
            for _ in range(LOOKS):
                await recorder.write_out(store)
            looks.append(time.process_time() - written)
            writes.append(written - began)
            of_redis.append(_cpu(process) - in_redis)
    await store.close()
    # Without the first minute, which opens connections and fills caches: once in the life of a worker.
    add(writes[1:], looks[1:], of_redis[1:], await purge(minutes), results)


async def purge(minutes: int) -> float:
    """Purge the written history, and all refusals, from the database. `minutes`: how many were written, without
    the first. Returns the seconds of CPU for one minute with its refusals."""
    from channels.db import database_sync_to_async

    from streaming.models import Refusal
    from streaming.reports import retention

    began = time.process_time()
    deleted = await database_sync_to_async(retention.purge)()
    refusals = await database_sync_to_async(Refusal.objects.all().delete)()
    assert deleted >= minutes
    assert refusals[0] == REFUSALS * (minutes + 1)
    return (time.process_time() - began) / minutes


def add(writes: list[float], looks: list[float], of_redis: list[float], purging: float, results: Results) -> None:
    total = statistics.mean(writes) + statistics.mean(looks) + purging
    share = total / 60 * 100
    results.add(
        what="history of a minute",
        minutes=len(writes),
        write_ms=statistics.mean(writes) * 1000,
        looks_ms=statistics.mean(looks) * 1000,
        purge_ms=purging * 1000,
        redis_ms=statistics.mean(of_redis) * 1000,
        share_of_a_core_percent=share,
    )
    assert share < AIM, f"{share:.2f} % of a core"


async def report(server: RedisServer, seconds: int, results: Results) -> None:
    """Measure `seconds` reports of a worker to Redis, sent without a pause; in production there is one a second. A report
    has the rates of all viewings, counts, and the minute's maxima. Adds a row to `results`. Raises AssertionError if a
    report takes more of the worker's second than `AIM` percent.
    """
    from streaming.gate.leases import Holder, Limit, Rate, Slot, Terms
    from streaming.limits.policy import Policy
    from streaming.reports.counters import Counters
    from streaming.reports.reporter import Reporter, ReportSource
    from streaming.reports.traffic import Traffic
    from streaming.store.scripts import Store

    holder = Holder("Ada", "Yard", "1", "medium", "::1", 0)
    terms = Terms((Limit("set", 1),), Rate("1:medium", 7_000))
    slots = (Slot(f"worker:{number:016}", holder, terms) for number in range(VIEWERS))
    viewings = [SimpleNamespace(slot=slot, traffic=Traffic()) for slot in slots]
    counters, store = Counters(), Store(server.url)
    source = ReportSource(lambda: viewings, dict, lambda: Policy(VIEWERS, 0, 0, 0, 1))
    reporter = Reporter(store, "worker", counters, source, lambda version, orders: None, 15)
    await reporter.send()
    assert server.process is not None
    process = psutil.Process(server.process.popen.pid)
    began, in_redis = time.process_time(), _cpu(process)
    for _ in range(seconds):
        for viewing in viewings:
            viewing.traffic.sent(80_000)
        counters.add("frames:jpeg", VIEWERS * 10)
        counters.add("bytes", VIEWERS * 800_000)
        reporter.sample()
        await reporter.send()
    spent = (time.process_time() - began) / seconds
    results.add(
        what="report of a second",
        viewers=VIEWERS,
        report_ms=spent * 1000,
        redis_ms=(_cpu(process) - in_redis) / seconds * 1000,
        share_of_a_core_percent=spent * 100,
    )
    await store.close()
    assert spent * 100 < AIM, f"{spent * 100:.2f} % of a core"


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=int, default=300, help="minutes that are written")
    options = parser.parse_args()
    with (
        Results("history_cost", options.results) as results,
        results.attempt("history"),
        tempfile.TemporaryDirectory(prefix="nvr-bench-") as name,
        RedisServer(Path(name)) as server,
    ):
        os.environ.update(environment_of(Path(name), REDIS_URL=server.url))
        django.setup()
        call_command("migrate", verbosity=0)
        asyncio.run(measure(server, options.minutes, results))
        asyncio.run(report(server, options.minutes, results))


if __name__ == "__main__":
    main()
