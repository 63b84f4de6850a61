"""Changes a viewing's quality: in the same stream of the camera at once, or to its other stream.

The other stream is opened first. Until its first frame the viewer gets the present one, so that no picture is missing.
"""

import asyncio
import contextlib
import time
from dataclasses import replace

from streaming.errors import BandwidthReachedError, CameraUnreachableError, GateUnavailableError
from streaming.gate.leases import Slot
from streaming.ingest.active_camera import Feed
from streaming.ingest.condition import FAILED_OPENINGS, State
from streaming.ingest.streams import FAILED_FOR, Streams, Target
from streaming.viewing.accounting import Account
from streaming.viewing.delivery import Delivery
from streaming.viewing.log import log_event
from streaming.viewing.services import WorkerServices

PATIENCE = 4.0  # seconds for the first frame of a stream: shorter than the window in which rates are measured
OF_FIRST_FRAME = 0.4  # of the time for a viewing's first frame: then a substream without a frame is given up


class StreamSwitch:
    """Keeps the feed of one viewing at the stream that serves the wanted quality."""

    def __init__(
        self, services: WorkerServices, account: Account, streams: Streams, wanted: str, slot: Slot, target: Target
    ) -> None:
        """`target`: what the feed gets first."""
        self._gate, self._hub, self._account, self._slot = services.gate, services.hub, account, slot
        self._patience = min(PATIENCE, services.timeouts.first_frame * OF_FIRST_FRAME)
        self._streams, self._target = streams, target
        self.wanted = self._settled = wanted  # by the viewer now, and when it was last granted
        self._opened, self._was_live = time.monotonic(), False
        self._failed: tuple[Target, float] | None = None  # could not be moved to, and when that was

    def attach(self, feed: Feed, delivery: Delivery) -> None:
        """Called once, before all other methods."""
        self._feed, self._delivery = feed, delivery

    @property
    def has_alternative(self) -> bool:
        """Whether the main stream is still to be tried: the viewing is on a substream that has shown no picture."""
        return self._target.is_sub and not self._was_live

    async def want(self, quality: str) -> None:
        """The viewer wants `quality`. They are told the quality that they get."""
        if quality == self.wanted:
            await self._delivery.tell_format()
            return
        self.wanted, self._failed = quality, None
        suiting = self._suiting()
        if suiting.id == self._target.id:
            await self._change(suiting)
        self._feed.noticed.set()  # `run` moves to another stream, or no longer does

    def change_streams(self, streams: Streams) -> None:
        """The camera's addresses may have changed."""
        if streams.sub != self._streams.sub:
            self._feed.noticed.set()
        self._streams = streams

    async def run(self) -> None:
        """Follow what the viewer wants and what becomes known of the streams. Raises CameraUnreachableError."""
        while True:
            self._feed.noticed.clear()
            self._note_failure()
            suiting = self._suiting()
            if suiting.id != self._target.id and not self._has_failed(suiting):
                await self._move(suiting)
            elif suiting.id == self._target.id and suiting.name != self._target.name:
                await self._change(suiting)
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause):
                        await self._feed.noticed.wait()

    def _suiting(self) -> Target:
        return self._hub.known.target(self._streams, self.wanted)

    def _has_failed(self, target: Target) -> bool:
        return (
            self._failed is not None and self._failed[0] == target and time.monotonic() < self._failed[1] + FAILED_FOR
        )

    @property
    def _pause(self) -> float | None:
        """Seconds until `run` looks again without a cause."""
        if self.has_alternative:
            return max(self._opened + self._patience - time.monotonic(), 0.1)
        return FAILED_FOR if self._failed or self._target.name != self.wanted else None

    def _note_failure(self) -> None:
        """Give up a substream that cannot be opened."""
        condition = self._feed.condition
        self._was_live = self._was_live or condition.state is State.LIVE
        late = time.monotonic() - self._opened >= self._patience
        if self.has_alternative and (late or condition.failures >= FAILED_OPENINGS):
            self._hub.known.fail(self._target.id, self._target.source)

    async def _change(self, target: Target) -> None:
        """Deliver another quality of the same stream, unless the budget refuses it."""
        if await self._is_admitted(target):
            self._settle(target)
            await self._delivery.switch(target.name, target.quality)

    async def _move(self, target: Target) -> None:
        """Continue with another stream, unless the budget or the camera refuses it.

        Raises CameraUnreachableError if the present stream could not be opened either.
        """
        if not await self._is_admitted(target):
            return

        def arrived() -> None:
            self._was_live = True
            self._settle(target)
            self._delivery.begin(target.name, is_other_stream=True)
            self._account.traffic.restart()

        try:
            await self._hub.move(self._feed, target, lambda: self._suiting() == target, arrived, PATIENCE)
        except CameraUnreachableError as error:
            if self.has_alternative:
                raise
            self._failed = target, time.monotonic()
            await self._refuse(error.reason)
        if self._target != target:
            await self._account.correct_rate(self._slot, self._target.name)

    async def _is_admitted(self, target: Target) -> bool:
        """Count the stream at the rate of `target`. If the viewer wants it and the budget refuses it, they are told."""
        if self.wanted == self._settled:  # not the viewer's wish: nobody is disconnected
            await self._account.correct_rate(self._slot, target.name)
            return True
        try:
            await self._account.change_rate(self._slot, target.name)
        except (BandwidthReachedError, GateUnavailableError) as error:
            if not self._delivery.awaits_codec:
                await self._refuse(error.reason)
                return False
            # They do not play what they were admitted for. As if the camera sent JPEG, they are not disconnected.
            await self._account.correct_rate(self._slot, target.name)
        return True

    async def _refuse(self, reason: str) -> None:
        """The quality stays as it is. If the viewer wanted another, they are told."""
        if self.wanted != self._settled:
            self.wanted = self._settled
            await self._delivery.tell_format(reason=reason)

    def _settle(self, target: Target) -> None:
        """The viewer gets `target` from now on."""
        self._target, self._settled = target, self.wanted
        self._gate.describe(self._slot, replace(self._slot.holder, quality=target.name))
        log_event("quality_changed", quality=target.name)
