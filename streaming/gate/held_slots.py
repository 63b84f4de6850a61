"""The slots (rights to stream) that this worker holds, from their grant by Redis until they are given back or lost."""

import asyncio
from collections.abc import Iterator
from typing import Any

from streaming.gate.lease_scripts import LeaseScripts
from streaming.gate.leases import Slot, lease_clock


class HeldSlots:
    """The slots that this worker holds. A timer ends each slot at its fence, the time by which its lease must be
    renewed. The heartbeat (which renews), the keeper (which releases) and the Gate share this object."""

    def __init__(self, scripts: LeaseScripts, fence: float) -> None:
        """`fence`: seconds from the sending of a successful acquire or renewal until a slot that is not renewed is
        lost."""
        self._scripts, self._fence = scripts, fence
        self._slots: dict[str, Slot] = {}
        self._timer: asyncio.TimerHandle | None = None
        # Id of Redis's data at the last complete renewal; before one, at the first acquire; "": none yet.
        self.generation = ""

    def __iter__(self) -> Iterator[Slot]:
        """Iterate over a copy of the slots: they may come and go while the caller awaits."""
        return iter(list(self._slots.values()))

    def __contains__(self, slot: Slot) -> bool:
        return slot.id in self._slots

    def __len__(self) -> int:
        return len(self._slots)

    async def acquire(self, slot: Slot, *, reentry: bool = False) -> tuple[str, list[Any]]:
        """Acquire the lease of a slot (the right to one stream) in Redis. Holds the slot if the outcome is "granted".

        Does not wait for a slot. Returns the outcome, such as "granted", "full" or "waits" (in line), and its facts,
        such as the streams in use. acquire.lua lists both; the generation between them is left out here.
        `reentry`: this worker held the lease until Redis lost its data. Raises GateUnavailableError if Redis fails: it
        may still grant the lease, so the slot must be given back to the keeper in the end.
        """
        sent_at = lease_clock()
        # If the call fails or is cancelled at the await, it may still reach Redis later, even after a call that succeeds.
        lost_before, slot.reply_lost = slot.reply_lost, True
        outcome, generation, *facts = await self._scripts.acquire(slot, reentry=reentry)
        slot.reply_lost = lost_before
        self.generation = self.generation or generation
        if outcome == "granted":
            self._slots[slot.id] = slot
            self.move_fence(slot, sent_at)
        return outcome, facts

    def move_fence(self, slot: Slot, sent_at: float) -> None:
        """Set the fence of a slot, the time by which its lease must be renewed again. `sent_at`: seconds of
        lease_clock() when the successful acquire or renewal was sent. The lease in Redis is longer and runs
        from a later moment, so the stream ends before the lease."""
        slot.fence_at = sent_at + self._fence
        if self._timer is None:  # otherwise it waits for an earlier fence
            self._start_timer(slot.fence_at)

    def remove(self, slot: Slot) -> None:
        self._slots.pop(slot.id, None)

    def lose(self, slot: Slot) -> None:
        """Drop a slot whose lease is gone from Redis, or was not renewed in time. Sets `slot.lost`: its stream ends."""
        self.remove(slot)
        slot.lost.set()

    def renewed(self, generation: str) -> None:
        """Remember that all slots are renewed under `generation`, an id that changes when Redis loses data. If a later
        renewal finds another one, the heartbeat acquires lost leases again."""
        self.generation = generation

    def stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _start_timer(self, at: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(at - lease_clock(), self._lose_overdue)

    def _lose_overdue(self) -> None:
        self._timer, now = None, lease_clock()
        for slot in self:
            if slot.fence_at <= now:
                self.lose(slot)
        if self._slots:
            self._start_timer(min(slot.fence_at for slot in self._slots.values()))
