"""Keeps one worker process's copy of the stream limits in force up to date with the database."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from channels.db import database_sync_to_async

from streaming.errors import LimitsUnknownError
from streaming.limits import policy

logger = logging.getLogger(__name__)

RETRY = 2.0  # seconds until the next try after a failure
MAX_AGE = 30.0  # seconds after which the limits are read again in any case: Redis may have lost their version


class PolicyKeeper:
    def __init__(self, on_new_group: Callable[[], None], on_change: Callable[[], None]) -> None:
        """`on_new_group`: called after the reserved slots came to a user group, went to another one, or to none.
        `on_change`: called after any change of the limits. The first read may change them from the defaults.
        """
        self._on_new_group, self._on_change = on_new_group, on_change
        self.policy = policy.defaults()
        self._version = ""  # the version of the limits in Redis, as heard last
        self._loaded: str | None = None  # the version that was read last; None: none yet
        self._wakeup = asyncio.Event()
        self._tried = asyncio.Event()  # set after the first attempt, also if it failed

    async def known(self) -> policy.Policy:
        """Returns the limits in force. Waits for the first attempt to read them. Raises LimitsUnknownError if no
        attempt has succeeded yet.
        """
        await self._tried.wait()
        if self._loaded is None:
            raise LimitsUnknownError(retry_after=5)
        return self.policy

    def hear(self, version: str) -> None:
        """Take note of the version of the limits in force, which Redis has told. If this worker has read another
        version, the limits are read again.
        """
        self._version = version
        if version != self._loaded:
            self.reload()

    def reload(self) -> None:
        """Let the task of `run` read the limits now, without waiting for it."""
        self._wakeup.set()

    async def run(self) -> None:
        """Read the limits from the database until cancelled: at once, after each `reload`, and every `MAX_AGE` seconds.
        After a failure, logs it, keeps the last limits in force, and tries again after `RETRY` (2) seconds.
        """
        while True:
            self._wakeup.clear()
            version = self._version
            try:
                known, self.policy = self.policy, await database_sync_to_async(policy.load)()
                self._loaded = version
            except Exception:
                logger.exception("The limits could not be read; those known so far stay in force")
                self._tried.set()
                await asyncio.sleep(RETRY)
                continue
            self._tried.set()
            if self.policy.reserved_group != known.reserved_group:
                self._on_new_group()
            if self.policy != known:
                self._on_change()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MAX_AGE):
                    await self._wakeup.wait()
