"""This worker's gate and hub: start, drain, stop. The one place that holds them for the whole process."""

import asyncio
import atexit
import contextlib
import contextvars
import logging
import os
import secrets
import socket
import time
from collections.abc import Iterator
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings

from streaming import conf, shutdown
from streaming.errors import DrainingError, GateUnavailableError, StoppedByAdministratorError
from streaming.gate.eviction import EvictionPolicy
from streaming.gate.readings import open_generation, opening
from streaming.gate.slots import Gate
from streaming.ingest.active_camera import CameraEvents
from streaming.ingest.capture import Allowance
from streaming.ingest.hub import Hub
from streaming.ingest.sharing import Sharing
from streaming.ingest.snapshots import Snapshots
from streaming.limits import policy
from streaming.reports import recorder
from streaming.reports.counters import Counters
from streaming.reports.reporter import Order, Reporter, ReportSource
from streaming.reports.usage import UsageReport
from streaming.store import embedded, worker_events
from streaming.store.keys import pictures_url, store_url
from streaming.store.scripts import Store
from streaming.viewing.open_streams import Stream
from streaming.viewing.rechecks import Rechecks
from streaming.viewing.still_limits import StillLimits
from streaming.viewing.viewing import Patience, Viewing

logger = logging.getLogger(__name__)

DRAIN = 2.0  # seconds in which a stopping worker gives its slots back
CHECK = 2.0  # seconds in which a worker says whether it is ready
POLICY_RETRY = 2.0  # seconds before reading them once more when that failed
POLICY_AGE = 30.0  # seconds after which the limits are read again, whatever was heard
STOP = 6.0  # seconds in which its captures leave their cameras: a read in progress may take its whole time-out


def prepare() -> None:
    """Have Redis at hand before the first viewer comes. Blocks while the embedded one starts; raises RuntimeError."""
    alone = False
    if not settings.REDIS_URL:
        alone = embedded.ensure(settings.EMBEDDED_REDIS_DIR)
        logger.info("REDIS_URL is not set: the embedded Redis holds the streams' slots, for this machine only")
    # The first user of the embedded Redis knows that nobody can hold a slot, so that nobody has to wait.
    if not open_generation(store_url(), 0 if alone else conf.timing().grace):
        logger.warning("Streams are refused until Redis accepts writes")


class Runtime:
    """Made once per process, on the loop that serves it."""

    def __init__(self, url: str, pictures: str = "") -> None:
        """`url`: the gate's Redis; `pictures`: that of the pictures which workers share, the same where it is empty."""
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.started = time.time() * 1000
        self.draining = False
        self.streams: set[Stream] = set()
        self._url = url
        on_connect = opening(conf.timing().grace)
        self.store = Store(url, on_connect)
        self.counters = Counters()
        self.policy = policy.defaults()
        self._version = ""  # of the limits, heard last
        self._loaded: str | None = None  # the version that was loaded last
        self._policy_asked, self._policy_tried = asyncio.Event(), asyncio.Event()
        self._sharing = Sharing(pictures or url, self.worker) if conf.SHARE_CAMERAS.value == "on" else None
        self.gate = Gate(self.store, conf.timing(), self.worker, renewals=Store(url, on_connect))
        self.eviction = EvictionPolicy(self.store)
        self.usage = UsageReport(
            self.store, lambda: self.policy, lambda: self.reporter.complaint, lambda: self.eviction.name
        )
        self.still_limits = StillLimits(self.worker, conf.STILLS_PER_USER.value, self.usage, self.counters)
        self.reporter = Reporter(
            self.store,
            self.worker,
            self.counters,
            ReportSource(self._viewings, self._describe, lambda: self.policy),
            self._hear,
            conf.LEASE.value,
            self.still_limits.traffic,
        )
        events = CameraEvents(self.reporter.soon, lambda camera: self.counters.add(f"reopened:{camera}"))
        self.hub = Hub(Allowance.of_settings(), int(conf.MAX_CAMERAS.value), conf.LINGER, self._sharing, events)
        shared = self._sharing.store if self._sharing else None
        self.snapshots = Snapshots(self.hub, conf.FIRST_FRAME.value, conf.STILL.value, shared)
        self._rechecks = Rechecks(lambda: list(self.streams), self.hub)
        self._tasks: list[asyncio.Task[None]] = []

    # Start.

    def start(self) -> None:
        self.gate.start()
        self._tasks = [
            asyncio.create_task(self.reporter.run(), name="reports"),
            asyncio.create_task(self.eviction.run(), name="eviction policy"),
            asyncio.create_task(self._keep_policy(), name="limits"),
            asyncio.create_task(recorder.run(self.store), name="history"),
            asyncio.create_task(worker_events.listen(self._handle_event), name="control events"),
            asyncio.create_task(self._rechecks.run(), name="rechecks"),
        ]

    @contextlib.contextmanager
    def registered(self, stream: Stream) -> Iterator[None]:
        """Know of `stream` while the block lasts; raises GateUnavailableError when too many ask at once."""
        if sum(not other.admitted for other in self.streams) >= conf.MAX_HANDSHAKES.value:
            raise GateUnavailableError("Too many viewers are asking at once. Please try again.", retry_after=5)
        self.streams.add(stream)
        try:
            yield
        finally:
            self.streams.discard(stream)

    async def known_policy(self) -> policy.Policy:
        """The limits in force; a worker that has just started reads them first. Raises GateUnavailableError."""
        await self._policy_tried.wait()
        if self._loaded is None:
            raise GateUnavailableError("The limits cannot be read right now.", retry_after=5)
        return self.policy

    def budget(self) -> int:
        """kbit/s that all streams together may take, 0: any."""
        return self.policy.budget

    @staticmethod
    def patience() -> Patience:
        return Patience(conf.FIRST_FRAME.value, conf.RECONNECT.value)

    async def check_gate(self) -> None:
        """Write this worker's report, as a renewal does: a Redis that is full answers readings only. Raises
        GateUnavailableError, or TimeoutError."""
        async with asyncio.timeout(CHECK):  # however many ask a Redis that is silent
            await self.reporter.send(rates=False)

    # What other workers and pages hear, and what this one hears of them.

    def _viewings(self) -> list[Viewing]:
        return [stream.viewing for stream in self.streams if stream.viewing is not None]

    def _describe(self) -> dict[str, Any]:
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": self.started,
            "seen": time.time() * 1000,
            "cameras": self.hub.conditions(),
        }

    def _hear(self, version: str, orders: list[Order]) -> None:
        self._version = version
        if version != self._loaded:
            self._policy_asked.set()
        for order in orders:
            for stream in self.streams:
                if stream.viewing is not None and stream.viewing.id == order["id"]:
                    stream.stop(_stopped(order))

    async def _keep_policy(self) -> None:
        """Load the limits at the start, when their version has changed, and from time to time: Redis may have lost it."""
        while True:
            self._policy_asked.clear()
            version = self._version
            try:
                self.policy = await database_sync_to_async(policy.load)()
                self._loaded = version
            except Exception:
                logger.exception("The limits could not be read; those known so far stay in force")
                self._policy_tried.set()
                await asyncio.sleep(POLICY_RETRY)
                continue
            self._policy_tried.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLICY_AGE):
                    await self._policy_asked.wait()

    def _handle_event(self, event: worker_events.Event) -> None:
        if event["type"] == "orders":
            self.reporter.soon()
        elif event["type"] == "policy":
            self._policy_asked.set()
        elif event["type"] == "recheck":
            cameras, users, sessions = (event.get(kind, ()) for kind in ("cameras", "users", "sessions"))
            for stream in list(self.streams):
                if stream.camera in cameras or stream.user in users or stream.session in sessions:
                    self._rechecks.ask(stream)

    # The end.

    async def drain(self) -> None:
        """Refuse newcomers, tell the viewers, give the slots back. Bounded by `DRAIN`."""
        if self.draining:
            return
        self.draining = True
        logger.info("Draining: %d streams are told to reconnect elsewhere", len(self.streams))
        shutdown.stop_listening()
        for stream in list(self.streams):
            stream.stop(DrainingError())
        self.hub.stop()
        await self._until_left(DRAIN / 2)
        await self.gate.stop(DRAIN / 2)
        with contextlib.suppress(GateUnavailableError, TimeoutError):
            async with asyncio.timeout(DRAIN / 4):
                await self.reporter.leave()
        for task in self._tasks:
            task.cancel()

    async def _until_left(self, seconds: float) -> None:
        """Wait until every viewer has been told and its socket closed, for `seconds` at most."""
        deadline = time.monotonic() + seconds
        while self.streams and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)  # what was said last leaves the socket's buffer

    def end(self) -> None:
        """At the exit of the process, whatever led to it: captures release their cameras, slots go back."""
        self.hub.stop_threads()
        self.gate.release_now(self._url)
        self.reporter.leave_now(self._url)
        self.hub.join(STOP)
        if self._sharing:
            self._sharing.close()


def _stopped(order: Order) -> StoppedByAdministratorError:
    facts = {"retry_after": order["block"] // 1000} if order["block"] else {}
    return StoppedByAdministratorError(order["message"], **facts)


_current: Runtime | None = None


def current() -> Runtime:
    """This process's runtime, started by the first to ask on the loop that serves. No await: nobody can come between."""
    global _current
    if _current is None:
        _current = Runtime(store_url(), pictures_url())
        # Not in the context of the request that asks: its thread for the database is gone with it.
        contextvars.Context().run(_current.start)
        atexit.register(_current.end)
        shutdown.drain_on_signals(_current.drain)
    return _current
