"""The account of one viewer's stream: the bitrate with which the bandwidth budget of all streams counts it, and its
frames and bytes in the metrics of the worker process.
"""

import contextlib
import time
from dataclasses import replace

from streaming.errors import BandwidthReachedError, GateUnavailableError
from streaming.gate.leases import Rate, Slot
from streaming.ingest.frames import Frame
from streaming.ingest.qualities import ORIGINAL
from streaming.ingest.streams import SUB, substream_id
from streaming.limits.admission import rate_of
from streaming.reports.traffic import Traffic
from streaming.viewing import protocol
from streaming.viewing.log import elapsed, log_event
from streaming.viewing.services import WorkerServices
from streaming.viewing.viewer import ViewRequest


class Account:
    """Keeps the account of one viewer's stream: its admission and frames in the worker's metrics, and the bitrate with
    which the bandwidth budget of all streams counts it.
    """

    def __init__(self, services: WorkerServices, request: ViewRequest) -> None:
        self._gate, self._hub = services.gate, services.hub
        self._counters, self._budget = services.counters, services.budget
        self._camera, self._formats = request.holder.camera_id, request.formats
        self._opened = time.monotonic()
        self.traffic = Traffic()

    def count_admission(self, slot: Slot, seconds: float) -> None:
        """Count in the metrics that the viewer was admitted and holds `slot`, the right to one of the limited
        concurrent streams. If the trial limits of a dry run, which refuse nobody, would have refused the viewer, count
        that as well.

        `seconds`: from the request for the slot until it was granted, with the time in line.
        """
        self._counters.observe("waited" if slot.order else "admission", seconds)
        self._counters.add("granted")
        self._counters.count_arrival(slot.in_use - 1)
        self._counters.record_in_use(slot.in_use)
        if slot.would_refuse is not None:
            self._counters.count_refusal(slot.would_refuse, slot.holder, dry_run=True)

    def count_frame(self, frame: Frame, missed: int) -> None:
        """Count a sent frame in the metrics. `missed`: how many frames were dropped for this viewer since their stream
        began.
        """
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
        """Returns the bitrate to expect at `quality`, one of `protocol.QUALITIES`.

        At `original` and `sub` it is that of the camera's own video (main stream or substream), if this can be sent in
        a format that the viewer plays; else, and at all other qualities, that of JPEG. A video of unknown format counts
        as H.264 or H.265, whichever the viewer plays.
        """
        streams = {ORIGINAL: (self._camera, "h264"), SUB: (substream_id(self._camera), "sub_h264")}
        if quality in streams:
            stream, kind = streams[quality]
            if self._formats & self._hub.own_formats(stream):
                return rate_of(self._camera, kind)
        return rate_of(self._camera, quality)

    async def change_rate(self, slot: Slot, quality: str) -> None:
        """Count the stream in the bandwidth budget of all streams at the bitrate of `quality`. `slot`: the viewer's
        right to stream, whose terms get this rate.

        Raises BandwidthReachedError if a higher bitrate exceeds the budget, or GateUnavailableError if Redis fails.
        After both errors the stream keeps its old rate. If only Redis's answer was lost, Redis counts the new rate
        until the worker's next report. Without a budget it raises neither: the new rate holds even if Redis fails.
        """
        rate, budget = self.rate(quality), self._budget()
        try:
            await self._gate.reserve(slot, rate, budget)
        except (BandwidthReachedError, GateUnavailableError):
            if budget:
                raise
        self._set_rate(slot, rate)

    async def correct_rate(self, slot: Slot, quality: str) -> None:
        """Count the stream at the bitrate that `rate` now returns for `quality`; the camera's format may have become
        known since. `slot`: the viewer's right to stream, whose terms get this rate.

        It may exceed the bandwidth budget: no running stream is ended for that. Raises nothing: if Redis does not
        answer, the worker's next report has the new bitrate.
        """
        rate = self.rate(quality)
        if rate == slot.terms.rate:
            return
        self._set_rate(slot, rate)
        with contextlib.suppress(GateUnavailableError):  # the next report corrects it as well
            await self._gate.reserve(slot, rate, 0)

    def _set_rate(self, slot: Slot, rate: Rate) -> None:
        slot.terms = replace(slot.terms, rate=rate)
        self.traffic.restart()
