"""An error, or a cancellation, at each await between acquire and release: no slot, no feed, no camera is left behind.

The tasks of a viewing are driven step by step through a task factory; at the n-th suspension, whichever task it is in,
that task is cancelled, or the awaited call raises. n runs over all suspensions from the start to the first pictures.
"""

import asyncio
import contextlib
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

from tests.servers import PATIENCE
from tests.streaming.viewing.harness import LIMITS, Bench, allowance, bench, lease, until

__all__ = ["allowance", "bench", "lease"]

SETTLE = 0.15  # seconds in which a viewing that is left alone reaches its first pictures


class Injected(Exception):
    """An error that no code expects."""


class Injector:
    """A task factory that counts the suspensions of the tasks it makes and throws at the chosen one."""

    def __init__(self, step: int, error: Callable[[], BaseException]) -> None:
        self._step, self._error = step, error
        self.count = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, job: Any, **options: Any) -> "asyncio.Task[Any]":
        task = asyncio.Task(self._drive(job), loop=loop, **options)
        task.add_done_callback(lambda _: job.close())  # cancelled before its first step, the driver never began it
        return task

    async def _drive(self, job: Coroutine[Any, Any, Any]) -> Any:
        return await self._steps(job)

    @types.coroutine
    def _steps(self, job: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        send: Any = job.send
        value: Any = None
        while True:
            try:
                suspended = send(value)
            except StopIteration as stop:
                return stop.value
            self.count += 1
            if self.count == self._step and self._error is asyncio.CancelledError:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            elif self.count == self._step and not _waits_for_its_own(job):
                if getattr(suspended, "_asyncio_future_blocking", None):
                    suspended._asyncio_future_blocking = False
                send, value = job.throw, self._error()
                continue
            try:
                value = yield suspended
                send = job.send
            except BaseException as error:  # noqa: BLE001 - handed on into the task
                send, value = job.throw, error


def _waits_for_its_own(job: Any) -> bool:
    """Whether the task waits inside a TaskGroup for its children: that can be cancelled, but not fail."""
    while job is not None:
        if (code := getattr(job, "cr_code", None)) is not None and code.co_filename.endswith("taskgroups.py"):
            return True
        job = getattr(job, "cr_await", None)
    return False


async def run_with(bench: Bench, step: int, error: Callable[[], BaseException], patience: float = SETTLE) -> int:
    """One viewing with an error at `step`; returns how many suspensions it had until it was ended."""
    loop = asyncio.get_running_loop()
    injector = Injector(step, error)
    viewing, viewer = bench.viewing()
    loop.set_task_factory(injector)
    try:
        task = loop.create_task(viewing.run(LIMITS))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while len(viewer.sequences) < 3 and not task.done():
                    await asyncio.sleep(0.002)
    finally:
        loop.set_task_factory(None)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
    return injector.count


@pytest.mark.parametrize("error", [Injected, asyncio.CancelledError])
async def test_an_error_at_any_await_leaves_nothing_behind(bench: Bench, error: Callable[[], BaseException]) -> None:
    async with bench.hub.feed("1", bench.source, "low") as feed:
        await feed.mailbox.take()  # the camera runs: a viewing is soon at its pictures
        suspensions = await run_with(bench, 0, error, 20)
        assert suspensions > 10
        for step in range(1, suspensions + 1):
            await run_with(bench, step, error)
            async with asyncio.timeout(PATIENCE):
                while await bench.in_use():
                    await asyncio.sleep(0.01)
    await until(lambda: not bench.hub.conditions())
    await until(lambda: bench.camera.connections == 0)
