"""The executor of the capture threads, and the inbox to the event loop."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from streaming.ingest.threads import FullError, Inbox, ThreadPerJobExecutor


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """The event that ends the jobs of a test. It is set after the test, so that no thread outlives it."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def executor(release: threading.Event) -> Iterator[ThreadPerJobExecutor]:
    made = ThreadPerJobExecutor(2, name="a test's job")
    yield made
    release.set()
    assert made.join(5)


def test_jobs_run_in_parallel_and_one_too_many_is_refused(
    executor: ThreadPerJobExecutor, release: threading.Event
) -> None:
    together = threading.Barrier(3)
    for _ in range(2):
        executor.submit(lambda: (together.wait(5), release.wait(30)))
    together.wait(5)
    with pytest.raises(FullError):
        executor.submit(print)


def test_the_place_of_a_job_that_has_ended_is_free(executor: ThreadPerJobExecutor) -> None:
    for number in range(20):
        assert executor.submit(lambda number=number: number).result(5) == number
        assert executor.join(5)


def test_a_callback_of_a_job_s_end_can_start_the_next_job() -> None:
    """The hub waits for a camera's thread, and opens the next camera in its place."""
    executor = ThreadPerJobExecutor(1, name="a test's job")
    told = threading.Event()
    outcome: list[Future[Any] | FullError] = []

    def start_next(_: object) -> None:
        try:
            outcome.append(executor.submit(lambda: "next"))
        except FullError as error:
            outcome.append(error)
        told.set()

    release = threading.Event()
    executor.submit(release.wait, 5).add_done_callback(start_next)
    release.set()
    assert told.wait(5)
    assert executor.join(5)
    assert not isinstance(outcome[0], FullError)


def test_an_exception_of_a_job_is_raised_by_its_future(executor: ThreadPerJobExecutor) -> None:
    def fail(what: str, *, how: type[BaseException]) -> None:
        raise how(what)

    with pytest.raises(ValueError, match="the camera"):
        executor.submit(fail, "the camera", how=ValueError).result(5)
    with pytest.raises(SystemExit):
        executor.submit(fail, "the thread", how=SystemExit).result(5)


def test_join_is_limited_in_time_and_returns_whether_all_have_ended(
    executor: ThreadPerJobExecutor, release: threading.Event
) -> None:
    for _ in range(2):
        executor.submit(release.wait, 30)
    started = time.monotonic()
    assert not executor.join(0.3)
    assert 0.3 <= time.monotonic() - started < 5
    release.set()
    assert executor.join(5)


def test_a_job_that_hangs_does_not_keep_the_process_alive(executor: ThreadPerJobExecutor) -> None:
    assert executor.submit(threading.current_thread).result(5).daemon


# The inbox.


@pytest.fixture
async def inbox() -> Inbox:
    return Inbox()


async def test_an_urgent_call_wakes_the_loop_which_runs_earlier_calls_first(inbox: Inbox) -> None:
    seen: list[object] = []
    for number in range(3):
        await asyncio.to_thread(inbox.put, seen.append, number, urgent=False)
    await asyncio.sleep(0.05)
    assert seen == []
    await asyncio.to_thread(inbox.put, seen.append, 3, urgent=True)
    await asyncio.sleep(0.05)
    assert seen == [0, 1, 2, 3]


async def test_handle_runs_all_waiting_calls(inbox: Inbox) -> None:
    seen: list[object] = []
    inbox.put(seen.append, 1, urgent=False)
    inbox.handle()
    inbox.handle()
    assert seen == [1]


async def test_calls_that_are_not_urgent_do_not_pile_up(inbox: Inbox) -> None:
    seen: list[object] = []
    for number in range(Inbox.MOST + 1):
        inbox.put(seen.append, number, urgent=False)
    await asyncio.sleep(0)
    assert seen == list(range(Inbox.MOST + 1))


async def test_a_handler_that_fails_does_not_stop_the_others(inbox: Inbox) -> None:
    seen: list[object] = []
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    inbox.put(seen.append, 1, urgent=False)
    inbox.put(seen.remove, "not there", urgent=False)
    inbox.put(seen.append, 2, urgent=False)
    inbox.put(seen.append, 3, urgent=True)
    await asyncio.sleep(0.05)
    assert seen == [1, 2, 3]
    assert len(failures) == 1


def test_a_closed_loop_raises_runtime_error() -> None:
    async def made() -> Inbox:
        return Inbox()

    inbox = asyncio.run(made())
    with pytest.raises(RuntimeError):
        inbox.put(print, 1, urgent=True)
