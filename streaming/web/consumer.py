"""The WebSocket of a stream: passes on the viewer's messages, and turns each error into a message and a close code."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

from autobahn.exception import Disconnected
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error, InterfaceError, OperationalError

from streaming import conf, errors, runtime
from streaming.gate.leases import Slot, Terms
from streaming.gate.line_readings import read_own
from streaming.store.scripts import Store
from streaming.viewing import log, protocol
from streaming.viewing.fast_path import EXTENSION, FastPath
from streaming.viewing.milestones import Milestones
from streaming.viewing.open_streams import Stream
from streaming.viewing.viewing import Viewing
from streaming.web.handshake import Handshake

logger = logging.getLogger(__name__)

LOST = 1006  # the close code of a connection that ended without a close frame


@contextlib.asynccontextmanager
async def naming_own_viewings(store: Store, user_id: str) -> AsyncIterator[None]:
    """Let the refusal by a limit name the user's viewings that hold slots."""
    try:
        yield
    except errors.LimitReachedError as error:
        if not conf.WAIT_MAX.value:
            error.facts.pop("waiting", None)  # there is no line
        with contextlib.suppress(errors.GateUnavailableError):
            error.facts["yours"] = await read_own(store, user_id)
        raise


class StreamConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """`/api/v1/cameras/<uuid>/stream`. Accepts at once: for an earlier refusal, a browser shows the code 1006 only."""

    def __init__(self) -> None:
        super().__init__()
        self.fast_path: FastPath | None = None
        # `connect` sets these three: they depend on the scope.
        self._id: str
        self._handshake: Handshake
        self._milestones: Milestones
        self._task: asyncio.Task[None] | None = None  # streams
        self._stream = Stream()
        self._viewing: Viewing | None = None
        self._close_code: int | None = None  # the viewer's own
        self._rate_limit = MessageRateLimit(protocol.MAX_VIEWER_MESSAGES_PER_SECOND)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Await each message plainly. Channels' own loop makes a task, a wait and a thread hop of each.

        A viewer acknowledges four to fifteen times a second, which needs no database. Under Daphne most acknowledgements
        take the fast path instead.
        """
        self.scope, self.base_send, self.channel_layer = scope, send, None
        self.fast_path = scope.get("extensions", {}).get(EXTENSION)
        if self.fast_path is not None:
            self.fast_path.set_text_handler(self._take_ack)
        try:
            with contextlib.suppress(StopConsumer):
                while True:
                    message = await receive()
                    if message["type"] == "websocket.receive":
                        await self.receive(message.get("text"), message.get("bytes"))
                    else:
                        await self.dispatch(message)
        finally:
            if self.fast_path is not None:
                self.fast_path.set_text_handler(None)
            # `disconnect` is not called on SIGTERM, nor after an exception in a handler.
            await self._cancel_task()

    async def connect(self) -> None:
        await self.accept()
        worker = runtime.current()  # before `log.begin`: a runtime that starts here outlives the viewing
        self._id = worker.gate.new_id()
        self._handshake = Handshake(self.scope)
        self._milestones = Milestones(self._handshake.camera)
        log.begin(self._id)
        self._milestones.opened(self._handshake.address)
        # A task, because Channels awaits each handler before it reads the next event, such as a disconnect.
        self._task = asyncio.create_task(self._serve(worker), name=f"stream {self.scope['path']}")

    async def disconnect(self, code: int) -> None:
        self._close_code = code
        if code == LOST and self._viewing is not None:
            self._viewing.connection_lost()
        await self._cancel_task()

    async def _cancel_task(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            try:
                # Waits until feed and slot are released. If this wait is cancelled, the task still ends by itself.
                await asyncio.wait([task])
            finally:
                self._milestones.end(self._close_code, "left", self._viewing)

    # The stream. It ends with an exception in any case, and `_stream_and_report` tells the viewer.

    async def _serve(self, worker: runtime.Runtime) -> None:
        try:
            with worker.registered(self._stream):
                await self._stream_and_report(worker)
        except errors.TooManyHandshakesError as error:
            await self._count_and_close(worker, error)
        finally:
            if self._viewing is not None and self._viewing.is_waiting:
                worker.counters.add("gave_up")

    async def _stream_and_report(self, worker: runtime.Runtime) -> None:
        """Stream, and tell the viewer why it ended. It is still registered then, so a draining worker waits for this."""
        try:
            await self._run_viewing(worker)
        except errors.StreamError as error:
            await self._count_and_close(worker, error)
        except Disconnected:
            pass  # the viewer left while a frame was being sent: `websocket.disconnect` is the next event
        except Error as error:
            transient = isinstance(error, OperationalError | InterfaceError)
            logger.error("The database does not answer: %s", error, exc_info=None if transient else error)
            await self._count_and_close(worker, errors.LoginUncheckedError(retry_after=5))
        except Exception:
            logger.exception("A stream failed")
            self._milestones.end(1011, "failed", self._viewing)
            with contextlib.suppress(Exception):
                await self.close(1011)

    async def _run_viewing(self, worker: runtime.Runtime) -> None:
        request, access = await self._handshake.request(worker, self._id)
        viewing = self._viewing = Viewing(worker.services, self, request)
        self._stream.assign(viewing, user=request.holder.user_id, session=self._handshake.session)

        async def read_terms() -> Terms:
            return (await self._handshake.check(worker)).terms(request.holder, viewing.rate())

        async with naming_own_viewings(worker.store, request.holder.user_id):
            await viewing.run(access.terms(request.holder, viewing.rate()), read_terms)

    async def _count_and_close(self, worker: runtime.Runtime, error: errors.StreamError) -> None:
        """Count the error if it refused the viewer or took their slot, and close the socket with it."""
        if isinstance(error, errors.SlotLostError):
            worker.counters.add("lost")
        elif not self._stream.admitted:
            worker.counters.count_refusal(error, self._viewing.holder if self._viewing else None)
        await self._close(error)

    async def _close(self, error: errors.StreamError) -> None:
        """Tell the viewer why the stream ended, and close the socket."""
        self._milestones.end(protocol.close_code(error), error.reason, self._viewing)
        with contextlib.suppress(Exception):  # the socket may be gone already
            await self.send_message(protocol.error_message(error))
            await self.close(protocol.close_code(error))

    # Messages from the viewer.

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            message = protocol.parse(text_data)
            # The rate limit leaves out acknowledgements of frames: there are never more of them than frames.
            if not (isinstance(message, protocol.Ack) and self._viewing and self._viewing.acknowledge(message.seq)):
                self._rate_limit.count()
                await self._handle(message)
        except Disconnected:
            pass  # the connection is closing: `websocket.disconnect` is the next event
        except errors.ProtocolError as error:
            await self._stop_viewing(error)

    async def websocket_control_frame(self, _: object) -> None:
        """A ping or pong frame from the fast path. The server has answered it; it counts as a message."""
        try:
            self._rate_limit.count()
        except errors.ProtocolError as error:
            await self._stop_viewing(error)

    async def _stop_viewing(self, error: errors.ProtocolError) -> None:
        """End the viewing with `error`. Closes the socket if there is no viewing yet."""
        if self._viewing is not None:
            self._viewing.stop(error)
        else:
            await self._close(error)

    async def _handle(self, message: protocol.ViewerMessage) -> None:
        match message:
            case protocol.QualityChange(quality):
                if self._viewing is not None:
                    self._viewing.touched()
                    await self._viewing.change_quality(quality)
            case protocol.StillWatching():
                if self._viewing is not None:
                    self._viewing.touched()
            case protocol.Ping(sent):
                facts = {"streams": self._viewing.stream_facts()} if self._viewing is not None else {}
                await self.send_message({"type": "pong", "time": sent, "server_time": time.time() * 1000, **facts})

    def _take_ack(self, text: str) -> bool:
        """Take a text from the fast path if it acknowledges a frame. Returns whether it did."""
        seq = protocol.parse_ack(text)
        return seq is not None and self._viewing is not None and self._viewing.acknowledge(seq)

    # The `Viewer` that `Viewing` uses.

    def admitted(self, slot: Slot) -> None:
        self._milestones.admitted(slot)

    async def send_message(self, message: dict[str, object]) -> None:
        await self.send(text_data=json.dumps(message))

    async def send_frame(self, header: bytes, payload: bytes) -> None:
        await self.base_send({"type": "websocket.send", "bytes": header + payload})


class MessageRateLimit:
    """Counts messages. Raises ProtocolError for more than `most` in a second."""

    def __init__(self, most: int) -> None:
        self._most, self._second, self._count = most, 0, 0

    def count(self) -> None:
        second = int(time.monotonic())
        self._count = self._count + 1 if second == self._second else 1
        self._second = second
        if self._count > self._most:
            raise errors.ProtocolError(f"More than {self._most} messages in a second.")
