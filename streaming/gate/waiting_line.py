"""The waiting line: this worker's viewers who wait for a slot, over all workers in one order (`lua/line.lua`).

Redis gives a slot that becomes free to the first in line, in the same script that frees it, and tells the worker through a
list. The worker claims the slot by acquiring it again. A worker keeps the places of its viewers once a second, and sends
them again if Redis has lost its data, so the order survives.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from streaming.errors import BandwidthReachedError, GateUnavailableError, LimitReachedError
from streaming.gate.lease_scripts import LeaseScripts
from streaming.gate.leases import Place, Slot
from streaming.store.keys import LINE
from streaming.store.scripts import Store

logger = logging.getLogger(__name__)

KEEP = 1.0  # seconds between two renewals of the places
WAKE = 0.4  # seconds for which one call waits for a granted slot: less than the silence that ends a connection
RETRY = 0.5  # seconds after a failure

OnPlace = Callable[[Place], Awaitable[None]]  # gets the place of a waiting viewer, at each change


class Waiter:
    """One viewer of this worker in the line."""

    def __init__(self, slot: Slot, on_place: OnPlace) -> None:
        self.slot, self._on_place = slot, on_place
        self.place: Place | None = None
        self._told: Place | None = None
        self._called = False
        self._news = asyncio.Event()

    def move(self, place: Place) -> None:
        takes_over = (self.slot.order or 0) < 0  # from a viewing of their own, ahead of the line
        self.place = replace(place, position=0) if takes_over else place
        self._news.set()

    def call(self) -> None:
        """The slot may be granted now, the ticket may be gone, or the limits have changed: the viewer asks again."""
        self._called = True
        self._news.set()

    async def wait(self, ends_at: float) -> None:
        """Tell the viewer each place until `call`. Raises TimeoutError at `ends_at` (time.monotonic, the loop's time)."""
        async with asyncio.timeout_at(ends_at):
            while not self._called:
                if self.place is not None and _facts(self.place) != _facts(self._told):
                    self._told = self.place
                    await self._on_place(self.place)
                await self._news.wait()
                self._news.clear()
        self._called = False


class WaitingLine:
    def __init__(self, scripts: LeaseScripts, wakes: Store, worker: str) -> None:
        """`wakes`: a connection of its own, on which a call waits for the next granted slot."""
        self._scripts, self._wakes = scripts, wakes
        self._granted = f"{LINE}:granted:{worker}"
        self._waiters: dict[str, Waiter] = {}
        self._somebody = asyncio.Event()

    def enter(self, slot: Slot, on_place: OnPlace) -> Waiter:
        """Keep the viewer's place until `leave`."""
        waiter = self._waiters[slot.id] = Waiter(slot, on_place)
        self._somebody.set()
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Keep the place no more. The caller releases the id, and so the ticket."""
        del self._waiters[waiter.slot.id]
        if not self._waiters:
            self._somebody.clear()

    def ask_again(self) -> None:
        """Let all viewers in line ask for a slot again: limits have changed."""
        for waiter in self._waiters.values():
            waiter.call()

    async def keep(self) -> None:
        """Keep the places of the viewers, until cancelled."""
        while True:
            await self._somebody.wait()
            try:
                await self.keep_once()
                await asyncio.sleep(KEEP)
            except GateUnavailableError:  # the heartbeat logs it
                await asyncio.sleep(RETRY)
            except Exception:
                logger.exception("The places in the waiting line could not be kept; the worker tries again")
                await asyncio.sleep(RETRY)

    async def keep_once(self) -> None:
        """Keep the places once, and note who has moved. Raises GateUnavailableError."""
        asked = dict(self._waiters)
        waiting, tickets = await self._scripts.keep_waiting(list(asked))
        for id, order, position, queue, in_use in tickets:
            waiter = asked.pop(id)
            waiter.slot.order = float(order)
            if waiter.place is not None:
                refusal = _refusal(waiter.place.refusal, waiter.slot, queue, in_use)
                waiter.move(replace(waiter.place, position=position, waiting=waiting, refusal=refusal))
        for waiter in asked.values():
            waiter.call()

    async def listen(self) -> None:
        """Wake those whose slot was granted, until cancelled."""
        while True:
            await self._somebody.wait()
            try:
                found = await self._wakes.call("BLPOP", self._granted, str(WAKE))
            except GateUnavailableError:
                await asyncio.sleep(RETRY)
                continue
            waiter = self._waiters.get(found[1]) if found else None
            if waiter is not None:
                waiter.call()


def _facts(place: Place | None) -> tuple[Any, ...] | None:
    if place is None:
        return None
    return (place.position, place.waiting, place.refusal.reason, place.refusal.facts.get("in_use"))


def _refusal(before: LimitReachedError, slot: Slot, queue: str, in_use: int) -> LimitReachedError:
    """Returns the refusal of the limit in whose queue the viewer waits now."""
    limit = next((limit for limit in slot.limits if limit.key == queue), None)
    if limit is not None:
        return limit.refusal(in_use=in_use, limit=limit.maximum)
    return before if isinstance(before, BandwidthReachedError) else BandwidthReachedError()
