"""Logs the milestones of one viewing, that is one viewer's stream: opened, admitted, and ended or refused.
docs/metrics.md lists the fields of each.
"""

from streaming.gate.leases import Slot
from streaming.viewing import log
from streaming.viewing.log import log_event
from streaming.viewing.viewing import Viewing


class Milestones:
    """Logs when one viewer's stream of `camera` (id) was opened, admitted, and ended or refused."""

    def __init__(self, camera: str) -> None:
        self._camera, self._end_logged = camera, False

    def opened(self, address: str) -> None:
        log_event("opened", camera=self._camera, address=address)

    def admitted(self, slot: Slot) -> None:
        log_event(
            "admitted",
            user=slot.holder.user,
            camera=self._camera,
            quality=slot.holder.quality,
            in_use=slot.in_use,
            limit=slot.limits[0].maximum,
            ms=round(log.elapsed() * 1000, 1),
        )

    def end(self, code: int | None, reason: str, viewing: Viewing | None) -> None:
        """Log "ended" if the stream had a slot (the right to stream) or the viewer left, else "refused". Only the first
        call logs: the first reason wins.

        `code`: the WebSocket close code, None if there was none. `reason`: that of a StreamError, such as
        "idle"; "left": the viewer left; "failed": another exception. `viewing`: the viewer's stream, None if the
        request failed before there was one.
        """
        if self._end_logged:
            return
        self._end_logged = True
        was_admitted = viewing is not None and viewing.slot is not None
        log_event(
            "ended" if was_admitted or reason == "left" else "refused",
            code=code,
            reason=reason,
            seconds=round(log.elapsed(), 3),
            camera=self._camera,
            user=viewing.holder.user if viewing else None,
            **(viewing.traffic.totals() if viewing is not None and was_admitted else {}),
        )
