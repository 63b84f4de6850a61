"""The runtime of one worker process, from start to end: its gate (which limits the concurrent streams, through Redis),
its hub (which reads the cameras) and its background tasks.
"""

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

from django.conf import settings

from streaming import conf, shutdown
from streaming.errors import (
    DrainingError,
    GateUnavailableError,
    ReplacedError,
    StoppedByAdministratorError,
    StreamError,
    TooManyHandshakesError,
)
from streaming.gate.eviction import EvictionPolicy
from streaming.gate.readings import check_writes, open_generation, opening
from streaming.gate.slots import Gate
from streaming.health import checks
from streaming.health.checks import CameraChecks
from streaming.health.sights import Sights
from streaming.ingest.active_camera import CameraEvents
from streaming.ingest.hub import Hub
from streaming.ingest.reader import Allowance
from streaming.ingest.sharing import Sharing
from streaming.ingest.stills import Stills
from streaming.limits.policy import Policy
from streaming.policy_keeper import PolicyKeeper
from streaming.reports import recorder
from streaming.reports.counters import Counters
from streaming.reports.pace import Pace
from streaming.reports.reporter import Order, Reporter, ReportSource
from streaming.reports.usage import UsageReport
from streaming.store import embedded, worker_events
from streaming.store.keys import pictures_url, store_url
from streaming.store.scripts import Store, refuse_cluster
from streaming.viewing import idle, preemption, wall_yields
from streaming.viewing.idle import IdleQuestions
from streaming.viewing.looks import look_for_ever
from streaming.viewing.open_streams import Stream
from streaming.viewing.preemption import Preemption
from streaming.viewing.rechecks import Rechecks
from streaming.viewing.services import WorkerServices
from streaming.viewing.still_limits import StillLimits
from streaming.viewing.viewer import ViewerTimeouts
from streaming.viewing.viewing import Viewing
from streaming.viewing.wall_yields import WallYields

logger = logging.getLogger(__name__)

DRAIN = 2.0  # seconds in which a worker that ends releases its slots
CHECK = 2.0  # timeout of a readiness check, seconds
STOP = 6.0  # seconds in which a worker's captures release their cameras: a read may take its whole timeout


def prepare() -> None:
    """Prepare Redis for the first viewer, and start the embedded Redis server if no other is configured: blocks until
    it runs.

    Raises RuntimeError if that does not start, or if the configured Redis cannot be used, such as a Redis Cluster. A
    Redis that does not answer is only logged.
    """
    alone = False
    if not settings.REDIS_URL:
        alone = embedded.ensure(settings.EMBEDDED_REDIS_DIR)
        logger.info("REDIS_URL is not set: the embedded Redis holds the streams' slots, for this machine only")
    refuse_cluster(store_url())
    # Without another user of the embedded Redis nobody holds a slot, so no new viewer has to wait.
    if not open_generation(store_url(), 0 if alone else conf.timing().grace):
        logger.warning("Streams are refused until Redis accepts writes")


class Runtime:
    """The parts that all viewers' streams of one worker process share. Created once, on the event loop that serves them."""

    def __init__(self, url: str, pictures: str = "") -> None:
        """`url`: Redis of the stream limits. `pictures`: Redis of the frames that workers share; empty: the same."""
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.started = time.time() * 1000
        self.draining = False
        self.streams: set[Stream] = set()
        self._url = url
        on_connect = opening(conf.timing().grace)
        self.store = Store(url, on_connect)
        self.counters = Counters()
        self._policies = PolicyKeeper(lambda: self._rechecks.request_all(), lambda: self.gate.line.ask_again())
        self._sharing = Sharing(pictures or url, self.worker) if conf.SHARE_CAMERAS.value == "on" else None
        self.gate = Gate(self.store, conf.timing(), self.worker, renewals=Store(url, on_connect))
        self.eviction = EvictionPolicy(self.store)
        pace = Pace()
        self.usage = UsageReport(
            self.store,
            lambda: self.policy,
            lambda: self.reporter.complaint,
            lambda: self.eviction.name,
            self.worker,
            pace,
        )
        self.still_limits = StillLimits(conf.STILLS_PER_USER.value, self.usage, self.counters)
        source = ReportSource(self._viewings, self._describe, lambda: self.policy)
        lease, stills = conf.LEASE.value, self.still_limits.traffic
        self.reporter = Reporter(self.store, self.worker, self.counters, source, self._hear, lease, stills, pace)
        self._sights = Sights(lambda: self.hub.cameras())
        events = CameraEvents(self.reporter.soon, self._count_reopening, self._sights.on_condition)
        self.hub = Hub(Allowance.of_settings(), int(conf.MAX_CAMERAS.value), conf.LINGER, self._sharing, events)
        shared = self._sharing.store if self._sharing else None
        self.stills = Stills(self.hub, conf.FIRST_FRAME.value, conf.STILL.value, shared)
        timeouts = ViewerTimeouts(conf.FIRST_FRAME.value, conf.RECONNECT.value)
        self.services = WorkerServices(self.gate, self.hub, timeouts, self.counters, self.budget)
        self._rechecks = Rechecks(lambda: list(self.streams), self.hub, lambda: self.policy)
        self._idle_questions = IdleQuestions(self._viewings, self.gate.waiting)
        self._wall_yields = WallYields(self._viewings, self.store)
        self._preemption = Preemption(self._viewings, self.store)
        self._tasks: list[asyncio.Task[None]] = []

    # Start.

    def start(self) -> None:
        camera_checks = CameraChecks(self.hub, self.store, self._sights, lambda: self.draining)
        self.gate.start()
        self._tasks = [
            asyncio.create_task(self.reporter.run(), name="reports"),
            asyncio.create_task(self.eviction.run(), name="eviction policy"),
            asyncio.create_task(self._policies.run(), name="limits"),
            asyncio.create_task(recorder.run(self.store, lambda: self.policy.trial is not None), name="history"),
            asyncio.create_task(worker_events.listen(self._handle_event), name="control events"),
            asyncio.create_task(self._rechecks.run(), name="rechecks"),
            asyncio.create_task(look_for_ever(self._idle_questions.look, idle.pause), name="idle questions"),
            asyncio.create_task(look_for_ever(self._wall_yields.look, lambda: wall_yields.PAUSE), name="wall yields"),
            asyncio.create_task(look_for_ever(self._preemption.look, lambda: preemption.PAUSE), name="preemption"),
            asyncio.create_task(self._sights.run(), name="health of cameras"),
            asyncio.create_task(look_for_ever(camera_checks.look, lambda: checks.LOOK), name="checks of cameras"),
        ]

    @contextlib.contextmanager
    def registered(self, stream: Stream) -> Iterator[None]:
        """Keep `stream`, an open WebSocket, in `streams` while the block lasts. Raises TooManyHandshakesError if too
        many viewers of this worker are neither admitted nor in the waiting line yet.
        """
        if sum(other.is_handshake for other in self.streams) >= conf.MAX_HANDSHAKES.value:
            raise TooManyHandshakesError(retry_after=5)
        self.streams.add(stream)
        try:
            yield
        finally:
            self.streams.discard(stream)

    @property
    def policy(self) -> Policy:
        """The stream limits in force, as far as this worker knows them; before it has read them, the defaults."""
        return self._policies.policy

    async def known_policy(self) -> Policy:
        """Returns the stream limits in force. Waits for the first attempt to read them. Raises LimitsUnknownError if no
        attempt has succeeded yet.
        """
        return await self._policies.known()

    def budget(self) -> int:
        """Returns the bandwidth limit of all streams together in kbit/s; 0: unlimited."""
        return self.policy.budget

    async def check_gate(self) -> None:
        """Check that Redis accepts writes: a full Redis answers reads only. Raises GateUnavailableError if it does
        not, or TimeoutError after `CHECK` (2) seconds.
        """
        async with asyncio.timeout(CHECK):
            await check_writes(self.store)

    def _count_reopening(self, camera: str) -> None:
        self.counters.add(f"reopened:{camera}")

    # Reports to other workers and pages, and orders from them.

    def _viewings(self) -> list[Viewing]:
        return [stream.viewing for stream in self.streams if stream.viewing is not None]

    def _describe(self) -> dict[str, Any]:
        """Returns what this worker's reports say of it: host, pid, started (Unix ms), viewers (how many have a
        slot), and cameras (as `Hub.conditions` returns them)."""
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": self.started,
            "viewers": sum(stream.admitted for stream in self.streams),
            "cameras": self.hub.conditions(),
        }

    def _hear(self, version: str, orders: list[Order]) -> None:
        """Handle Redis's answer to a report of this worker: read the limits again if `version` is new, and end the
        viewers' streams and waits in line that `orders` name.
        """
        self._policies.hear(version)
        for order in orders:
            for stream in self.streams:
                if stream.viewing is not None and stream.viewing.id == order["id"]:
                    stream.stop(_stopped(order))

    def _handle_event(self, event: worker_events.Event) -> None:
        kind = event["type"]
        if kind == worker_events.Kind.ORDERS:
            self.reporter.soon()
        elif kind == worker_events.Kind.POLICY:
            self._policies.reload()
        elif kind == worker_events.Kind.RECHECK and "grants" in event:
            self._rechecks.request_all()
        elif kind == worker_events.Kind.RECHECK:
            cameras, users, sessions = (event.get(keys, ()) for keys in ("cameras", "users", "sessions"))
            self._sights.forget(cameras)
            for stream in list(self.streams):
                if stream.camera in cameras or stream.user in users or stream.login.session in sessions:
                    self._rechecks.request(stream)

    # The end.

    async def drain(self) -> None:
        """Refuse new viewers, tell the current ones to reconnect elsewhere, and release their slots, within about
        `DRAIN` seconds. A second call does nothing.
        """
        if self.draining:
            return
        self.draining = True
        logger.info("Draining: %d streams are told to reconnect elsewhere", len(self.streams))
        shutdown.stop_listening()
        for stream in list(self.streams):
            stream.stop(DrainingError())
        self.hub.stop()
        await self._wait_for_viewers(DRAIN / 2)
        await self.gate.stop(DRAIN / 2)
        with contextlib.suppress(GateUnavailableError, TimeoutError):
            async with asyncio.timeout(DRAIN / 4):
                await self.reporter.leave()
        for task in self._tasks:
            task.cancel()

    async def _wait_for_viewers(self, seconds: float) -> None:
        """Wait until every viewer was notified and their socket closed, for `seconds` at most."""
        deadline = time.monotonic() + seconds
        while self.streams and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)  # the last messages leave the socket's buffer

    def end(self) -> None:
        """Release the stream slots in Redis and the cameras. Called at the exit of the process; blocks for some
        seconds.
        """
        self.hub.stop_threads()
        self.gate.release_now(self._url)
        self.reporter.leave_now(self._url)
        self.hub.join(STOP)
        if self._sharing:
            self._sharing.close()


def _stopped(order: Order) -> StreamError:
    if order.get("replaced"):
        return ReplacedError()
    facts = {"retry_after": order["block"] // 1000} if order["block"] else {}
    return StoppedByAdministratorError(order["message"], **facts)


_current: Runtime | None = None


def current() -> Runtime:
    """Returns this worker process's runtime. The first call creates and starts it, and has to run on the event loop
    that serves the viewers. It does not await, so calls cannot overlap.
    """
    global _current
    if _current is None:
        _current = Runtime(store_url(), pictures_url())
        # In a context of its own: the current one belongs to a request, and its database thread ends with the request.
        contextvars.Context().run(_current.start)
        atexit.register(_current.end)
        shutdown.drain_on_signals(_current.drain)
    return _current
