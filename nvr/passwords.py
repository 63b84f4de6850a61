"""Password hashes, made one at a time and at low priority: a flood of log-ins leaves the processor to the streams.

A hash costs a third of a second on purpose, and each log-in needs one. Few may wait; the others are told to try again.
"""

import os
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from django.contrib.auth.hashers import PBKDF2PasswordHasher

NICENESS = 10  # about a tenth of a core when streams want all of it
PLACES = 8  # hashes of one worker that are being made or wait
PATIENCE = 5.0  # seconds that a request waits; nginx takes a worker that says nothing for 9 s for dead


class TooManyLogIns(Exception):
    """Too many passwords are being checked. Try again in a few seconds."""


def _lower_priority() -> None:
    if sys.platform == "linux":  # elsewhere a priority is the process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_places = threading.BoundedSemaphore(PLACES)
_pool = ThreadPoolExecutor(1, "password", initializer=_lower_priority)


class QueuedPBKDF2PasswordHasher(PBKDF2PasswordHasher):
    """Django's own hashes, made in the queue.

    Raises `TooManyLogIns` where the queue is full, or the hash is not there within `PATIENCE`.
    """

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        if not _places.acquire(blocking=False):
            raise TooManyLogIns
        future = _pool.submit(super().encode, password, salt, iterations)
        future.add_done_callback(_leave)
        try:
            return future.result(PATIENCE)
        except TimeoutError as error:
            future.cancel()  # if it waits still
            raise TooManyLogIns from error


def _leave(_: "Future[str]") -> None:
    _places.release()
