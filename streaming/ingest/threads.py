"""An executor for threads that read cameras, and a queue by which such a thread lets the event loop call functions."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class FullError(RuntimeError):
    """The executor already runs as many jobs as it may. Jobs are not queued, because a job may last for hours."""


class ThreadPerJobExecutor(Executor):
    """Runs each job in a new daemon thread, at most `most` at once.

    At shutdown, the owner ends the jobs and calls `join`. With a ThreadPoolExecutor, the interpreter's exit would wait
    for its threads without a limit, before any hook can stop the jobs.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most, self._name = most, name
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def submit(self, job: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start `job` in a new thread. Returns its future. Raises FullError if too many jobs are running."""
        future: Future[Any] = Future()
        thread = threading.Thread(target=self._run, args=(future, job, args, kwargs), name=self._name, daemon=True)
        with self._lock:
            if len(self._threads) >= self._most:
                raise FullError
            self._threads.add(thread)
        thread.start()
        return future

    def _run(self, future: Future[Any], job: Callable[..., Any], args: Any, kwargs: Any) -> None:
        future.set_running_or_notify_cancel()
        result, error = None, None
        try:
            result = job(*args, **kwargs)
        except BaseException as failure:  # noqa: BLE001 - raised by the future
            error = failure
        with self._lock:  # before the future is done: its callbacks may submit the next job
            self._threads.discard(threading.current_thread())
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def join(self, seconds: float) -> bool:
        """Wait until all threads have ended, for `seconds` at most in total. Returns whether they have."""
        deadline = time.monotonic() + seconds
        for thread in list(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))
        return not self._threads


class Inbox:
    """Function calls from other threads to the event loop in which the inbox was created. The loop runs them in order.

    Waking the loop costs more than most calls. So a call that is not urgent waits for the next urgent one, or until
    more than `MOST` calls wait.
    """

    MOST = 25  # calls that may wait before the loop is woken

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Callable[[Any], None], Any]] = deque()

    def put(self, handler: Callable[[Any], None], value: object, *, urgent: bool) -> None:
        """Let the loop call `handler(value)`: at once if `urgent`, otherwise perhaps later, with other calls.

        Any thread may call this. Raises RuntimeError if the loop is to be woken and is closed.
        """
        self._waiting.append((handler, value))
        if urgent or len(self._waiting) > self.MOST:
            self._loop.call_soon_threadsafe(self.handle)

    def handle(self) -> None:
        """Run all waiting calls. If one raises, this raises its exception, and the loop runs the others soon after.

        Only the loop's thread may call this.
        """
        try:
            while self._waiting:
                handler, value = self._waiting.popleft()
                handler(value)
        finally:
            if self._waiting:  # one handler has failed: the others still run
                self._loop.call_soon(self.handle)
