"""Many workers call Redis less often, so that its load does not grow with them."""

import asyncio
import contextlib
import time

import pytest

from streaming.reports.cached import FRESH, Cached
from streaming.reports.pace import BUSY, SLOWEST, Pace
from streaming.reports.reporter import INTERVAL, Reporter
from streaming.store.keys import WORKERS
from streaming.store.scripts import Store
from tests.streaming.reports.reporters import reporter


def paced(workers: int) -> Pace:
    pace = Pace()
    pace.hear(workers)
    return pace


@pytest.mark.parametrize(
    ("workers", "factor"), [(1, 1), (BUSY, 1), (BUSY + 1, 2), (4 * BUSY, 4), (100 * BUSY, SLOWEST)]
)
def test_more_workers_stretch_the_interval_up_to_an_end(workers: int, factor: int) -> None:
    assert paced(workers).stretch(0.5) == factor / 2


async def add_workers(store: Store, number: int) -> None:
    ends = round((time.time() + 60) * 1000)
    await store.call("ZADD", WORKERS, *(part for n in range(number) for part in (ends, f"other-{n}")))


async def reports_in(reports: Reporter, counted: list[float], seconds: float) -> int:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await reports.run()
    return len(counted)


@pytest.mark.timing("measures how soon a change is reported")
async def test_a_worker_among_many_reports_less_often_and_at_once_if_something_has_changed(store: Store) -> None:
    counted: list[float] = []
    reports, _ = reporter(store, receive=lambda *_: counted.append(time.monotonic()))
    await add_workers(store, 3 * BUSY)
    await reports.send()
    reports.soon()
    assert await reports_in(reports, counted, 2.5 * INTERVAL) == 2  # the first, and the change
    assert counted[1] - counted[0] < 0.5 * INTERVAL


async def test_pages_read_less_often_where_workers_are_many() -> None:
    readings = 0

    async def read() -> int:
        nonlocal readings
        readings += 1
        return readings

    few, many = Cached(read, 0, paced(1)), Cached(read, 0, paced(3 * BUSY))
    assert [await few.get(), await many.get()] == [1, 2]
    await asyncio.sleep(1.1 * FRESH)
    assert [await few.get(), await many.get()] == [3, 2]
