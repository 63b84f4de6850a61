"""The playback of one simulated camera on one client's connection: not set up, set up, or playing.

Runs on the event loop.
"""

import asyncio

from ..stream import AccessUnit
from .broadcast import Broadcast
from .faults import DROP_SECONDS, Fault
from .sender import Sender, Wire


class Playback:
    def __init__(self, transport: asyncio.Transport, broadcast: Broadcast) -> None:
        self.broadcast = broadcast
        self.sender: Sender | None = None
        self.is_playing = False
        self._transport = transport
        self._counted = False
        self._drop_timer: asyncio.TimerHandle | None = None

    @property
    def fault(self) -> Fault:
        return self.broadcast.camera.fault

    @property
    def is_set_up(self) -> bool:
        return self.sender is not None

    def allows(self, method: str, authorization: str) -> bool:
        return self.fault is not Fault.UNAUTHORIZED and self.broadcast.authentication.allows(method, authorization)

    def count(self) -> None:
        """Add this connection to the camera's `connections_total`, once, however often the client asks for media."""
        if not self._counted:
            self._counted = True
            self.broadcast.connections_total += 1

    def set_up(self, wire: Wire) -> None:
        self.sender = Sender(self._transport, wire)

    def play(self) -> None:
        """Start or continue to send, from the next keyframe. Call `set_up` first."""
        self.is_playing = True
        if self.sender:
            self.sender.begin()
        self._plan_drop()
        self.broadcast.play()

    def pause(self) -> None:
        self.is_playing = False
        self._plan_drop()
        self.broadcast.update()

    def stop(self) -> None:
        """Stop sending and undo `set_up`, which may be called again."""
        if self.sender:
            self.sender.close()
            self.sender = None
        self.pause()

    def deliver(self, unit: AccessUnit) -> None:
        if self.sender and self.is_playing:
            self.sender.send(unit, self.fault)

    def apply_fault(self) -> None:
        """Call this when the fault has changed. A play restarts at a keyframe; Fault.DROP disconnects in 2 s."""
        if self.sender:
            self.sender.restart()
        self._plan_drop()

    def _plan_drop(self) -> None:
        """Cancel a planned close. If the client plays and the fault is DROP, plan to close in two seconds."""
        if self._drop_timer:
            self._drop_timer.cancel()
            self._drop_timer = None
        if self.is_playing and self.fault is Fault.DROP:
            self._drop_timer = asyncio.get_running_loop().call_later(DROP_SECONDS, self._transport.abort)
