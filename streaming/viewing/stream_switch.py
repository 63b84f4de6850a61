"""Changes the quality of a viewer's stream: at once if the same stream of the camera has it, or by a move to the
camera's other stream. A camera has a main stream, and may have a smaller substream.

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
    """Keeps one viewer's feed at the stream of the camera, main stream or substream, that serves the quality which they
    want.
    """

    def __init__(
        self, services: WorkerServices, account: Account, streams: Streams, wanted: str, slot: Slot, target: Target
    ) -> None:
        """`account`: counts the stream's bitrate. `streams`: the camera's addresses. `wanted`: the quality that the
        viewer asked for. `slot`: their right to stream, which shows the present quality to administrators. `target`:
        the stream and quality of the first frames.
        """
        self._gate, self._hub, self._account, self._slot = services.gate, services.hub, account, slot
        self._patience = min(PATIENCE, services.timeouts.first_frame * OF_FIRST_FRAME)
        self._streams, self._target = streams, target
        self.wanted = self._settled = wanted  # by the viewer now, and when it was last granted
        self._opened, self._was_live = time.monotonic(), False
        self._failed: tuple[Target, float] | None = None  # could not be moved to, and when that was

    def attach(self, feed: Feed, delivery: Delivery) -> None:
        """Set the viewer's feed of the camera, and what sends its frames to the viewer. Call this once, before all
        other methods.
        """
        self._feed, self._delivery = feed, delivery

    @property
    def has_alternative(self) -> bool:
        """Whether the camera's main stream can still be tried: the viewer is on its substream, which has shown no
        picture yet.
        """
        return self._target.is_sub and not self._was_live

    async def want(self, quality: str) -> None:
        """Change to `quality`, which the viewer wants, one of `protocol.QUALITIES`. They are told the quality that
        they get, at once or when the camera's other stream has a frame. It is the present one if the bandwidth
        budget refuses the change or Redis cannot check it, or if the other stream has no frame in time.
        """
        if quality == self.wanted:
            await self._delivery.tell_format()
            return
        self.wanted, self._failed = quality, None
        suiting = self._suiting()
        if suiting.id == self._target.id:
            await self._change(suiting)
        self._feed.noticed.set()  # `run` moves to another stream, or no longer does

    def change_streams(self, streams: Streams) -> None:
        """Use these addresses for moves between the camera's streams from now on; they may be the same as before.
        If the substream has come or gone, `run` moves the viewer where necessary. A changed address of the present
        stream takes effect by `Hub.change_sources`.
        """
        if streams.sub != self._streams.sub:
            self._feed.noticed.set()
        self._streams = streams

    async def run(self) -> None:
        """Keep the feed, until cancelled, at the stream of the camera that serves the wanted quality. Move it when
        the other stream comes to serve that quality, for example once the sizes of both are known. Raises
        CameraUnreachableError if the substream has shown no picture, and the main stream has none in time either.
        """
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
        """Seconds until `run` looks again by itself. None: only after a change of the present stream, the wanted
        quality or the substream's address.
        """
        if self.has_alternative:
            return max(self._opened + self._patience - time.monotonic(), 0.1)
        return FAILED_FOR if self._failed or self._target.name != self.wanted else None

    def _note_failure(self) -> None:
        """If the viewer is on a substream that cannot be opened, or has no picture in time, mark it as failed for all
        viewers of this worker. The main stream then serves the substream's qualities for `FAILED_FOR` seconds.
        """
        condition = self._feed.condition
        self._was_live = self._was_live or condition.state is State.LIVE
        late = time.monotonic() - self._opened >= self._patience
        if self.has_alternative and (late or condition.failures >= FAILED_OPENINGS):
            self._hub.known.fail(self._target.id, self._target.source)

    async def _change(self, target: Target) -> None:
        """Deliver another quality of the present camera stream. If the bandwidth budget refuses the change, keep
        the present quality and tell the viewer. The budget can refuse only a change that the viewer asked for.
        """
        if await self._is_admitted(target):
            self._settle(target)
            await self._delivery.switch(target.name, target.quality)

    async def _move(self, target: Target) -> None:
        """Continue with the camera's other stream. Stay with the present one if the bandwidth budget refuses the
        move, or the other stream has no frame in time. Then tell the viewer, if they asked for the change.

        Raises CameraUnreachableError if the other stream cannot be opened or has no frame in time, while the
        present one is the substream and has shown no picture.
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
        """Count the stream in the bandwidth budget at the bitrate of `target`. Returns whether the change may take
        place. It may not if the budget has no room, or if Redis cannot check it.

        Only a change that the viewer asked for can be refused. Then they are told, and the former bitrate still
        counts. A viewer who was asked whether they play a codec, and wants another quality instead, is never
        refused.
        """
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
        """Keep the present quality. If the viewer wanted another, tell them `reason`: an error's, such as
        "bandwidth_reached".
        """
        if self.wanted != self._settled:
            self.wanted = self._settled
            await self._delivery.tell_format(reason=reason)

    def _settle(self, target: Target) -> None:
        """Note that the viewer gets `target` from now on: for the next change, for administrators and in the log."""
        self._target, self._settled = target, self.wanted
        self._gate.describe(self._slot, replace(self._slot.holder, quality=target.name))
        log_event("quality_changed", quality=target.name)
