"""The keeper: releases the leases of ended streams, and stores changed details of running ones. It does so in a task of
its own, which no viewer's disconnect can cancel."""

import asyncio
import logging
import time
from collections import OrderedDict

from streaming.errors import GateUnavailableError
from streaming.gate.held_slots import HeldSlots
from streaming.gate.lease_scripts import RELEASES, LeaseScripts, in_chunks
from streaming.gate.leases import Holder, Slot

logger = logging.getLogger(__name__)

RETRY = 0.5  # seconds until a call that failed is tried again
RELEASE_AGAIN = 1.0  # seconds until the second release, when the reply to an acquire was lost


class Keeper:
    """Releases this worker's slots (rights to stream) in Redis after `give_back`. Retries until a lease is released or
    has expired."""

    def __init__(self, scripts: LeaseScripts, held: HeldSlots, lease: float) -> None:
        """`held`: the slots in use. `lease`: seconds after which an unreleased lease has ended by itself."""
        self._scripts, self._held, self._lease = scripts, held, lease
        self._returning: dict[str, tuple[Slot, float]] = {}  # slot, time.monotonic() when its lease has ended
        # The same, released since; the oldest first.
        self._returned = OrderedDict[str, tuple[Slot, float]]()
        self._kept: dict[str, Slot] = {}  # their viewers may come back
        self._wake = asyncio.Event()
        self._released = asyncio.Event()

    @property
    def returning(self) -> list[Slot]:
        """Slots that were given back and are not in `kept`, whose leases Redis may still hold."""
        return [slot for slot, _ in self._returning.values()]

    @property
    def kept(self) -> list[Slot]:
        """Slots of ended streams whose viewers have lost their connection and may still come back for them. Nobody
        renews their leases. After the `keep_seconds` that a slot had at `give_back`, it moves to `returning`."""
        return list(self._kept.values())

    def give_back(self, slot: Slot) -> None:
        """Release the slot of an ended or refused stream, in the background. If `slot.keep_seconds` is set, the viewer
        may come back for the slot, and it is released after that time."""
        self._held.remove(slot)
        if slot.keep_seconds:
            self._kept[slot.id] = slot
            self._wake.set()
            asyncio.get_running_loop().call_later(slot.keep_seconds, self._return, slot)
        else:
            self._return(slot)

    def give_back_kept(self) -> None:
        """Release now, in the background, the slots that are kept for viewers whose connection was lost."""
        for slot in self.kept:
            self._return(slot)

    def _return(self, slot: Slot) -> None:
        self._kept.pop(slot.id, None)
        slot.keep_seconds = 0.0
        self._returning[slot.id] = (slot, time.monotonic() + self._lease)
        self._wake.set()

    def describe(self, slot: Slot, holder: Holder) -> None:
        """Replace the details of a slot's holder, which administrators see. Stores them in Redis in the background."""
        slot.holder = holder
        slot.described = False
        self._wake.set()

    async def run(self) -> None:
        """Release slots that were given back, and store changed details of their holders in Redis, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._mark_kept()
                await self.release()
                await self._store_details()
            except GateUnavailableError:
                self._wake_later(RETRY)
            except Exception:
                logger.exception("The gate's keeper failed; it tries again")
                self._wake_later(RETRY)

    async def until_released(self) -> None:
        """Wait until `run` has emptied `returning`: each lease is released, or has expired."""
        while self._returning:
            self._released.clear()
            await self._released.wait()

    async def release(self) -> None:
        """Try once to release the leases of all slots in `returning`, and forget those that have expired. If the
        acquire of a slot got no answer, the slot stays in `returning`, because the acquire may still arrive: `run`
        releases it again. Raises GateUnavailableError if Redis fails; what was released until then has left
        `returning`.
        """
        now = time.monotonic()
        self._returning = {id: (slot, until) for id, (slot, until) in self._returning.items() if until > now}
        while self._returned and next(iter(self._returned.values()))[1] <= now:
            self._returned.popitem(last=False)
        for chunk in in_chunks(self.returning, RELEASES):
            await self._scripts.release(chunk)
            for slot in chunk:
                self._finish(slot)
        self._released.set()

    async def release_again(self) -> None:
        """Release again the slots that were given back less than a lease's duration ago: Redis may have come back with
        older data. Leaves out slots that are held again. Raises GateUnavailableError if Redis fails."""
        repeated = {id: (slot, until) for id, (slot, until) in self._returned.items() if slot not in self._held}
        self._returning |= repeated
        await self.release()

    def _finish(self, slot: Slot) -> None:
        if slot.reply_lost:  # its acquire was perhaps sent on another connection, and may arrive after this release
            asyncio.get_running_loop().call_later(RELEASE_AGAIN, self._forget_lost_reply, slot)
        elif slot.id in self._returning:
            self._returned[slot.id] = self._returning.pop(slot.id)

    def _forget_lost_reply(self, slot: Slot) -> None:
        slot.reply_lost = False
        self._wake.set()

    async def _mark_kept(self) -> None:
        for slot in self.kept:
            if slot.keep_seconds:
                seconds, slot.keep_seconds = slot.keep_seconds, 0.0
                await self._scripts.abandon(slot, seconds)

    async def _store_details(self) -> None:
        for slot in self._held:
            if not slot.described:
                holder = slot.holder
                await self._scripts.describe(slot)
                slot.described = slot.holder is holder  # it may have changed again during the await

    def _wake_later(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._wake.set)
