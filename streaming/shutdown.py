"""What a worker does when it is told to end: drain first, then let the server stop.

Daphne cancels its applications on SIGTERM without a time limit, and tells no consumer.
"""

import asyncio
import functools
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

from twisted.internet import tcp

_draining: set[asyncio.Task[None]] = set()


def stop_listening() -> None:
    """Daphne listens until it exits: viewers of its last moments would be accepted and cut without a word."""
    reactor = sys.modules.get("twisted.internet.reactor")
    if reactor is not None:
        for port in [reader for reader in reactor.getReaders() if isinstance(reader, tcp.Port)]:
            port.stopListening()  # type: ignore[no-untyped-call]


def drain_on_signals(drain: Callable[[], Awaitable[None]]) -> None:
    """On SIGTERM and SIGINT run `drain` on this loop once, then do what was to be done (Daphne's reactor stops).

    Does nothing off the main thread, which alone may set a handler: under runserver's autoreloader.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        signal.signal(number, functools.partial(_drain_then, drain, loop, before))


def _drain_then(
    drain: Callable[[], Awaitable[None]],
    loop: asyncio.AbstractEventLoop,
    before: Any,
    number: int,
    frame: FrameType | None,
) -> None:
    async def drain_and_go_on() -> None:
        try:
            await drain()
        finally:
            signal.signal(number, before)
            signal.raise_signal(number)

    if _draining or loop.is_closed():
        signal.signal(number, before)
        signal.raise_signal(number)
    else:
        loop.call_soon_threadsafe(lambda: _keep(loop.create_task(drain_and_go_on(), name="drain")))


def _keep(task: asyncio.Task[None]) -> None:
    _draining.add(task)
    task.add_done_callback(_draining.discard)
