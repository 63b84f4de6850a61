"""Keeps the limits in force at hand for one worker."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from channels.db import database_sync_to_async

from streaming.errors import GateUnavailableError
from streaming.limits import policy

logger = logging.getLogger(__name__)

RETRY = 2.0  # seconds until the next try after a failure
MAX_AGE = 30.0  # seconds after which the limits are read again in any case: Redis may have lost their version


class PolicyKeeper:
    def __init__(self, on_new_group: Callable[[], None]) -> None:
        """`on_new_group`: called after the reserved slots went to another group."""
        self._on_new_group = on_new_group
        self.policy = policy.defaults()
        self._version = ""  # the version of the limits in Redis, as heard last
        self._loaded: str | None = None  # the version that was read last
        self._wakeup, self._tried = asyncio.Event(), asyncio.Event()

    async def known(self) -> policy.Policy:
        """The limits in force. Waits until they have been read once. Raises GateUnavailableError if that has failed."""
        await self._tried.wait()
        if self._loaded is None:
            raise GateUnavailableError("The limits cannot be read right now.", retry_after=5)
        return self.policy

    def hear(self, version: str) -> None:
        """Read the limits if this is another version of them."""
        self._version = version
        if version != self._loaded:
            self.reload()

    def reload(self) -> None:
        """Read the limits now."""
        self._wakeup.set()

    async def run(self) -> None:
        """Read the limits for ever: at once, after each `reload`, and every `MAX_AGE` seconds."""
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
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MAX_AGE):
                    await self._wakeup.wait()
