"""Measures Redis for `bench.scale`: the CPU time for the calls of simulated workers, and the time of admissions.
A missed target counts as a failed attempt of `Results`, so the program exits with 1. Import it after
`django.setup()`.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from bench.meter import Meter
from bench.results import Results, percentile
from bench.simulated_workers import Worker, pass_time, simulated_time, site
from streaming.conf import Timing
from streaming.errors import GateUnavailableError
from streaming.gate.readings import read_summary
from streaming.limits.policy import Policy
from streaming.reports.cached import FRESH
from streaming.reports.camera_states import SERVES
from streaming.reports.reporter import INTERVAL
from tests.servers import RedisServer

HEARTBEAT = Timing(lease=15).heartbeat * 0.9  # seconds between two renewals, with the usual lease and jitter
OPEN = Policy(1_000_000, 0, 0, 0, 100_000)
BUDGET = replace(OPEN, max_mbps=1_000_000)
SETTLE = 10  # seconds of reports until the highest rate of each camera is known
REPORTS, ROUNDS = 10, 3  # rounds of all workers; each sends one of ten reports whole
MOST = 0.6  # of a Redis core, for reports, renewals and readings
SLOWER = 1.5  # times the acquire at ten leases
NEW_VIEWERS, IN_TIME = 500, 0.25  # of one second; seconds, 99 %

# The CPU time of Redis for each second.


async def rounds(crew: Sequence[Worker], number: int, interval: float) -> AsyncIterator[Worker]:
    """Yields each worker once in each of `number` rounds, and advances the clock of Redis's scripts by `interval`
    seconds at the beginning of a round.
    """
    for _ in range(number):
        await pass_time(crew[0].store, interval)
        for worker in crew:
            yield worker


async def measure_load(crew: Sequence[Worker], meter: Meter, results: Results) -> None:
    """Measure the CPU of Redis (`meter`) for the workers' reports, renewals of leases, and readings of the slots in use
    and of the cameras' states. Adds rows to `results`.
    """

    async def report(worker: Worker) -> None:
        for _ in range(round(worker.pace.stretch(INTERVAL))):
            worker.second()
        await worker.reporter.send()

    async def read(worker: Worker) -> None:
        await read_summary(worker.store, worker.name, rates=bool(worker.policy.budget))

    async def read_cameras(worker: Worker) -> None:
        await worker.cameras.read()

    pace = crew[0].pace
    async for worker in rounds(crew, SETTLE, pace.stretch(INTERVAL)):
        await report(worker)
    total = 0.0
    for what, call, interval, times in (
        ("reports", report, pace.stretch(INTERVAL), REPORTS),
        ("renewals", Worker.renew, HEARTBEAT, ROUNDS),
        ("readings of the slots in use", read, pace.stretch(FRESH), ROUNDS),
        ("readings of the cameras' states", read_cameras, pace.stretch(SERVES), ROUNDS),
    ):
        before, took = meter.cpu(), list[float]()
        async for worker in rounds(crew, times, interval):
            began = time.perf_counter()
            await call(worker)
            took.append(time.perf_counter() - began)
        spent = (meter.cpu() - before) / times
        total += spent / interval
        figures = {"redis_ms": spent / len(crew) * 1000, "share_of_a_core_percent": spent / interval * 100}
        results.add(what=what, workers=len(crew), **figures, **slowest(took))
    results.add(what="together", workers=len(crew), share_of_a_core_percent=total * 100)
    with results.attempt("together"):
        assert total < MOST, f"{total:.0%} of a Redis core"


def slowest(took: Sequence[float]) -> dict[str, float | None]:
    """Returns median and 99th percentile of `took`, seconds, as `ms_p50` and `ms_p99`, milliseconds; 0 if empty."""
    return {"ms_p50": (percentile(took, 50) or 0) * 1000, "ms_p99": (percentile(took, 99) or 0) * 1000}


# Admissions.


async def measure_acquire(crew: Sequence[Worker], rounds: int) -> float:
    """Admit and release `rounds` viewers, one after the other. Returns the median of an admission, seconds."""
    took = []
    for number in range(rounds):
        worker = crew[number % len(crew)]
        slot = worker.new_viewer(1_000_000 + number, worker.policy)
        before = time.perf_counter()
        answer = await worker.scripts.acquire(slot, reentry=False)
        took.append(time.perf_counter() - before)
        assert answer[0] == "granted", answer
        await worker.scripts.release([slot])
    return percentile(took, 50) or 0


async def measure_acquires(url: str, options: Any, results: Results) -> None:
    """Time an admission with ten leases in Redis, and with `options.viewers` for each of `options.workers`; both without
    and with a bandwidth budget. Adds rows to `results`.
    """
    for what, policy in (("without a budget", OPEN), ("with a budget", BUDGET)):
        few = 0.0
        for workers, viewers in ((1, 10), (options.workers, options.viewers)):
            async with site(url, workers, viewers, options.cameras, policy) as crew:
                seconds = await measure_acquire(crew, options.rounds)
            few = few or seconds
            results.add(what=f"acquire {what}", leases=workers * viewers, us_p50=seconds * 1e6, ratio=seconds / few)
        with results.attempt(f"acquire {what}"):
            assert seconds < SLOWER * few, f"{seconds / few:.1f} times that at ten leases"


async def measure_rush(url: str, options: Any, results: Results) -> None:
    """Time the admission of `NEW_VIEWERS` new viewers, who come within one second; both without and with a budget.
    Meanwhile, workers with 10,000 viewers together (`options.viewers` each) go on with reports and renewals. Adds
    rows to `results`.
    """
    workers = max(1, 10_000 // options.viewers)
    for what, policy in (("without a budget", OPEN), ("with a budget", BUDGET)):
        async with AsyncExitStack() as stack:
            crew = await stack.enter_async_context(site(url, workers, options.viewers, options.cameras, policy))
            others = asyncio.create_task(_go_on(crew))
            took = await asyncio.gather(*(_admitted(crew[n % workers], n) for n in range(NEW_VIEWERS)))
            others.cancel()
        admitted = [seconds for seconds in took if seconds is not None]
        facts = {"leases": workers * options.viewers, "new_viewers": NEW_VIEWERS, "admitted": len(admitted)}
        results.add(what=f"a rush {what}", **facts, **slowest(admitted))
        with results.attempt(f"a rush {what}"):
            assert len(admitted) == NEW_VIEWERS
            assert (percentile(admitted, 99) or 0) < IN_TIME


async def _go_on(crew: Sequence[Worker]) -> None:
    """Send the reports and renewals of each worker about once a second, until cancelled."""
    for worker in itertools.cycle(crew):
        with contextlib.suppress(GateUnavailableError):
            await worker.reporter.send()
            await worker.renew()
        await asyncio.sleep(1 / len(crew))


async def _admitted(worker: Worker, number: int) -> float | None:
    await asyncio.sleep(number / NEW_VIEWERS)
    before = time.perf_counter()
    try:
        answer = await worker.scripts.acquire(worker.new_viewer(2_000_000 + number, worker.policy), reentry=False)
    except GateUnavailableError:
        return None
    return time.perf_counter() - before if answer[0] == "granted" else None


async def measure(server: RedisServer, options: Any, results: Results) -> None:
    assert server.process is not None
    meter = Meter(server.process.popen.pid)
    for policy, what in ((OPEN, "without a budget"), (BUDGET, "with a budget")):
        with simulated_time():
            async with site(server.url, options.workers, options.viewers, options.cameras, policy) as crew:
                results.add(what=what, leases=len(crew) * options.viewers)
                await measure_load(crew, meter, results)
    await measure_acquires(server.url, options, results)
    await measure_rush(server.url, options, results)
