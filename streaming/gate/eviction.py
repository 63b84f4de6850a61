"""Warns if Redis has a limit of memory and may evict keys when it is full: they may be leases of running streams. The
gate, which limits the streams, notices a loss, but then makes new viewers wait, again and again.
"""

import asyncio
import logging

from streaming.errors import GateUnavailableError
from streaming.store.scripts import Store

logger = logging.getLogger(__name__)

INTERVAL = 60.0  # seconds between two readings
RETRY = 2.0  # seconds until a reading that failed is tried again


class EvictionPolicy:
    """Watches Redis's maxmemory-policy. `name` is the policy if Redis may evict keys, otherwise empty."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.name = ""  # the maxmemory-policy of a Redis that may evict keys; empty if it evicts none

    async def run(self) -> None:
        """Read Redis's maxmemory-policy each minute, until cancelled. Logs each change to one that evicts keys. While
        Redis fails, tries again every 2 s."""
        while True:
            try:
                await self.read()
                await asyncio.sleep(INTERVAL)
            except GateUnavailableError:  # the heartbeat logs why
                await asyncio.sleep(RETRY)

    async def read(self) -> None:
        """Read Redis's maxmemory-policy into `name` (empty if no key can be evicted). Logs a change to one that evicts
        keys. Raises GateUnavailableError if Redis fails.
        """
        before = self.name
        (self.name,) = await self._store.run("gate/eviction", [], [])
        if self.name and self.name != before:
            logger.warning(
                "Redis may evict slots: its maxmemory-policy is %s. Set it to noeviction: new viewers wait after each loss.",
                self.name,
            )
