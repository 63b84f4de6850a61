"""What a worker tells Redis each second: its cameras, what its viewings send, and what it has counted; and what it hears
with the answer: which version of the limits is in force, and which viewings are to be stopped.
"""

import asyncio
import json
import logging
import random
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from streaming.complaints import Complaint
from streaming.errors import GateUnavailableError
from streaming.gate.leases import Slot
from streaming.reports.counters import Counters
from streaming.reports.traffic import Traffic
from streaming.store.keys import (
    DETAILS,
    EXPECTED,
    LOOKED,
    MINUTE,
    MINUTES,
    ORDERS,
    POLICY,
    RATES,
    REFUSAL_LIST,
    REPORTS,
    SENT,
    SEQUENCES,
    SERVER_SET,
    STILLS,
    TOTALS,
    WORKERS,
)
from streaming.store.scripts import Argument, Store, run_now

logger = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds
MARGIN = 1.1  # what a stream is counted with beyond what was measured: scenes grow busier after viewers were admitted
SOON = 0.05  # seconds: changes that come together make one report
MADE = ([REPORTS, SENT, WORKERS], [STILLS, SENT])  # where a worker is named, for `gate/lua/release.lua`

Order = dict[str, Any]  # id of the viewing, message, block (ms)


class Watched(Protocol):
    """A viewing, as far as it is reported."""

    traffic: Traffic

    @property
    def slot(self) -> Slot | None: ...


class Reporter:
    """`describe` gives the worker's own part of the report; `on_answer` gets the limits' version and the orders."""

    def __init__(
        self,
        store: Store,
        worker: str,
        counters: Counters,
        viewings: Callable[[], Iterable[Watched]],
        describe: Callable[[], dict[str, Any]],
        limit: Callable[[], int],
        budget: Callable[[], int],
        lease: float,
        stills: Traffic | None = None,
    ) -> None:
        self._store, self._worker, self._counters = store, worker, counters
        self._viewings, self._describe = viewings, describe
        self._limit, self._budget = limit, budget
        self._lease_ms = round(lease * 1000)
        self._stills = stills or Traffic()
        self.on_answer: Callable[[str, list[Order]], None] = lambda version, orders: None
        self.complaint: Complaint | None = None  # why Redis refused the last report
        self._soon = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._arrived: list[str] = []  # orders of the last answer, for Redis to forget
        self.keys = [
            WORKERS,
            REPORTS,
            DETAILS,
            RATES,
            EXPECTED,
            TOTALS,
            MINUTES,
            REFUSAL_LIST,
            POLICY,
            LOOKED,
            SERVER_SET,
        ]
        self.keys += [SENT, SEQUENCES + worker, ORDERS + worker, STILLS]

    def soon(self) -> None:
        """Something has changed, or an order waits: do not wait for the second."""
        self._soon.set()

    async def run(self) -> None:
        """For ever; what cannot be told while Redis is away is told later."""
        while True:
            second = False
            try:
                async with asyncio.timeout(INTERVAL * random.uniform(0.9, 1.0)):  # noqa: S311 - jitter
                    await self._soon.wait()
                await asyncio.sleep(SOON)
            except TimeoutError:
                second = True
                self._sample()
            self._soon.clear()
            try:
                await self.send(rates=second)
            except GateUnavailableError:
                pass  # the gate's heartbeat says so
            except Exception:
                logger.exception("The report failed; it is tried again")

    def _sample(self) -> None:
        for viewing in self._viewings():
            viewing.traffic.sample()
        self._stills.sample()

    async def send(self, *, rates: bool = True) -> None:
        """Report now; with the cameras' rates once a second, as they fade by it. Raises GateUnavailableError."""
        async with self._one_at_a_time:
            arguments = self._arguments(*self._counters.take(), rates)
            try:
                version, *orders = await self._store.run("reports/report", self.keys, arguments)
            except GateUnavailableError as error:
                self.complaint = error.complaint
                raise
            self.complaint = None
            self._counters.taken()
            self._arrived = orders
        self.on_answer(version, [json.loads(order) for order in orders])

    async def leave(self) -> None:
        """Tell the last counts, and be a worker no more. Raises GateUnavailableError."""
        await self.send()
        for keys in MADE:
            await self._store.run("gate/release", keys, [self._worker])

    def leave_now(self, url: str) -> None:
        """As `leave`, without a loop; what was not reported yet is lost."""
        for keys in MADE:
            run_now(url, "gate/release", keys, [self._worker])

    def _arguments(
        self, sequence: int, counts: dict[str, float], refusals: list[str], peak: int, rates: bool
    ) -> list[Argument]:
        held = [(viewing.slot, viewing.traffic) for viewing in self._viewings() if viewing.slot is not None]
        sent = {slot.id: round(traffic.kbps) for slot, traffic in held}
        measured: dict[str, int] = {}
        streams: dict[str, tuple[str, int, int]] = {}
        for slot, traffic in held:
            rate, own = slot.terms.rate, round(traffic.kbps * MARGIN) if traffic.settled else 0
            streams[slot.id] = rate.field, rate.kbps, own
            if traffic.whole and rates:
                measured[rate.field] = max(measured.get(rate.field, 1), own)
        stills = round(self._stills.kbps)
        kbps = sum(sent.values()) + stills
        report = {**self._describe(), "mbps": round(kbps / 1000, 3), "stills": stills, "viewings": sent}
        news = {
            "peak": peak,
            "kbps": kbps,
            "stills": stills,
            "counters": counts,
            "measured": measured,
            "streams": streams,
            "refusals": refusals,
            "done": self._arrived,
        }
        texts = [json.dumps(part, separators=(",", ":")) for part in (report, news)]
        return [self._worker, self._lease_ms, texts[0], sequence, self._limit(), MINUTE, texts[1], self._budget()]
