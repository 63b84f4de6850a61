"""Sends media to one client, and drops pictures while the client is slow or a simulated fault demands it.

Runs on the event loop.
"""

import asyncio
from collections.abc import Iterator
from typing import Protocol

from ..stream import AccessUnit
from .faults import Fault

MAX_BACKLOG = 512 * 1024
"""Bytes that wait for a slow client. Above it, frames are dropped until it has drained, then up to a keyframe."""

KERNEL_BUFFER = 256 * 1024
"""Bytes that the kernel buffers for a connection. Its default would be 4 MB, about 15 seconds of video."""

STALL_SECONDS = 10.0
"""Time with a full backlog after which a client is disconnected."""

REPORT_SECONDS = 3.0
"""Time between RTCP sender reports."""

TRICKLE_SECONDS = 0.25
"""Time between bytes with Fault.TRICKLE."""


class Wire(Protocol):
    """Formats encoded pictures for one connection: as RTP inside RTSP, or as parts of an HTTP response."""

    def begin(self) -> None:
        """Forget the state of the previous play, such as parameter sets sent. Called when the client starts to play."""

    def frames(self, unit: AccessUnit) -> Iterator[bytes]:
        """Yield the bytes of one encoded picture in pieces. Other data may be sent between two pieces."""

    def report(self, unit: AccessUnit) -> bytes:
        """Returns an RTCP sender report to send after this picture, or no bytes over HTTP. Called every few seconds."""


class Sender:
    """Sends encoded pictures to one client, from a keyframe on. After a dropped picture it waits for the next keyframe.

    `wire` formats the pictures for the connection.
    """

    def __init__(self, transport: asyncio.Transport, wire: Wire) -> None:
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._needs_key = True
        self._full_since: float | None = None
        self._report_due = self._loop.time() + REPORT_SECONDS
        self._trickle: Trickle | None = None

    def send(self, unit: AccessUnit, fault: Fault) -> None:
        """Send one encoded picture, or drop it if the fault, a full send buffer or a missing keyframe prevents sending.

        With Fault.TRICKLE it is sent byte by byte, and the following pictures are dropped. A `lost` picture uses its
        sequence numbers and is not sent. Aborts the connection if its buffer has been full for 10 seconds.
        """
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
        """Drop pictures until `mark_free`. Called when the connection's send buffer is full."""
        self._full_since = self._loop.time()

    def mark_free(self) -> None:
        self._full_since = None

    @property
    def is_inside_packet(self) -> bool:
        """Returns whether a packet is partly written, so that nothing else may be written to the connection now."""
        return self._trickle is not None and self._trickle.is_inside_packet

    def begin(self) -> None:
        """Prepare to send from the next keyframe. Called when the client starts to play."""
        self._wire.begin()
        self.restart()

    def restart(self) -> None:
        """Send from the next keyframe, at full speed again if Fault.TRICKLE has slowed the connection.

        Called by `begin`, and when the camera's fault changes.
        """
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
    """Writes the packets of one encoded picture to a connection, one byte every 0.25 seconds. Never blocks.

    It begins when it is constructed. Its owner must end it: by `finish` if the connection goes on, which completes the
    packet that is partly written, or by `stop` if the connection is closed.
    """

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
        """Stop, but send the rest of a partly written packet, to keep the connection's framing. Drop later packets."""
        self.stop()
        self._transport.write(self._rest)
        self._rest = b""

    def _step(self) -> None:
        frame = self._rest or next(self._frames, b"")
        self._transport.write(frame[:1])
        self._rest = frame[1:]
        self._timer = asyncio.get_running_loop().call_later(TRICKLE_SECONDS, self._step)
