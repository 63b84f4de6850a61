"""The capture threads: their executor, a thread for each camera, as many as a worker may open; and their way to the loop."""

import asyncio
import contextlib
import ctypes
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

_libc = ctypes.CDLL(None)


def trim_memory() -> None:
    """Give back to the system what has been freed. Takes milliseconds."""
    with contextlib.suppress(AttributeError):
        _libc.malloc_trim(0)


class FullError(RuntimeError):
    """Every thread is busy; nothing is queued, because a job here lasts as long as somebody watches."""


class ThreadPerJobExecutor(Executor):
    """Not a ThreadPoolExecutor: the interpreter waits for the threads of one without a limit when it ends, and before any
    hook of ours can ask them to stop. These are daemon threads, told to stop by their owner and joined for a limited time.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most, self._name = most, name
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def submit(self, job: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start `job` in a thread of its own; raises FullError when `most` are running."""
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
        except BaseException as failure:  # noqa: BLE001 - handed to whoever waits for the future
            error = failure
        with self._lock:  # before the future tells: whoever hears of the end may start the next job
            self._threads.discard(threading.current_thread())
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def join(self, seconds: float) -> bool:
        """Wait until every thread has ended, for `seconds` at most in all; returns whether all have."""
        deadline = time.monotonic() + seconds
        for thread in list(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))
        return not self._threads


class Inbox:
    """What a thread hands to the loop on which this was made, handled in the order in which it came.

    To wake the loop costs more than most of what it then does: what is not urgent waits for what is.
    """

    MOST = 25  # that wait: then the loop is woken for them

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Callable[[Any], None], Any]] = deque()

    def put(self, handler: Callable[[Any], None], value: object, *, urgent: bool) -> None:
        """From any thread: have the loop call `handler(value)`. Raises RuntimeError where it is to be woken and closed."""
        self._waiting.append((handler, value))
        if urgent or len(self._waiting) > self.MOST:
            self._loop.call_soon_threadsafe(self.handle)

    def handle(self) -> None:
        """On the loop: all that waits."""
        try:
            while self._waiting:
                handler, value = self._waiting.popleft()
                handler(value)
        finally:
            if self._waiting:  # one handler has failed, which is nothing to the others
                self._loop.call_soon(self.handle)
