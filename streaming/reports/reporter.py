"""Reports to Redis each second: the cameras that this worker has open, kbit/s to viewers, and counts of events.

The answer has the version of the limits in force, and the orders to stop viewers' streams at this worker.
"""

import asyncio
import json
import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NotRequired, Protocol, TypedDict

from streaming.complaints import Complaint
from streaming.errors import GateUnavailableError
from streaming.gate.lease_scripts import LATE_REPORT
from streaming.gate.leases import Holder, Slot
from streaming.limits.policy import Policy
from streaming.reports.counters import Counted, Counters
from streaming.reports.pace import Pace
from streaming.reports.traffic import Traffic
from streaming.reports.unsent import CountedStream, Unsent
from streaming.store.keys import (
    DETAILS,
    EXPECTED,
    GENERATION,
    LOOKED,
    MINUTE,
    MINUTES,
    ORDERS,
    POLICY,
    RATE_CHANGES,
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
MARGIN = 1.1  # times the measured rate: scenes grow busier after viewers were admitted
RARELY = 60.0  # seconds after which the sum of the rates is recounted if no budget needs it: pages show it
COALESCE = 0.05  # seconds: changes within this time make one report
WHOLE = 10  # intervals after which a report is sent whole in any case, should Redis have lost a part
WORKER_KEYS = [WORKERS, REPORTS, SENT, STILLS, RATES]  # where `remove_worker.lua` removes a worker


class Order(TypedDict):
    """An order from Redis to stop a viewer's stream at this worker, or to take a viewer out of the waiting line."""

    id: str  # of the stream, or of the wait for it
    message: str  # for the viewer; "": the standard text
    block: int  # milliseconds for which the user is blocked; 0: not at all
    replaced: NotRequired[bool]  # another stream of this user takes the slot


class ReportedViewing(Protocol):
    traffic: Traffic

    @property
    def slot(self) -> Slot | None: ...


@dataclass(frozen=True)
class ReportSource:
    """Callbacks that return a worker's state. Each report calls them."""

    viewings: Callable[[], Iterable[ReportedViewing]]  # the streams of this worker, also those without a slot yet
    describe: Callable[[], dict[str, Any]]  # host, process and cameras
    policy: Callable[[], Policy]  # the limits in force


class AnswerReceiver(Protocol):
    def __call__(self, version: str, orders: list[Order]) -> None:
        """Carry out the `orders` in Redis's answer to a report, and read the limits again if their `version` is new.

        `version`: of the limits in force; it differs after each change of them. `orders`: each ends a viewer's
        stream or wait in line. The same order may come again if an answer was lost.
        """


class Reporter:
    def __init__(
        self,
        store: Store,
        worker: str,
        counters: Counters,
        source: ReportSource,
        receive: AnswerReceiver,
        lease: float,
        stills: Traffic | None = None,
        pace: Pace | None = None,
    ) -> None:
        """`worker`: this worker's id. `source`: read for each report. `receive`: called with each answer of Redis.

        `lease`: seconds after which Redis forgets a worker that does not report. `stills`: measures the still pictures
        that the worker sends; None: it sends none. `pace`: is told the number of workers, and sets the interval of
        reports; None: a new one.
        """
        self._store, self._worker, self._counters = store, worker, counters
        self._source, self._receive = source, receive
        self._lease_ms = round(lease * 1000)
        self._stills, self._pace = stills or Traffic(), pace or Pace()
        self.complaint: Complaint | None = None  # why Redis refused the last report
        self._soon = asyncio.Event()
        self._lock = asyncio.Lock()
        self._done: list[str] = []  # orders of the last answer, which Redis may delete
        self._unsent = Unsent()
        self._intervals = 0
        self._keys = [WORKERS, REPORTS, DETAILS, RATES, EXPECTED, TOTALS, MINUTES, MINUTE, REFUSAL_LIST, POLICY, LOOKED]
        self._keys += [SERVER_SET, SENT, STILLS, SEQUENCES + worker, ORDERS + worker, RATE_CHANGES, GENERATION]

    def soon(self) -> None:
        """Let `run` send a report after 50 ms: a camera's state has changed, or Redis has an order for this worker."""
        self._soon.set()

    async def run(self) -> None:
        """Report every second, or less often with more than 250 workers, until the task is cancelled.

        Also reports after each call of `soon`. While Redis fails, the counts are kept for a later report.
        """
        seconds = 0  # since the last report at the usual interval
        sample_at = _next_sample()
        while True:
            due = False
            try:
                async with asyncio.timeout_at(sample_at):  # also while `soon` is called again and again
                    await self._soon.wait()
                    await asyncio.sleep(COALESCE)
            except TimeoutError:
                self.sample()
                seconds, sample_at = seconds + 1, _next_sample()
                due = seconds >= min(self._pace.stretch(INTERVAL), self._lease_ms / 3000)
                if due:
                    seconds = 0
                elif not self._soon.is_set():
                    continue
            self._soon.clear()
            try:
                await self.send(rates=due)
            except GateUnavailableError:
                pass  # the gate's heartbeat logs it
            except Exception:
                logger.exception("The report failed; it is tried again")

    def sample(self) -> None:
        """Measure the rate of each viewer's stream and of the still pictures. `run` calls this once a second."""
        for viewing in self._source.viewings():
            viewing.traffic.sample()
        self._stills.sample()

    async def send(self, *, rates: bool = True) -> None:
        """Send a report to Redis now, and call `receive` with its answer. Raises GateUnavailableError if Redis fails.

        `rates`: with the measured rates of cameras. False: an extra report between the regular ones.
        """
        async with self._lock:
            if rates and self._intervals % WHOLE == 0:
                self._unsent.forget()
            self._intervals += rates
            arguments = self._arguments(self._counters.take(), rates)
            try:
                version, known, expected, orders, workers = await self._store.run(
                    "reports/report", self._keys, arguments
                )
            except GateUnavailableError as error:
                self.complaint = error.complaint
                self._unsent.forget()  # it may be another Redis that answers next
                raise
            self.complaint = None
            self._counters.confirm()
            self._unsent.confirm([int(rate or 0) for rate in expected])
            if not known:
                self._unsent.forget()
            self._done = orders
            self._pace.hear(workers)
        self._receive(version, [json.loads(order) for order in orders])

    async def leave(self) -> None:
        """Send the last report, then remove this worker from Redis. `Gate.stop` releases the slots of its streams.

        Raises GateUnavailableError if Redis fails, which then forgets the worker `lease` seconds after its last report.
        """
        await self.send()
        await self._store.run("reports/remove_worker", WORKER_KEYS, [self._worker])

    def leave_now(self, url: str) -> None:
        """Remove this worker from Redis at the end of the process, without an event loop. `url`: of Redis.

        Counts that were not reported are lost. Blocks for a second at most, with Sentinels longer. A failure is only
        logged.
        """
        run_now(url, "reports/remove_worker", WORKER_KEYS, [self._worker])

    def _arguments(self, counted: Counted, rates: bool) -> list[Argument]:
        held = [(viewing.slot, viewing.traffic) for viewing in self._source.viewings() if viewing.slot is not None]
        sent = {slot.id: round(traffic.kbps) for slot, traffic in held}
        stills = round(self._stills.kbps)
        kbps = sum(sent.values()) + stills
        watched = _watched((slot.holder, sent[slot.id]) for slot, _ in held)
        report = {**self._source.describe(), "mbps": round(kbps / 1000, 3), "stills": stills, "viewings": sent}
        streams, measured = _rates(held)
        part = self._unsent.select(_json({**report, "watched": watched, "lease": self._lease_ms}), streams)
        policy = self._source.policy()
        has_budget = policy.budget or (policy.trial and policy.trial.budget)
        details = {
            "lease": self._lease_ms,
            "limit": policy.max_concurrent,
            "budget": policy.budget,
            "recount": round(1000 * (self._pace.stretch(INTERVAL) - INTERVAL if has_budget else RARELY)),
            "late": LATE_REPORT,
            "kbps": kbps,
            "stills": stills,
            "streams": part.streams,
            "fields": part.fields,
            "measured": [measured.get(field, 0) for field in part.fields] if rates else [],
            **counted._asdict(),
            "done": self._done,
        }
        return [self._worker, part.report, _json(details)]


def _next_sample() -> float:
    """Returns when the rates are measured next, by the event loop's clock: in a second at most, with jitter."""
    return asyncio.get_running_loop().time() + INTERVAL * random.uniform(0.9, 1.0)  # noqa: S311 - jitter


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _watched(held: Iterable[tuple[Holder, int]]) -> dict[str, dict[str, Any]]:
    """Returns camera id -> name, and kbps (kbit/s that this worker sends of it to all viewers).

    `held`: for each stream, its viewer and camera, and the kbit/s that are sent.
    """
    watched: dict[str, dict[str, Any]] = {}
    for holder, kbps in held:
        watched.setdefault(holder.camera_id, {"name": holder.camera, "kbps": 0})["kbps"] += kbps
    return watched


def _rates(held: Iterable[tuple[Slot, Traffic]]) -> tuple[dict[str, CountedStream], dict[str, int]]:
    """Returns the figures by which Redis counts streams against the bandwidth limit, in kbit/s.

    First: id of a stream's lease -> (rate field, which names camera and quality; estimate, until a rate is measured;
    highest measured rate of the field's streams at this worker, 0: none; number of the stream's last change to another
    field: Redis ignores figures from before a change). Second: rate field -> highest measured rate of those of its
    streams that dropped no frames; no entry without such a stream. Measured rates are raised by a margin of 10%.
    """
    rates = [(slot, traffic, round(traffic.kbps * MARGIN) if traffic.settled else 0) for slot, traffic in held]
    highest: dict[str, int] = {}
    measured: dict[str, int] = {}
    for slot, traffic, own in rates:
        field = slot.terms.rate.field
        highest[field] = max(highest.get(field, 0), own)
        if traffic.whole:
            measured[field] = max(measured.get(field, 1), own)
    streams = {
        slot.id: (rate.field, rate.kbps, highest[rate.field], slot.rate_change)
        for slot, _, _ in rates
        for rate in [slot.terms.rate]
    }
    return streams, measured
