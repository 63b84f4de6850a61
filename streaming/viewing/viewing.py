"""One viewing from admission to its end: a slot, then the camera's feed, then the delivery of its frames.

It knows no WebSocket: a `Viewer` is all it needs.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from streaming import conf
from streaming.errors import CameraLostError, CameraUnreachableError, StreamError
from streaming.gate.leases import Holder, Place, Rate, Slot, Terms
from streaming.gate.slots import ReadTerms
from streaming.ingest.active_camera import Feed
from streaming.ingest.condition import FAILED_OPENINGS, Condition, State
from streaming.ingest.streams import Streams
from streaming.viewing import protocol
from streaming.viewing.accounting import Account
from streaming.viewing.delivery import LEASE_MARGIN, Delivery
from streaming.viewing.resume_tokens import token_of
from streaming.viewing.services import WorkerServices
from streaming.viewing.stream_switch import StreamSwitch
from streaming.viewing.viewer import Viewer, ViewRequest


class Viewing:
    def __init__(self, services: WorkerServices, viewer: Viewer, request: ViewRequest) -> None:
        self._services, self._gate, self._hub = services, services.gate, services.hub
        self._timeouts, self._viewer, self._request = services.timeouts, viewer, request
        self._streams = request.streams
        self.id = request.id or services.gate.new_id()
        self._account = Account(services, request)
        self.traffic = self._account.traffic
        self._quality = self._requested = request.wanted or request.holder.quality  # the last one, the first one
        self._token = token_of(self.id, request.holder)
        self.is_waiting = False  # in line
        self._touched_at = time.monotonic()  # last sign that somebody is there
        self.asked_at: float | None = None  # time.monotonic() of the question whether somebody is there
        self.slot: Slot | None = None
        self._delivery: Delivery | None = None
        self._switch: StreamSwitch | None = None
        self._stop: asyncio.Future[StreamError] = asyncio.get_running_loop().create_future()

    @property
    def holder(self) -> Holder:
        """The holder with the quality that was requested first."""
        return self._request.holder

    def rate(self) -> Rate:
        """The rate to admit the stream with."""
        return self._account.rate(self.holder.quality)

    async def run(self, terms: Terms, read_terms: ReadTerms | None = None) -> None:
        """Take a slot on `terms` and stream until it ends. Raises the StreamError that ends it.

        If the gate makes new viewers wait, `read_terms` returns the terms that are in force after the wait.
        """
        await _first_error(self._hold(terms, read_terms), self._raise_when_stopped())

    def stop(self, error: StreamError) -> None:
        """End the viewing with `error`."""
        if not self._stop.done():
            self._stop.set_result(error)

    def connection_lost(self) -> None:
        """The viewer may come back within seconds: their slot is kept for that time."""
        if self.slot is not None and self._request.comes_back:
            self.slot.keep_seconds = conf.RESUME.value

    async def _raise_when_stopped(self) -> None:
        raise await asyncio.shield(self._stop)

    async def _hold(self, terms: Terms, read_terms: ReadTerms | None) -> None:
        """Hold a slot, and within it the feed. However this ends, the feed is left before the slot is released."""
        request, asked_at = self._request, time.monotonic()
        async with self._gate.slot(
            request.holder, terms, self._tell_recovering, self.id, read_terms, request.asking, self._tell_place
        ) as slot:
            self._account.count_admission(slot, time.monotonic() - asked_at)
            self.is_waiting = False
            self.slot = slot
            self._viewer.admitted(slot)
            slot.progressed(self._timeouts.first_frame + LEASE_MARGIN)
            streams, told = self._streams, request.holder.quality
            info = protocol.info_message(
                slot, self._token, has_substream=streams.sub is not None, streams=self.stream_facts()
            )
            await self._viewer.send_message(info)
            target = self._hub.known.target(streams, self._requested)
            async with self._hub.feed(target.id, target.source, target.quality, request.formats) as feed:
                delivery = Delivery(self._viewer, slot, feed, self._account, self._timeouts.stall, told)
                switch = StreamSwitch(self._services, self._account, streams, self._requested, slot, target)
                switch.attach(feed, delivery)
                if target.name != told:  # a substream has failed, or is back, since the admission was asked for
                    delivery.begin(target.name)
                self._delivery, self._switch = delivery, switch
                if self._quality != self._requested:  # changed before there was a feed
                    await switch.want(self._quality)
                await _first_error(
                    delivery.pump(),
                    switch.run(),
                    self._follow_camera(slot, feed, switch),
                    delivery.raise_when_stalled(),
                    slot.raise_when_lost(),
                )

    # The viewer's messages.

    def acknowledge(self, seq: int) -> bool:
        """The viewer has decoded all frames up to `seq`. Returns False if that is not new, or was never sent."""
        return self._delivery is not None and self._delivery.acknowledge(seq)

    async def change_quality(self, quality: str) -> None:
        """Send another quality in the same slot. The viewer is told the quality that they get.

        If the bandwidth budget has no room for `quality`, or cannot be checked, the quality stays as it is.
        """
        self._quality = quality
        if self._switch is not None:
            await self._switch.want(quality)
        # else `_hold` switches to it as soon as there is a feed

    def change_streams(self, streams: Streams) -> None:
        """The camera's addresses may have changed."""
        self._streams = streams
        if self._switch is not None:
            self._switch.change_streams(streams)

    def stream_facts(self) -> dict[str, dict[str, object]]:
        """What this worker knows of the camera's own video, by quality."""
        return self._hub.facts(self._streams)

    def touched(self) -> None:
        """The viewer is there."""
        self._touched_at, self.asked_at = time.monotonic(), None

    def is_idle(self, before: float) -> bool:
        """Whether the viewer has a slot and has given no sign since `before` (time.monotonic())."""
        return self.slot is not None and not self._request.unattended and self._touched_at < before

    # Messages about the gate and the camera.

    async def tell_preemption(self, seconds: float | None) -> None:
        """`seconds`: until an operator takes this slot; None: not any longer."""
        facts = {} if seconds is None else {"ends_in": round(seconds)}
        reason = None if seconds is None else "preempted"
        await self._viewer.send_message(protocol.status_message(State.LIVE, reason, **facts))

    async def ask_whether_watched(self, seconds: float) -> None:
        await self._viewer.send_message(
            protocol.status_message(State.LIVE, "still_watching", answer_within=round(seconds))
        )

    async def _tell_place(self, place: Place) -> None:
        self.is_waiting = True
        await self._viewer.send_message(protocol.waiting_message(place, self._token))

    async def _tell_recovering(self, seconds: float) -> None:
        facts = {"retry_after": round(seconds, 1)}
        await self._viewer.send_message(protocol.status_message(State.CONNECTING, "gate_recovering", **facts))

    async def _follow_camera(self, slot: Slot, feed: Feed, switch: StreamSwitch) -> None:
        """Tell the viewer each state of the camera. Raises CameraUnreachableError or CameraLostError after the timeout."""
        told, condition, was_live = None, feed.condition, False
        deadline: float | None = time.monotonic() + self._timeouts.first_frame
        while True:
            if condition.state is not told:
                told = condition.state
                reason = "camera_lost" if told is State.RECONNECTING else None
                await self._viewer.send_message(protocol.status_message(told, reason))
            if condition.state is State.LIVE:
                was_live, deadline = True, None
            elif not was_live and condition.failures >= FAILED_OPENINGS and not switch.has_alternative:
                raise _camera_error(condition)
            elif deadline is None:
                deadline = time.monotonic() + self._timeouts.reconnect
            if deadline is not None:
                slot.progressed(deadline - time.monotonic() + LEASE_MARGIN)
            try:
                async with asyncio.timeout_at(deadline):
                    condition = await feed.changed()
            except TimeoutError as error:
                raise _camera_error(condition) from error


def _camera_error(condition: Condition) -> StreamError:
    kind = CameraLostError if condition.state is State.RECONNECTING else CameraUnreachableError
    return kind(condition.cause)


async def _first_error(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run all jobs until one fails. Cancel the others, wait for their end, and raise the error of the first."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
