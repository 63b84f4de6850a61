"""The heartbeat: renews the leases of this worker's streams, and acquires them again after Redis has lost its data."""

import asyncio
import logging
import random
import time

from streaming.errors import GateUnavailableError
from streaming.gate.held_slots import HeldSlots
from streaming.gate.keeper import Keeper
from streaming.gate.lease_scripts import LeaseScripts, in_chunks
from streaming.gate.leases import Slot, lease_clock

logger = logging.getLogger(__name__)

RETRY = 0.5  # seconds until a renewal or a re-entry that failed is tried again


class Heartbeat:
    """Renews in Redis the leases of the slots (rights to stream) that this worker holds."""

    def __init__(self, scripts: LeaseScripts, held: HeldSlots, keeper: Keeper, interval: float) -> None:
        """`held`: the slots to renew. `keeper`: releases ended slots again if Redis has lost data, because Redis
        may now have older data that still has their leases. `interval`: the longest time between two renewals, in
        seconds."""
        self._scripts, self._held, self._keeper, self._interval = scripts, held, keeper, interval

    async def run(self) -> None:
        """Call `renew` periodically until cancelled. While Redis fails, tries again every 0.5 s, and logs each new
        reason once."""
        complaint = ""
        while True:
            try:
                complete = await self.renew()
                if complaint:
                    logger.warning("Redis answers again")
                complaint = ""
                await asyncio.sleep(self._interval * random.uniform(0.8, 1.0) if complete else RETRY)  # noqa: S311 - jitter
            except GateUnavailableError as error:  # refused or unanswered: the fences stay where they are
                if complaint != str(error.complaint):
                    said = error.complaint.in_full
                    logger.warning("Running streams go on until their leases must be given up. %s", said)
                complaint = str(error.complaint)
                await asyncio.sleep(RETRY)
            except Exception:
                logger.exception("The gate's heartbeat failed; it tries again")
                await asyncio.sleep(RETRY)

    async def renew(self) -> bool:
        """Renew once the leases of this worker's streams that make progress (Slot.progressed() was called lately). If
        Redis has lost its data, acquires the lost leases again. Ends streams whose leases cannot be kept.

        Returns False if the caller must repeat this soon: Redis lost its data during the renewal, or has no room yet
        for a stream that it had lost. Raises GateUnavailableError if Redis fails.
        """
        now = time.monotonic()
        due = [slot for slot in self._held if slot.progress_until > now]
        generations, waiting = set(), False
        for chunk in [*in_chunks(due)] or [[]]:  # without slots, too: the generation is made, and known
            sent_at = lease_clock()
            generation, gone = await self._scripts.renew(chunk)
            generations.add(generation)
            data_lost = self._held.generation not in ("", generation)
            if data_lost:  # older data may hold leases that were released since
                await self._keeper.release_again()
            for slot in chunk:
                if slot not in self._held:
                    continue  # given back, or lost, during the await
                if slot.id not in gone:
                    self._held.move_fence(slot, sent_at)
                elif not data_lost or (outcome := await self._reenter(slot)) not in ("granted", "full"):
                    self._held.lose(slot)
                else:
                    waiting = waiting or outcome == "full"
        complete = len(generations) == 1 and not waiting
        if complete:  # otherwise, and if a chunk fails, the next beat must see the change again
            self._held.renewed(generation)
        return complete

    async def _reenter(self, slot: Slot) -> str:
        """Acquire the lease of a running stream again, after Redis has lost its data. Returns "granted", "lost" (too
        late: the stream must end), or "full" (try again: other workers may still have to release leases again). Raises
        GateUnavailableError if Redis fails."""
        if lease_clock() >= slot.fence_at:
            return "lost"
        outcome, _ = await self._held.acquire(slot, reentry=True)
        return outcome
