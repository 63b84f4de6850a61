"""The waiting line: viewers who wait for a slot (the right to one stream), over all workers in one order. This module
has the viewers of one worker; `lua/line.lua` has the order.

Redis gives a slot that becomes free to the first in line, in the same script that frees it, and tells the worker
through a list. The worker claims the slot by acquiring it again. Once a second a worker renews the entries of its
viewers in the line. If Redis has lost them, the worker enters them again, so the order survives.
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
    """One viewer of this worker who waits in line for a slot."""

    def __init__(self, slot: Slot, on_place: OnPlace) -> None:
        self.slot, self._on_place = slot, on_place
        self.place: Place | None = None
        self._told: Place | None = None
        self._called = False
        self._news = asyncio.Event()

    def move(self, place: Place) -> None:
        """Note the viewer's new place in the line, for `wait` to report. Sets its position to 0 if the viewer waits
        to take over a stream of their own, ahead of the line.
        """
        takes_over = self.slot.order < 0  # from a viewing of their own, ahead of the line
        self.place = replace(place, position=0) if takes_over else place
        self._news.set()

    def call(self) -> None:
        """Let the viewer ask for a slot again: it may be granted now, their entry in the line may be gone, or the
        limits have changed. Ends `wait`; if none runs, the next one ends at once.
        """
        self._called = True
        self._news.set()

    async def wait(self, ends_at: float) -> None:
        """Report each new place in the line through `on_place`, until `call` is called. Raises TimeoutError at
        `ends_at` (seconds of time.monotonic(), which is also the event loop's time).
        """
        async with asyncio.timeout_at(ends_at):
            while not self._called:
                if self.place is not None and _facts(self.place) != _facts(self._told):
                    self._told = self.place
                    await self._on_place(self.place)
                await self._news.wait()
                self._news.clear()
        self._called = False


class WaitingLine:
    """This worker's viewers who wait in line for a slot. Renews their entries in Redis; wakes those who get a slot."""

    def __init__(self, scripts: LeaseScripts, wakes: Store, worker: str) -> None:
        """`wakes`: a connection of its own, on which a blocking call waits for the next granted slot. `worker`: the
        worker's id.
        """
        self._scripts, self._wakes = scripts, wakes
        self._granted = f"{LINE}:granted:{worker}"
        self._waiters: dict[str, Waiter] = {}
        self._somebody = asyncio.Event()

    def enter(self, slot: Slot, on_place: OnPlace) -> Waiter:
        """Let `keep` renew the entry of a viewer who waits for `slot`, and `listen` wake them, until `leave`. Returns
        the object on which they wait. `on_place`: `Waiter.wait` awaits it with each new place in the line. The caller
        gives the first one to `Waiter.move`, `keep` the others.
        """
        waiter = self._waiters[slot.id] = Waiter(slot, on_place)
        self._somebody.set()
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Renew a viewer's entry in the line no more: they have got the slot, or wait no longer. In the second case the
        caller must release the slot, although it was not granted: that removes the entry from Redis.
        """
        del self._waiters[waiter.slot.id]
        if not self._waiters:
            self._somebody.clear()

    def ask_again(self) -> None:
        """Let all viewers in line on this worker ask for a slot again, because the limits have changed."""
        for waiter in self._waiters.values():
            waiter.call()

    async def keep(self) -> None:
        """Renew the entries of this worker's viewers in the line once a second, until cancelled, and tell them new
        places. Wake those whose entry is gone. While Redis fails, tries again every 0.5 s.
        """
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
        """Renew the entries of this worker's viewers in the line once, and let them hear of their new places. Viewers
        whose entry is gone ask for a slot again. Raises GateUnavailableError if Redis fails.
        """
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
        """Wake each viewer in line on this worker to whom Redis has granted a slot, until cancelled. While Redis fails,
        tries again every 0.5 s.
        """
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
    """Returns the error of the limit that holds up a waiting viewer now. `queue`: the limit's key in Redis. `in_use`:
    leases that count against it. `before`: the error so far, which stays if the limit is still the bandwidth.
    """
    limit = next((limit for limit in slot.limits if limit.key == queue), None)
    if limit is not None:
        return limit.refusal(in_use=in_use, limit=limit.maximum)
    return before if isinstance(before, BandwidthReachedError) else BandwidthReachedError()
