"""The delivery of frames from a camera's feed to one viewer, with acknowledgements and a window of frames in flight."""

import asyncio
import time

from streaming.errors import ViewerUnresponsiveError
from streaming.gate.leases import Slot
from streaming.ingest.active_camera import Feed
from streaming.ingest.condition import State
from streaming.ingest.frames import Format, Frame
from streaming.viewing import protocol
from streaming.viewing.accounting import Account
from streaming.viewing.viewer import Viewer

LATE = 1.0  # seconds by which the timers of a busy worker may be late
LEASE_MARGIN = 5.0  # seconds from a viewing's own deadline until its lease lapses, should the viewing hang


class Delivery:
    """Sends a camera's frames from `feed` to one viewer while they hold `slot`, the right to one concurrent stream.

    A frame is in flight until the viewer acknowledges it. A viewer stalls if they acknowledge none of the frames in
    flight for `stall` seconds. So does one who is asked whether they play a codec, and neither confirms it nor asks for
    another quality.
    """

    def __init__(self, viewer: Viewer, slot: Slot, feed: Feed, account: Account, stall: float, quality: str) -> None:
        """`account`: counts sent frames, and the stream's bitrate. `stall`: seconds without an acknowledgement or
        another required answer, after which the viewer is unresponsive. `quality`: the one that the viewer was told
        already, by its name in messages, such as "sub". If the first frames have another, call `begin`.
        """
        self._viewer, self._slot, self._feed, self._account, self._stall = viewer, slot, feed, account, stall
        self._quality = quality
        self._fast_path, self._mailbox = viewer.fast_path, feed.mailbox
        self._told = Format.JPEG, ""  # the format and codec that the viewer knows of
        self._confirmed = ""  # the codec of H.265 that the viewer has confirmed last
        self._unconfirmed = ""  # the one that they are asked for: no frame is sent until they answer
        self._is_told = True  # the viewer knows of the quality of the next frame
        self._counted: Format | None = None  # the format that the stream's rate was last corrected for
        self._epoch = 0  # of the newest frame, as the viewer knows it
        self._epoch_offset: int | None = 0  # to the camera's; None: the next frame is the first of another stream
        self._sent = self._acked = 0  # sequence number of the newest frame sent, acknowledged
        self._progress = asyncio.Event()
        self._waiting_since = 0.0  # time.monotonic() of the last progress while frames are in flight

    @property
    def camera_delay(self) -> float | None:
        """Mean ms from capture (camera's clock) to arrival at the worker that reads the camera. None: unknown."""
        return self._feed.camera_delay

    def acknowledge(self, seq: int) -> bool:
        """Note that the viewer has decoded all frames up to number `seq`. Returns False if it is old or not sent."""
        if not self._acked < seq <= self._sent:
            return False
        self._acked = seq
        self._made_progress()
        return True

    def _made_progress(self) -> None:
        self._waiting_since = time.monotonic()
        self._progress.set()
        self._slot.progressed(self._stall + LEASE_MARGIN)

    async def switch(self, quality: str, within: str) -> None:
        """Tell the viewer, and send frames of another quality of the present camera stream from now on. `quality`:
        its name for viewers. `within`: its name inside that stream, where `sub` is called `original`.
        """
        self._counted = None  # no frame takes the fast path until the viewer was told
        self._feed.switch(within)
        self.begin(quality)
        await self.tell_format()

    def begin(self, quality: str, *, is_other_stream: bool = False) -> None:
        """Note that all frames which the feed gives from now on are of `quality`. The viewer is told before the
        first one. Ends an open question about a codec. `is_other_stream`: they come from another stream of the
        camera, so the viewer has to restart the decoder."""
        self._counted = None
        self._quality, self._told, self._is_told = quality, (self._feed.format, ""), False
        if self.awaits_codec:  # this is the answer: they do not play it. The next frame may come in another codec
            self._unconfirmed = ""
            self._made_progress()
        if is_other_stream:
            self._epoch_offset = None

    @property
    def awaits_codec(self) -> bool:
        """Whether the viewer was asked if they play a codec, and has not answered. Until then no frame is sent."""
        return bool(self._unconfirmed)

    def confirm_codec(self, codec: str) -> None:
        """Note that the viewer plays `codec` (WebCodecs name), and send it from the current GOP on. Ignored unless it
        is the codec that they are being asked about.
        """
        if codec and codec == self._unconfirmed:
            self._confirmed, self._unconfirmed = codec, ""
            self._feed.switch(self._feed.quality)
            self._made_progress()

    async def tell_format(self, **facts: object) -> None:
        """Tell the viewer the quality and format of the next frame. `facts`: further fields of the message."""
        format, codec = self._told
        self._is_told = True
        await self._viewer.send_message(protocol.format_message(self._quality, format, codec, **facts))

    async def pump(self) -> None:
        """Send the feed's frames until cancelled. Raises SlotLostError at the first frame after the slot was lost."""
        mailbox = self._mailbox
        mailbox.deliver_to(self._send_at_once)
        while True:
            await mailbox.arrival()
            if self._feed.has_news:
                await asyncio.sleep(0)  # another task first tells the viewer the camera's condition
                await mailbox.arrival()  # the frame may have been dropped meanwhile
            if self._is_full():
                self._progress.clear()
                await self._progress.wait()
                continue  # the frame may have been dropped meanwhile
            frame = mailbox.pop()
            if not self._send_at_once(frame):
                await self._send(frame)

    async def _send(self, frame: Frame) -> None:
        """Send a frame, and before it a message if the quality, format or codec is new. After the first frame of a
        quality or format, correct the bitrate with which the bandwidth budget counts the stream. About an H.265 codec
        that the viewer has not confirmed, only ask: the frame comes again once they confirm it. Raises SlotLostError if
        the right to stream is lost.
        """
        self._slot.check()
        if not self._is_told or self._told != (frame.format, frame.codec):
            self._told = frame.format, frame.codec
            asks = frame.format is Format.H265 and frame.codec != self._confirmed
            if asks:  # before the message, which may be answered at once
                self._unconfirmed = frame.codec
                self._made_progress()
            await self.tell_format()
            if asks:
                return  # this frame comes again, with its GOP
        self._one_more_in_flight()
        await self._viewer.send_frame(self._header(frame, self._sent), frame.data)
        self._account.count_frame(frame, self._mailbox.missed)
        if frame.format is not self._counted:
            self._counted = frame.format
            await self._account.correct_rate(self._slot, self._quality)

    def _send_at_once(self, frame: Frame) -> bool:
        """Send a frame past ASGI, if nothing has to be sent or awaited before it. Returns whether it was sent."""
        if (
            self._fast_path is None
            or frame.format is not self._counted
            or self._told != (frame.format, frame.codec)
            or self._is_full()
            or self._feed.has_news
            or self._slot.is_lost
            or not self._fast_path.send_at_once(self._header(frame, self._sent + 1), frame.data)
        ):
            return False
        self._one_more_in_flight()
        self._account.count_frame(frame, self._mailbox.missed)
        return True

    def _header(self, frame: Frame, sequence: int) -> bytes:
        """Returns the header of a frame's message. A new epoch in it (0 to 255) tells the viewer to restart the
        decoder. Each stream of a camera counts its own epochs; for the viewer, a change of the stream is one more.
        """
        if self._epoch_offset is None:
            self._epoch_offset = self._epoch + 1 - frame.epoch
        self._epoch = (frame.epoch + self._epoch_offset) % 256
        return protocol.encode_header(frame, sequence, self._epoch)

    def _is_full(self) -> bool:
        return self.awaits_codec or self._sent - self._acked >= protocol.WINDOW[self._told[0]]

    def _one_more_in_flight(self) -> None:
        if self._sent == self._acked:
            self._waiting_since = time.monotonic()
        self._sent += 1

    async def raise_when_stalled(self) -> None:
        """Watch until cancelled. Raises ViewerUnresponsiveError when the viewer has acknowledged none of the frames in
        flight, or not answered whether they play a codec, for the stall timeout; or SlotLostError if the right to
        stream is lost by then. The time counts only while the camera is live.

        The WebSocket pings of the server, Daphne, do not notice this: any message counts as an answer to them.
        """
        while True:
            if self._feed.condition.state is not State.LIVE:
                self._waiting_since = time.monotonic()  # decoders hold back frames until others follow
            waits = self.awaits_codec or self._sent > self._acked
            waited = time.monotonic() - self._waiting_since if waits else 0.0
            if waited >= self._stall:
                self._slot.check()
                raise ViewerUnresponsiveError
            asleep = time.monotonic()
            # All viewings of a worker wake together, at full seconds: waking costs more than the check.
            pause = min(self._stall - waited, 1.0 - asleep % 1.0)
            await asyncio.sleep(pause)
            # After a longer sleep this worker was paused: acknowledgements from that time may still be unread.
            self._waiting_since += max(time.monotonic() - asleep - pause - LATE, 0.0)
