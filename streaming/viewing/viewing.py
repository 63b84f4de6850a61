"""One viewing from admission to the end: a slot, a feed, and the pump between feed and viewer.
Knows no WebSocket: `Viewer` is all it needs of the other side.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cameras.sources import CameraSource
from streaming import conf
from streaming.errors import (
    BandwidthReachedError,
    CameraLostError,
    CameraUnreachableError,
    GateUnavailableError,
    StreamError,
    ViewerUnresponsiveError,
)
from streaming.gate.leases import Holder, Rate, Slot, Terms
from streaming.gate.slots import Asked, Gate
from streaming.ingest.condition import Condition, State
from streaming.ingest.frames import Format, Frame
from streaming.ingest.hub import JPEG_ONLY, REFUSALS, Feed, Hub
from streaming.ingest.qualities import ORIGINAL
from streaming.limits.admission import rate_of
from streaming.reports.counters import Counters
from streaming.reports.traffic import Traffic
from streaming.viewing import protocol
from streaming.viewing.log import elapsed, log_event

LATE = 1.0  # seconds by which a busy worker's timers may be late
RENEWED_FOR = 5.0  # seconds on top of a viewing's own deadlines, after which its lease lapses if it hangs


class Viewer(Protocol):
    # Sends header and payload of a frame if that needs no wait, and returns whether it did. None: it may always need one.
    send_frame_at_once: Callable[[bytes, bytes], bool] | None

    async def send_message(self, message: dict[str, object]) -> None: ...
    async def send_frame(self, header: bytes, payload: bytes) -> None: ...
    def admitted(self, slot: Slot) -> None: ...


@dataclass(frozen=True)
class ViewerTimeouts:
    """Seconds: for the first picture, for a lost camera to come back, for a viewer to acknowledge."""

    first_frame: float
    reconnect: float
    stall: float = conf.STALL


class Viewing:
    """`run` raises the StreamError that ends the viewing, or is cancelled when the viewer leaves."""

    def __init__(
        self,
        gate: Gate,
        hub: Hub,
        viewer: Viewer,
        source: CameraSource,
        holder: Holder,
        timeouts: ViewerTimeouts,
        formats: frozenset[Format] = JPEG_ONLY,
        id: str = "",
        counters: Counters | None = None,
        budget: Callable[[], int] = lambda: 0,
    ) -> None:
        """`budget` tells the kbit/s that all streams together may take now, 0: any."""
        self._gate, self._hub, self._viewer = gate, hub, viewer
        self._id, self._opened = id or gate.new_id(), time.monotonic()
        self._counters, self._budget = counters or Counters(), budget
        self.traffic = Traffic()
        self._source, self._timeouts, self._formats = source, timeouts, formats
        self.holder, self._asked = holder, holder.quality
        self._told = Format.JPEG, ""  # format and codec that the viewer was told last
        self._counted: Format | None = None  # what came when its rate was looked at last
        self.slot: Slot | None = None
        self._feed: Feed | None = None
        self._sent = self._acked = 0  # sequence number of the newest frame sent, acknowledged
        self._progress = asyncio.Event()
        self._stop: asyncio.Future[StreamError] = asyncio.get_running_loop().create_future()
        self._waiting_since = 0.0  # time.monotonic() of the last progress while frames are in flight

    @property
    def id(self) -> str:
        return self._id

    def rate(self) -> Rate:
        """What its quality is expected to take: the camera's own video, unless it is known that JPEG comes instead."""
        camera, quality = self.holder.camera_id, self.holder.quality
        video = quality == ORIGINAL and Format.H264 in self._formats and self._hub.passes_video(camera) is not False
        return rate_of(camera, "h264" if video else quality)

    async def run(self, terms: Terms, ask: Asked | None = None) -> None:
        """`ask` is asked for the terms once more if the gate lets newcomers wait."""
        await _first_error(self._hold(terms, ask), self._watch_stop())

    async def _hold(self, terms: Terms, ask: Asked | None) -> None:
        """Hold a slot and a feed, and pump. Leaves the feed first and gives the slot back then, whatever happens."""
        asked = time.monotonic()
        async with self._gate.slot(self.holder, terms, self._tell_waiting, self._id, ask) as slot:
            self._count_admission(slot, time.monotonic() - asked)
            self.slot = slot
            self._viewer.admitted(slot)
            slot.progressed(self._timeouts.first_frame + RENEWED_FOR)
            await self._viewer.send_message(self._info(slot, slot.limits[0].maximum))
            async with self._hub.feed(self.holder.camera_id, self._source, self.holder.quality, self._formats) as feed:
                self._feed = feed
                if self._asked != self.holder.quality:
                    await self.change_quality(self._asked)
                await _first_error(
                    self._pump(slot, feed), self._follow(slot, feed), self._watch_stall(slot, feed), slot.watch()
                )

    def _count_admission(self, slot: Slot, seconds: float) -> None:
        self._counters.observe("admission", seconds)
        self._counters.add("granted")
        self._counters.add(f"arrivals:{slot.in_use - 1}")
        self._counters.saw(slot.in_use)
        if slot.would_refuse is not None:
            self._counters.refused(slot.would_refuse, self.holder, dry_run=True)

    def stop(self, error: StreamError) -> None:
        """End the viewing with `error`."""
        if not self._stop.done():
            self._stop.set_result(error)

    def acknowledge(self, seq: int) -> bool:
        """The viewer has decoded all up to `seq`; returns whether that is news. What was never sent, or is older, is not."""
        if not self._acked < seq <= self._sent:
            return False
        self._acked = seq
        self._waiting_since = time.monotonic()
        self._progress.set()
        if self.slot:
            self.slot.progressed(self._timeouts.stall + RENEWED_FOR)
        return True

    async def change_quality(self, quality: str) -> None:
        """The same slot and feed, other pictures; the same ones, if the budget has no room for what is asked for."""
        if self.slot is None or self._feed is None:
            self._asked = quality  # of a viewing that has no feed yet, and changes when it has
            return
        before, self.holder = self.holder, replace(self.holder, quality=quality)
        if quality == before.quality:
            await self._tell_format(*self._told)
            return
        budget = self._budget()
        try:
            await self._gate.reserve(self.slot, self.rate(), budget)
        except (BandwidthReachedError, GateUnavailableError) as error:
            if budget:  # where there is none, pictures need no gate
                self.holder, self._counted = before, None
                await self._tell_format(*self._told, reason=error.reason)
                return
        self.slot.terms = replace(self.slot.terms, rate=self.rate())
        self._counted = None  # before it may come: it is told of first
        self._feed.switch(quality)
        self.traffic.restart()
        self._gate.describe(self.slot, self.holder)
        log_event("quality_changed", quality=quality)
        await self._tell_format(self._feed.format)

    # What the viewer is told.

    async def _tell_format(self, format: Format, codec: str = "", **facts: object) -> None:
        self._told = format, codec
        await self._viewer.send_message({"type": "quality_changed", **self._describe(format, codec), **facts})

    def _describe(self, format: Format, codec: str = "") -> dict[str, object]:
        return {
            "quality": self.holder.quality,
            "format": protocol.FORMATS[format],
            "codec": codec or None,
            "window": protocol.WINDOW[format],
        }

    def _info(self, slot: Slot, limit: int) -> dict[str, object]:
        return {
            "type": "info",
            "viewing_id": slot.id,
            "camera": self.holder.camera_id,
            "name": self.holder.camera,
            "qualities": list(protocol.QUALITIES),
            **self._describe(Format.JPEG),
            "in_use": slot.in_use,
            "limit": limit,
            "server_time": time.time() * 1000,
        }

    async def _tell_waiting(self, seconds: float) -> None:
        await self._tell(State.CONNECTING, "gate_recovering", retry_after=round(seconds, 1))

    async def _tell(self, state: State, reason: str | None = None, **facts: object) -> None:
        await self._viewer.send_message({"type": "status", "state": state.value, "reason": reason, **facts})

    # The tasks of a running viewing; the first to fail ends all.

    async def _pump(self, slot: Slot, feed: Feed) -> None:
        mailbox = feed.mailbox
        mailbox.pass_on = functools.partial(self._send_at_once, slot, feed)
        while True:
            await mailbox.arrival()
            if feed.has_news:
                await asyncio.sleep(0)  # for `_follow`, which tells it first
                await mailbox.arrival()  # what waited may have been dropped meanwhile
            if self._is_full():
                self._progress.clear()
                await self._progress.wait()
                continue  # what waited may have been dropped meanwhile
            frame = mailbox.pop()
            if self._send_at_once(slot, feed, frame):
                continue
            slot.check()
            if self._told != (frame.format, frame.codec):
                await self._tell_format(frame.format, frame.codec)
            self._one_more_in_flight()
            await self._viewer.send_frame(protocol.encode_header(frame, self._sent), frame.data)
            self._count_frame(frame, mailbox.missed)
            if frame.format is not self._counted:
                self._counted = frame.format
                await self._recount(slot)

    def _send_at_once(self, slot: Slot, feed: Feed, frame: Frame) -> bool:
        """Send a frame that needs nothing but to be sent, if the viewer takes it without a wait; returns whether it did."""
        send = self._viewer.send_frame_at_once
        if (
            send is None
            or frame.format is not self._counted
            or self._told != (frame.format, frame.codec)
            or self._is_full()
            or feed.has_news
            or slot.is_lost
            or not send(protocol.encode_header(frame, self._sent + 1), frame.data)
        ):
            return False
        self._one_more_in_flight()
        self._count_frame(frame, feed.mailbox.missed)
        return True

    def _is_full(self) -> bool:
        return self._sent - self._acked >= protocol.WINDOW[self._told[0]]

    def _one_more_in_flight(self) -> None:
        if self._sent == self._acked:
            self._waiting_since = time.monotonic()
        self._sent += 1

    async def _recount(self, slot: Slot) -> None:
        """Count the stream with what it turns out to be, though the budget have no room for that: nobody is cut off."""
        rate = self.rate()
        if rate == slot.terms.rate:
            return
        slot.terms = replace(slot.terms, rate=rate)
        self.traffic.restart()
        with contextlib.suppress(GateUnavailableError):  # the next report says it, too
            await self._gate.reserve(slot, rate, 0)

    def _count_frame(self, frame: Frame, missed: int) -> None:
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

    async def _watch_stall(self, slot: Slot, feed: Feed) -> None:
        """A viewer with frames in flight has to make progress; Daphne's own pings are fooled by any message."""
        while True:
            if feed.condition.state is not State.LIVE:
                self._waiting_since = time.monotonic()  # decoders keep pictures back until others come
            waited = time.monotonic() - self._waiting_since if self._sent > self._acked else 0.0
            if waited >= self._timeouts.stall:
                slot.check()
                raise ViewerUnresponsiveError
            asleep = time.monotonic()
            # At full seconds, so that all viewings of a worker look at the same moment: waking costs more than looking.
            pause = min(self._timeouts.stall - waited, 1.0 - asleep % 1.0)
            await asyncio.sleep(pause)
            # Slept for longer: this worker was paused, and what the viewer has sent meanwhile is still to be read.
            self._waiting_since += max(time.monotonic() - asleep - pause - LATE, 0.0)

    async def _watch_stop(self) -> None:
        raise await asyncio.shield(self._stop)

    async def _follow(self, slot: Slot, feed: Feed) -> None:
        """Tell the viewer of the camera's condition; raise when there was no picture for too long."""
        told, condition, was_live = None, feed.condition, False
        deadline: float | None = time.monotonic() + self._timeouts.first_frame
        while True:
            if condition.state is not told:
                told = condition.state
                await self._tell(told, "camera_lost" if told is State.RECONNECTING else None)
            if condition.state is State.LIVE:
                was_live, deadline = True, None
            elif not was_live and condition.failures >= REFUSALS:
                raise _gone(condition)
            elif deadline is None:
                deadline = time.monotonic() + self._timeouts.reconnect
            if deadline is not None:
                slot.progressed(deadline - time.monotonic() + RENEWED_FOR)
            try:
                async with asyncio.timeout_at(deadline):
                    condition = await feed.changed()
            except TimeoutError as error:
                raise _gone(condition) from error


def _gone(condition: Condition) -> StreamError:
    kind = CameraLostError if condition.state is State.RECONNECTING else CameraUnreachableError
    return kind(condition.cause)


async def _first_error(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run all until one fails; cancel the others, wait for their end and raise what failed."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
