"""The WebSocket of a stream: handles the viewer's messages, and turns each error into a message and a close code."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

from autobahn.exception import Disconnected
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error, InterfaceError, OperationalError

from cameras.permissions import User, visible_among
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
async def naming_own_viewings(store: Store, user: User) -> AsyncIterator[None]:
    """If the `with` block raises LimitReachedError, add the user's running streams to its facts, as `yours`: the user
    may close one. Adds none if Redis or the database fails.

    Leaves out those of cameras that the user may not see any more. Removes the fact `waiting` if STREAM_WAIT_MAX is 0.
    """
    try:
        yield
    except errors.LimitReachedError as error:
        if not conf.WAIT_MAX.value:
            error.facts.pop("waiting", None)  # there is no line
        with contextlib.suppress(errors.GateUnavailableError, Error):
            own = await read_own(store, str(user.pk))
            visible = await database_sync_to_async(visible_among)(user, [row["camera"] for row in own])
            error.facts["yours"] = [row for row in own if row["camera"] in visible]
        raise


class StreamConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """The WebSocket `/api/v1/cameras/<uuid>/stream`. Accepts each connection before it checks the viewer: for an
    earlier refusal, a browser would show the close code 1006 only."""

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
        """Handle the events of the connection until it ends. Unlike Channels' own loop, makes no task of each message,
        since a viewer acknowledges up to 15 frames a second. Nor does it wait for the thread of database queries: a
        viewer is accepted also while the database hangs. Under Daphne, `_take_ack` gets most acknowledgements."""
        self.scope, self.base_send, self.channel_layer = scope, send, None
        self.fast_path = scope.get("extensions", {}).get(EXTENSION)
        if self.fast_path is not None:
            self.fast_path.set_text_handler(self._take_ack)
        try:
            while (event := await receive())["type"] != "websocket.disconnect":
                await (self.connect() if event["type"] == "websocket.connect" else self._take(event))
            await self.disconnect(event["code"])
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
        # A task, because `__call__` reads the next event, such as a disconnect, when this returns.
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
        """Run the stream, then tell the viewer why it ended. A worker that shuts down waits for this."""
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
        self._stream.assign(viewing, user=request.holder.user_id, login=self._handshake.login)

        async def read_terms() -> Terms:
            return (await self._handshake.check(worker)).terms(request.holder, viewing.rate())

        async with naming_own_viewings(worker.store, access.user):
            await viewing.run(access.terms(request.holder, viewing.rate()), read_terms)

    async def _count_and_close(self, worker: runtime.Runtime, error: errors.StreamError) -> None:
        """Count `error` in the metrics if it refused the viewer, or if their slot (the right to stream) was lost. Tell
        them, and close the socket.
        """
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

    async def _take(self, event: dict[str, Any]) -> None:
        """Handle an event of the connection: a message of the viewer, or a WebSocket ping (already answered) or
        pong. More than 60 of them in a second end the stream. Acknowledgements of new frames are not counted.
        """
        try:
            message = protocol.parse(event.get("text")) if event["type"] == "websocket.receive" else None
            # The rate limit leaves out acknowledgements of frames: there are never more of them than frames.
            if not (isinstance(message, protocol.Ack) and self._viewing and self._viewing.acknowledge(message.seq)):
                self._rate_limit.count()
                await self._handle(message)
        except Disconnected:
            pass  # the connection is closing: `websocket.disconnect` is the next event
        except errors.ProtocolError as error:
            await self._stop_viewing(error)

    async def _stop_viewing(self, error: errors.ProtocolError) -> None:
        """End the stream with `error`. Closes the socket if the stream has not begun."""
        if self._viewing is not None:
            self._viewing.stop(error)
        else:
            await self._close(error)

    async def _handle(self, message: protocol.ViewerMessage | None) -> None:
        match message, self._viewing:
            case protocol.QualityChange(quality), Viewing() as viewing:
                viewing.touched()
                await viewing.change_quality(quality)
            case protocol.StillWatching(), Viewing() as viewing:
                viewing.touched()
            case protocol.ConfirmCodec(codec), Viewing() as viewing:
                viewing.confirm_codec(codec)
            case protocol.Ping(sent), viewing:
                await self.send_message(viewing.pong(sent) if viewing else protocol.pong_message(sent))

    def _take_ack(self, text: str) -> bool:
        """Handle a viewer's message if it acknowledges a frame. Returns whether it did; if not, `_take` gets it."""
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
