"""This worker's gate and hub: start, drain, stop. The one place that holds them for the whole process."""

import asyncio
import atexit
import contextlib
import functools
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from django.conf import settings
from twisted.internet import tcp

from streaming import conf, control, embedded
from streaming.capture import Timeouts
from streaming.errors import (
    AddressLimitReachedError,
    DrainingError,
    GateUnavailableError,
    StoppedByAdministratorError,
    UserLimitReachedError,
)
from streaming.hub import Hub
from streaming.keys import PREFIX, SERVER_SET, open_generation, store_url
from streaming.leases import Limit
from streaming.rechecks import Rechecks, Stream
from streaming.sharing import Sharing
from streaming.slots import Gate
from streaming.snapshots import Snapshots
from streaming.store import Store
from streaming.usage import UsageReport
from streaming.viewing import Patience

logger = logging.getLogger(__name__)

DRAIN = 2.0  # seconds in which a stopping worker gives its slots back
STOP = 6.0  # seconds in which its captures leave their cameras: a read in progress may take its whole time-out


def prepare() -> None:
    """Have Redis at hand before the first viewer comes. Blocks while the embedded one starts; raises RuntimeError."""
    alone = False
    if not settings.REDIS_URL:
        alone = embedded.ensure(settings.EMBEDDED_REDIS_DIR)
        logger.info("REDIS_URL is not set: the embedded Redis holds the streams' slots, for this machine only")
    # The first user of the embedded Redis knows that nobody can hold a slot, so that nobody has to wait.
    if not open_generation(store_url(), 0 if alone else conf.timing().grace):
        logger.warning("Redis does not answer yet; streams are refused until it does")


class Runtime:
    """Made once per process, on the loop that serves it."""

    def __init__(self, url: str) -> None:
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.started = time.time() * 1000
        self.draining = False
        self.streams: set[Stream] = set()
        self._url = url
        self._store = Store(url)
        reading = conf.READ_TIMEOUT.value
        self._sharing = Sharing(url, self.worker) if conf.SHARE_CAMERAS.value == "on" else None
        self.hub = Hub(Timeouts(reading, reading), int(conf.MAX_CAMERAS.value), conf.LINGER, self._sharing)
        self.gate = Gate(self._store, conf.timing(), self.worker, self._report)
        self.hub.on_change = self.gate.report_soon
        self.usage = UsageReport(self.gate)
        self.snapshots = Snapshots(self.hub, conf.FIRST_FRAME.value)
        self._rechecks = Rechecks(lambda: list(self.streams), self.hub)
        self._tasks: list[asyncio.Task[None]] = []

    # Start.

    def start(self) -> None:
        self.gate.start()
        self._tasks = [
            asyncio.create_task(control.listen(self._handle_event), name="control events"),
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

    @staticmethod
    def limits(user: str, address: str) -> tuple[Limit, ...]:
        """The limited sets that a new stream enters, the server's first."""
        limits = [
            Limit(SERVER_SET, int(conf.MAX_CONCURRENT.value)),
            Limit(f"{PREFIX}set:user:{user}", int(conf.MAX_PER_USER.value), UserLimitReachedError),
            Limit(f"{PREFIX}set:address:{address}", int(conf.MAX_PER_ADDRESS.value), AddressLimitReachedError),
        ]
        return tuple(limit for limit in limits if limit.maximum)

    @staticmethod
    def patience() -> Patience:
        return Patience(conf.FIRST_FRAME.value, conf.RECONNECT.value)

    async def check_gate(self) -> None:
        """Write this worker's report, as a renewal does: a Redis that is full answers readings only. Raises
        GateUnavailableError."""
        await self.gate.send_report()

    # What other workers and pages hear, and what this one hears of them.

    def _report(self) -> dict[str, Any]:
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": self.started,
            "seen": time.time() * 1000,
            "cameras": self.hub.conditions(),
        }

    def _handle_event(self, event: control.Event) -> None:
        for stream in list(self.streams):
            if event["type"] == "recheck" and (
                event.get("camera") == stream.camera or event.get("user") == stream.user
            ):
                self._rechecks.ask(stream)
            elif event["type"] == "stop" and stream.viewing is not None and event.get("viewing") == stream.viewing.id:
                stream.stop(StoppedByAdministratorError())

    # The end. Daphne cancels its applications on SIGTERM without a time limit and tells no consumer.

    async def drain(self) -> None:
        """Refuse newcomers, tell the viewers, give the slots back. Bounded by `DRAIN`."""
        if self.draining:
            return
        self.draining = True
        logger.info("Draining: %d streams are told to reconnect elsewhere", len(self.streams))
        _stop_listening()
        for stream in list(self.streams):
            stream.stop(DrainingError())
        self.hub.stop()
        await self._until_left(DRAIN / 2)
        await self.gate.stop(DRAIN / 2)
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
        self.hub.join(STOP)
        if self._sharing:
            self._sharing.close()


_current: Runtime | None = None


def current() -> Runtime:
    """This process's runtime, started by the first to ask on the loop that serves. No await: nobody can come between."""
    global _current
    if _current is None:
        _current = Runtime(store_url())
        _current.start()
        atexit.register(_current.end)
        _handle_signals(_current)
    return _current


def _stop_listening() -> None:
    """Daphne listens until it exits: newcomers of its last moments would be accepted and cut without a word."""
    reactor = sys.modules.get("twisted.internet.reactor")
    if reactor is not None:
        for port in [reader for reader in reactor.getReaders() if isinstance(reader, tcp.Port)]:
            port.stopListening()  # type: ignore[no-untyped-call]


def _handle_signals(runtime: Runtime) -> None:
    """On SIGTERM and SIGINT drain first, then do what was to be done (Daphne's reactor stops).

    Only the main thread may set a handler. Under runserver's autoreloader the loop has another thread: `end` does it.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        signal.signal(number, functools.partial(_drain_then, runtime, loop, before))


def _drain_then(
    runtime: Runtime, loop: asyncio.AbstractEventLoop, before: Any, number: int, frame: FrameType | None
) -> None:
    async def drain() -> None:
        try:
            await runtime.drain()
        finally:
            signal.signal(number, before)
            signal.raise_signal(number)

    if runtime.draining or loop.is_closed():
        signal.signal(number, before)
        signal.raise_signal(number)
    else:
        loop.call_soon_threadsafe(lambda: _keep(loop.create_task(drain(), name="drain")))


_draining: set[asyncio.Task[None]] = set()


def _keep(task: asyncio.Task[None]) -> None:
    _draining.add(task)
    task.add_done_callback(_draining.discard)
