"""One viewing, that is one viewer's stream of one camera, from the request to its end. It takes a slot (one of the
limited concurrent streams), then subscribes to the camera's frames and delivers them.

It knows no WebSocket: it reaches the viewer through a `Viewer` object.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from streaming import conf
from streaming.errors import StreamError
from streaming.gate.leases import Holder, Kind, Place, Rate, Slot, Terms
from streaming.gate.slots import ReadTerms
from streaming.ingest.condition import State
from streaming.ingest.streams import Streams
from streaming.viewing import protocol
from streaming.viewing.accounting import Account
from streaming.viewing.camera_news import follow_camera
from streaming.viewing.delivery import LEASE_MARGIN, Delivery
from streaming.viewing.resume_tokens import token_of
from streaming.viewing.services import WorkerServices
from streaming.viewing.stream_switch import StreamSwitch
from streaming.viewing.viewer import Viewer, ViewRequest


class Viewing:
    """One viewer's stream of one camera. `run` streams; the other methods may be called meanwhile."""

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
        """The user, camera and address for which the slot (the right to stream) is asked for or held. Its quality is
        that of the admission, whatever the viewer gets now.
        """
        return self._request.holder

    def rate(self) -> Rate:
        """Returns the expected bitrate of the stream, which the admission counts in the bandwidth budget."""
        return self._account.rate(self.holder.quality)

    async def run(self, terms: Terms, read_terms: ReadTerms | None = None) -> None:
        """Take a slot (the right to stream) under the limits in `terms`, and stream. Never returns: raises the
        StreamError that ends the stream, or an error of the connection.

        `read_terms` is called after each wait for a slot, and returns the limits in force then; None: `terms` stay.
        """
        await _first_error(self._hold(terms, read_terms), self._raise_when_stopped())

    def stop(self, error: StreamError) -> None:
        """Let `run` raise `error`, which ends the stream. Only the first call counts."""
        if not self._stop.done():
            self._stop.set_result(error)

    def connection_lost(self) -> None:
        """Note, before `run` is cancelled, that the connection was lost. If the client knows how to come back
        (`ViewRequest.comes_back`), the slot (the right to stream) is kept for it for `STREAM_RESUME_SECONDS`.
        """
        if self.slot is not None and self._request.comes_back:
            self.slot.keep_seconds = conf.RESUME.value

    async def _raise_when_stopped(self) -> None:
        raise await asyncio.shield(self._stop)

    async def _hold(self, terms: Terms, read_terms: ReadTerms | None) -> None:
        """Take a slot (the right to stream) under the limits in `terms`, and stream. After a wait for the slot, the
        limits are those that `read_terms` returns, unless it is None. The subscription to the camera always ends before
        the slot is released.
        """
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
                    follow_camera(self._viewer, slot, feed, switch, self._timeouts, sees_reasons=request.sees_reasons),
                    delivery.raise_when_stalled(),
                    slot.raise_when_lost(),
                )

    # The viewer's messages.

    def acknowledge(self, seq: int) -> bool:
        """Note that the viewer has decoded all frames up to sequence number `seq`. Returns False if that was noted
        before, or if the frame was never sent.
        """
        return self._delivery is not None and self._delivery.acknowledge(seq)

    def confirm_codec(self, codec: str) -> None:
        """Note that the viewer plays `codec`, so that the camera's own video can be sent. Ignored if it is not the
        codec that the server is asking about.
        """
        if self._delivery is not None:
            self._delivery.confirm_codec(codec)

    async def change_quality(self, quality: str) -> None:
        """Change to `quality` without a new admission. The caller has checked that `protocol.QUALITIES` has it. The
        viewer is told the quality that they get, maybe after this has returned. While they wait for a slot, the
        wish is kept.

        If the bandwidth budget has no room for `quality`, or cannot be checked, the quality stays as it is, except
        while the server asks whether the viewer plays a codec. It also stays if `quality` needs the camera's other
        stream, and that has no frame in time.
        """
        self._quality = quality
        if self._switch is not None:
            await self._switch.want(quality)
        # else `_hold` switches to it as soon as there is a feed

    def change_streams(self, streams: Streams) -> None:
        """Use these addresses, which may be the same as before, for streams opened from now on; `Hub.change_sources` is
        for open ones. If a substream has come or gone, `run` moves the viewer to the stream that serves the quality."""
        self._streams = streams
        if self._switch is not None:
            self._switch.change_streams(streams)

    def stream_facts(self) -> dict[str, dict[str, object]]:
        """Returns what this worker knows of the camera's own video: quality ("original", "sub") -> codec, width,
        height, frames_per_second and kbps. Leaves out a stream of unknown size; the last two are 0 if unknown.
        """
        return self._hub.facts(self._streams)

    def pong(self, sent: float) -> dict[str, object]:
        """Returns the answer to a viewer's ping, with what is known of the camera's delay and video by now. `sent`: the
        time in the ping.
        """
        delay = self._delivery.camera_delay if self._delivery else None
        return protocol.pong_message(sent, delay, streams=self.stream_facts())

    def touched(self) -> None:
        """Note that the viewer is there: they have touched the page, or answered whether they still watch."""
        self._touched_at, self.asked_at = time.monotonic(), None

    @property
    def yields(self) -> bool:
        """Whether this is a running background stream (one of a page with many cameras) that may be ended when other
        viewers wait for its slot, the right to stream.
        """
        return self.slot is not None and self.slot.asking.kind is Kind.BACKGROUND and not self._request.keeps_slot

    def is_idle(self, before: float) -> bool:
        """Whether the stream runs and its viewer has given no sign since `before` (time.monotonic()). False for viewers
        who are exempt from the question whether they still watch.
        """
        return self.slot is not None and not self._request.unattended and self._touched_at < before

    # Messages about the gate and the camera.

    async def tell_preemption(self, seconds: float | None) -> None:
        """Tell the viewer that their stream ends in `seconds` because an operator, a privileged user, needs its slot.
        None: tell them that it does not end for that any more.
        """
        facts = {} if seconds is None else {"ends_in": round(seconds)}
        reason = None if seconds is None else "preempted"
        await self._viewer.send_message(protocol.status_message(State.LIVE, reason, **facts))

    async def ask_whether_watched(self, seconds: float) -> None:
        """Ask whether the viewer still watches. `seconds`: their time to answer, which the caller enforces."""
        await self._viewer.send_message(
            protocol.status_message(State.LIVE, "still_watching", answer_within=round(seconds))
        )

    async def _tell_place(self, place: Place) -> None:
        self.is_waiting = True
        await self._viewer.send_message(protocol.waiting_message(place, self._token))

    async def _tell_recovering(self, seconds: float) -> None:
        facts = {"retry_after": round(seconds, 1)}
        await self._viewer.send_message(protocol.status_message(State.CONNECTING, "gate_recovering", **facts))


async def _first_error(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run all jobs to their end. If one fails, cancel the others, wait for them, and raise the error of the first."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
