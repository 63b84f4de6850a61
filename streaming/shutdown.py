"""Ends a worker process on a signal: drains it first, which tells its viewers and gives back their slots (rights to
stream), then lets the server stop.

On SIGTERM, the server Daphne itself notifies no WebSocket consumer. It cancels its applications, and waits for
their end without a time limit.
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
    """Let Daphne stop accepting connections: it would accept them until it exits, and cut the last ones without a
    message. Does nothing under another server."""
    reactor = sys.modules.get("twisted.internet.reactor")
    if reactor is not None:
        for port in [reader for reader in reactor.getReaders() if isinstance(reader, tcp.Port)]:
            port.stopListening()  # type: ignore[no-untyped-call]


def drain_on_signals(drain: Callable[[], Awaitable[None]]) -> None:
    """On SIGTERM or SIGINT, run `drain` once on this loop, then the signal's previous handler, which stops the server.
    Another signal meanwhile runs its own previous handler at once.

    Does nothing outside of the main thread, such as under runserver's autoreloader: Python allows no handlers there.
    A signal that is ignored stays so, as SIGINT does in the background of a shell.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if before is not signal.SIG_IGN:
            signal.signal(number, functools.partial(_drain_then, drain, loop, before))


def _drain_then(
    drain: Callable[[], Awaitable[None]],
    loop: asyncio.AbstractEventLoop,
    before: Any,
    number: int,
    frame: FrameType | None,
) -> None:
    async def drain_and_signal_again() -> None:
        try:
            await drain()
        finally:
            signal.signal(number, before)
            signal.raise_signal(number)

    if _draining or loop.is_closed():
        signal.signal(number, before)
        signal.raise_signal(number)
    else:
        loop.call_soon_threadsafe(lambda: _keep(loop.create_task(drain_and_signal_again(), name="drain")))


def _keep(task: asyncio.Task[None]) -> None:
    _draining.add(task)
    task.add_done_callback(_draining.discard)
