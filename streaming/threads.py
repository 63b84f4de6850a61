"""The executor of the capture threads: a thread for each camera, as many as a worker may open.

Not a ThreadPoolExecutor: the interpreter waits for the threads of one without a limit when it ends, and before any
hook of ours can ask them to stop. These are daemon threads, told to stop by their owner and joined for a limited time.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class FullError(RuntimeError):
    """Every thread is busy; nothing is queued, because a job here lasts as long as somebody watches."""


class ThreadPerJobExecutor(Executor):
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
