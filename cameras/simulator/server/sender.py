"""One viewer's media: packets onto its connection, bounded, or held back by a fault. Lives on the loop."""

import asyncio
from collections.abc import Iterator
from typing import Protocol

from ..stream import AccessUnit
from .faults import Fault

LARGEST_BACKLOG = 512 * 1024
"""Bytes that wait for a client that does not read; beyond it frames are dropped up to a key frame."""

KERNEL_BUFFER = 256 * 1024
"""Bytes; left to itself the kernel takes 4 MB, a quarter of a minute, before anyone notices."""

STALL_SECONDS = 10.0
"""How long a client may not read before it is cut."""

REPORT_SECONDS = 3.0
"""Between RTCP sender reports."""

TRICKLE_SECONDS = 0.25
"""Between the bytes of a trickle."""


class Wire(Protocol):
    """How a connection carries pictures."""

    def begin(self) -> None:
        """A play starts."""

    def frames(self, unit: AccessUnit) -> Iterator[bytes]:
        """The unit in pieces; between two of them the connection may carry something else."""

    def report(self, unit: AccessUnit) -> bytes:
        """What is sent after the unit every few seconds."""


class Sender:
    """Starts with a key frame, and starts over with one after anything was left out."""

    def __init__(self, transport: asyncio.Transport, wire: Wire) -> None:
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._needs_key = True
        self._full_since: float | None = None
        self._report_due = self._loop.time() + REPORT_SECONDS
        self._trickle: Trickle | None = None

    def send(self, unit: AccessUnit, fault: Fault) -> None:
        """Send the unit, or leave it out where the fault or a full connection demands it."""
        if self._has_stalled:
            self._transport.abort()
        if self._is_held(fault) or (self._needs_key and not unit.key):
            self._needs_key = True
        elif fault is Fault.TRICKLE:
            self._trickle = Trickle(self._transport, self._wire.frames(unit))
        else:
            self._needs_key = False
            data = b"".join(self._wire.frames(unit))
            if not unit.lost:
                self._transport.write(data)
                self._report(unit)

    def mark_full(self) -> None:
        """The connection takes no more for now."""
        self._full_since = self._loop.time()

    def mark_free(self) -> None:
        self._full_since = None

    @property
    def is_inside_packet(self) -> bool:
        """True while nothing else may be written to the connection."""
        return self._trickle is not None and self._trickle.is_inside_packet

    def begin(self) -> None:
        """A play starts."""
        self._wire.begin()
        self.restart()

    def restart(self) -> None:
        """Media at full speed again, from the next key frame."""
        self._needs_key = True
        if self._trickle:
            self._trickle.finish()
            self._trickle = None

    def close(self) -> None:
        if self._trickle:
            self._trickle.stop()

    @property
    def _has_stalled(self) -> bool:
        return self._full_since is not None and self._loop.time() - self._full_since > STALL_SECONDS

    def _is_held(self, fault: Fault) -> bool:
        return (
            fault in (Fault.SILENT, Fault.HANG)
            or self._full_since is not None
            or self._trickle is not None
            or self._transport.is_closing()
        )

    def _report(self, unit: AccessUnit) -> None:
        if self._loop.time() >= self._report_due:
            self._report_due = self._loop.time() + REPORT_SECONDS
            self._transport.write(self._wire.report(unit))


class Trickle:
    """Writes a unit byte by byte."""

    def __init__(self, transport: asyncio.Transport, frames: Iterator[bytes]) -> None:
        self._transport = transport
        self._frames = frames
        self._rest = b""
        self._step()

    @property
    def is_inside_packet(self) -> bool:
        return bool(self._rest)

    def stop(self) -> None:
        self._timer.cancel()

    def finish(self) -> None:
        """Complete the packet under way, so that the connection's framing holds; leave the others."""
        self.stop()
        self._transport.write(self._rest)
        self._rest = b""

    def _step(self) -> None:
        frame = self._rest or next(self._frames, b"")
        self._transport.write(frame[:1])
        self._rest = frame[1:]
        self._timer = asyncio.get_running_loop().call_later(TRICKLE_SECONDS, self._step)
