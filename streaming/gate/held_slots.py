"""The slots that this worker holds, from the answer of `acquire` until they are given back or lost."""

import asyncio
from collections.abc import Iterator
from typing import Any

from streaming.gate.lease_scripts import LeaseScripts
from streaming.gate.leases import Slot, lease_clock


class HeldSlots:
    """Owns the held slots and the timer of the earliest fence. The heartbeat, the keeper and the gate share it."""

    def __init__(self, scripts: LeaseScripts, fence: float) -> None:
        """`fence`: seconds from a successful renewal until the holder gives up."""
        self._scripts, self._fence = scripts, fence
        self._slots: dict[str, Slot] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.generation = ""  # of Redis's data, when the slots were last acquired or renewed

    def __iter__(self) -> Iterator[Slot]:
        """A copy: slots may come and go while the caller awaits."""
        return iter(list(self._slots.values()))

    def __contains__(self, slot: Slot) -> bool:
        return slot.id in self._slots

    def __len__(self) -> int:
        return len(self._slots)

    async def acquire(self, slot: Slot, *, reentry: bool = False) -> tuple[str, list[Any]]:
        """Acquire the lease of a slot, and hold it if granted. Returns outcome and facts of acquire.lua.
        Raises GateUnavailableError."""
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
        """Set the fence of a slot whose lease was acquired or renewed by a call sent at `sent_at` (lease_clock). The lease
        in Redis runs from a later moment, so the holder always gives up first."""
        slot.fence_at = sent_at + self._fence
        if self._timer is None:  # otherwise it waits for an earlier fence
            self._start_timer(slot.fence_at)

    def remove(self, slot: Slot) -> None:
        self._slots.pop(slot.id, None)

    def lose(self, slot: Slot) -> None:
        """End a slot whose lease is gone, or whose fence has passed; its holder sees `lost`."""
        self.remove(slot)
        slot.lost.set()

    def renewed(self, generation: str) -> None:
        """All slots are renewed under this generation of Redis's data."""
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
