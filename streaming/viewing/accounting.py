"""The account of one stream: the rate that the bandwidth budget counts it with, and its traffic in the worker's counters."""

import contextlib
import time
from dataclasses import replace

from streaming.errors import BandwidthReachedError, GateUnavailableError
from streaming.gate.leases import Rate, Slot
from streaming.ingest.frames import Format, Frame
from streaming.ingest.qualities import ORIGINAL
from streaming.ingest.streams import SUB, substream_id
from streaming.limits.admission import rate_of
from streaming.reports.traffic import Traffic
from streaming.viewing import protocol
from streaming.viewing.log import elapsed, log_event
from streaming.viewing.services import WorkerServices
from streaming.viewing.viewer import ViewRequest


class Account:
    def __init__(self, services: WorkerServices, request: ViewRequest) -> None:
        self._gate, self._hub = services.gate, services.hub
        self._counters, self._budget = services.counters, services.budget
        self._camera, self._formats = request.holder.camera_id, request.formats
        self._opened = time.monotonic()
        self.traffic = Traffic()

    def count_admission(self, slot: Slot, seconds: float) -> None:
        """Count an admission, and a refusal by the dry run. `seconds`: how long the viewer waited for the slot."""
        self._counters.observe("waited" if slot.order else "admission", seconds)
        self._counters.add("granted")
        self._counters.count_arrival(slot.in_use - 1)
        self._counters.record_in_use(slot.in_use)
        if slot.would_refuse is not None:
            self._counters.count_refusal(slot.would_refuse, slot.holder, dry_run=True)

    def count_frame(self, frame: Frame, missed: int) -> None:
        """Count a frame that was sent. `missed`: how many frames this viewer has missed so far."""
        traffic, name, size = self.traffic, protocol.FORMATS[frame.format], protocol.HEADER.size + len(frame.data)
        if not traffic.frames:
            self._counters.observe("first_picture", time.monotonic() - self._opened)
            log_event("first_picture", ms=round(elapsed() * 1000, 1))
        traffic.sent(size)
        self._counters.add("frames:" + name)
        self._counters.add("bytes", size)
        if missed > traffic.dropped:
            self._counters.add("dropped:" + name, missed - traffic.dropped)
            traffic.dropped = missed

    # The rate that the budget counts the stream with.

    def rate(self, quality: str) -> Rate:
        """The rate to expect at `quality`.

        At `original` and `sub`, a viewer who plays H.264 gets the camera's own video, unless it is known that it cannot be
        passed on.
        """
        streams = {ORIGINAL: (self._camera, "h264"), SUB: (substream_id(self._camera), "sub_h264")}
        if quality in streams and Format.H264 in self._formats:
            stream, kind = streams[quality]
            if self._hub.passes_video(stream) is not False:
                return rate_of(self._camera, kind)
        return rate_of(self._camera, quality)

    async def change_rate(self, slot: Slot, quality: str) -> None:
        """Count the stream at the rate of `quality`.

        Raises BandwidthReachedError or GateUnavailableError, with nothing changed. Without a budget it raises neither, and
        the change holds even if the gate does not answer.
        """
        rate, budget = self.rate(quality), self._budget()
        try:
            await self._gate.reserve(slot, rate, budget)
        except (BandwidthReachedError, GateUnavailableError):
            if budget:
                raise
        self._set_rate(slot, rate)

    async def correct_rate(self, slot: Slot, quality: str) -> None:
        """Count the stream at the rate of the format that came, even if that exceeds the budget: nobody is disconnected."""
        rate = self.rate(quality)
        if rate == slot.terms.rate:
            return
        self._set_rate(slot, rate)
        with contextlib.suppress(GateUnavailableError):  # the next report corrects it as well
            await self._gate.reserve(slot, rate, 0)

    def _set_rate(self, slot: Slot, rate: Rate) -> None:
        slot.terms = replace(slot.terms, rate=rate)
        self.traffic.restart()
