"""Hashes passwords of a worker's requests one at a time in a thread, on Linux with low priority, so that many log-ins do
not slow down streams.

Each log-in needs one hash, which takes a third of a second by design. Few log-ins may wait; others are told to try
again. A command such as `manage.py createsuperuser` hashes at once, in the main thread: no streams run there, and it
could not try again.
"""

import os
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from django.contrib.auth.hashers import PBKDF2PasswordHasher

NICENESS = 10  # about a tenth of a core while streams need all of it
PLACES = 8  # hashes per worker, running or waiting
TIMEOUT = 5.0  # seconds that a request waits; nginx considers a worker dead after 9 s without an answer


class TooManyLogIns(Exception):
    """Too many passwords are being checked. Try again in a few seconds."""


def _lower_priority() -> None:
    if sys.platform == "linux":  # on other systems, a priority belongs to the process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_places = threading.BoundedSemaphore(PLACES)
_pool = ThreadPoolExecutor(1, "password", initializer=_lower_priority)


class QueuedPBKDF2PasswordHasher(PBKDF2PasswordHasher):
    """Django's PBKDF2 hasher with a queue: a thread computes one hash after the other. The main thread hashes at
    once, without the queue. Only commands hash there: a worker runs its event loop in it, and requests in other
    threads.

    Raises `TooManyLogIns` if `PLACES` hashes of this worker are running or waiting, or if the hash is not ready in
    `TIMEOUT` seconds, its wait in the queue included.
    """

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        if threading.current_thread() is threading.main_thread():
            return super().encode(password, salt, iterations)
        if not _places.acquire(blocking=False):
            raise TooManyLogIns
        future = _pool.submit(super().encode, password, salt, iterations)
        future.add_done_callback(_leave)
        try:
            return future.result(TIMEOUT)
        except TimeoutError as error:
            future.cancel()  # works only while it waits
            raise TooManyLogIns from error


def _leave(_: "Future[str]") -> None:
    _places.release()
