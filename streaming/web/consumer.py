"""The WebSocket of a stream: from scope to viewing, from viewing to messages and close codes. Nothing is decided here."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from autobahn.exception import Disconnected
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import Error, InterfaceError, OperationalError

from cameras.models import Camera
from cameras.sources import CameraSource
from streaming import conf, errors, runtime
from streaming.gate.leases import Holder, Slot, Terms
from streaming.ingest.frames import Format
from streaming.limits.admission import Standings, standings_of, terms_of
from streaming.limits.policy import Policy
from streaming.viewing import fast_path, log, protocol
from streaming.viewing.access import check_session_access
from streaming.viewing.log import log_event
from streaming.viewing.open_streams import Stream
from streaming.viewing.viewing import Viewing

logger = logging.getLogger(__name__)
UNKNOWN = "Your log-in cannot be checked right now."

Access = tuple[Policy, AbstractBaseUser, Camera, CameraSource, Standings]


class StreamConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """`/api/v1/cameras/<uuid>/stream`. Accepts at once: a refusal before that reaches a browser as 1006 only."""

    send_frame_at_once: Callable[[bytes, bytes], bool] | None = None
    _fast_path: fast_path.FastPath | None = None
    _task: "asyncio.Task[None] | None" = None
    _viewing: Viewing | None = None
    _holder: Holder | None = None
    _close_code: int | None = None  # the viewer's own
    _end_logged = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Channels' own loop makes a task, a wait and a thread hop of each message. A viewer acknowledges four
        to fifteen times a second and touches no database by it, so its messages are awaited plainly; under Daphne most
        do not come this way at all (`fast_path.py`)."""
        self.scope, self.base_send, self.channel_layer = scope, send, None
        self._fast_path = scope.get("extensions", {}).get(fast_path.EXTENSION)
        if self._fast_path is not None:
            self._fast_path.take_text = self._take_ack
            self.send_frame_at_once = self._fast_path.send_at_once
        try:
            with contextlib.suppress(StopConsumer):
                while True:
                    message = await receive()
                    if message["type"] == "websocket.receive":
                        await self.receive(message.get("text"), message.get("bytes"))
                    else:
                        await self.dispatch(message)
        finally:
            if self._fast_path is not None:
                self._fast_path.take_text = None
            # Also where `disconnect` is not called: on SIGTERM, and after an exception in a handler.
            await self._end()

    async def connect(self) -> None:
        await self.accept()
        self._flood = Flood(protocol.MAX_VIEWER_MESSAGES_PER_SECOND)
        worker = runtime.current()  # before the log's id: what this may start outlives the viewing
        self._id = worker.gate.new_id()
        log.begin(self._id)
        log_event("opened", camera=self._camera, address=_address(self.scope))
        # Channels awaits each handler before it reads the next event: the stream is a task, or a leaving goes unheard.
        self._task = asyncio.create_task(self._serve(worker), name=f"stream {self.scope['path']}")

    async def disconnect(self, code: int) -> None:
        self._close_code = code
        await self._end()

    async def _end(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            try:
                # Waits for feed and slot to be left; cancelled here, the task still ends by itself.
                await asyncio.wait([task])
            finally:
                self._log_end(self._close_code, "left")

    # The stream: everything that ends it is an exception, said to the viewer in one place.

    async def _serve(self, worker: runtime.Runtime) -> None:
        self._stream = Stream()
        try:
            with worker.registered(self._stream):
                await self._end_of(worker)
        except errors.StreamError as error:  # too many handshakes in progress
            self._count(worker, error)
            await self._refuse(error)

    async def _end_of(self, worker: runtime.Runtime) -> None:
        """Watch, and say why it ended while the stream is still registered: a draining worker waits for that."""
        try:
            await self._watch(worker)
        except errors.StreamError as error:
            self._count(worker, error)
            await self._refuse(error)
        except Disconnected:
            pass  # the viewer left while a frame was on its way: its `websocket.disconnect` is the next event
        except Error as error:
            passing = isinstance(error, OperationalError | InterfaceError)
            logger.error("The database does not answer: %s", error, exc_info=None if passing else error)
            unknown = errors.GateUnavailableError(UNKNOWN, retry_after=5)
            self._count(worker, unknown)
            await self._refuse(unknown)
        except Exception:
            logger.exception("A stream failed")
            self._log_end(1011, "failed")
            with contextlib.suppress(Exception):
                await self.close(1011)

    async def _refuse(self, error: errors.StreamError) -> None:
        self._log_end(protocol.close_code(error), error.reason)
        # The socket may be gone already: then there is nobody to tell.
        with contextlib.suppress(Exception):
            await self.send_message(protocol.error_message(error))
            await self.close(protocol.close_code(error))

    async def _watch(self, worker: runtime.Runtime) -> None:
        quality = self._quality()
        policy, user, camera, source, standings = await self._check_access(worker)
        if worker.draining:
            raise errors.DrainingError
        holder = self._holder = Holder(
            user=user.get_username(),
            user_id=str(user.pk),
            camera=camera.name,
            camera_id=str(camera.id),
            quality=quality,
            address=_address(self.scope),
            since=time.time() * 1000,
        )
        viewing = self._viewing = Viewing(
            worker.gate,
            worker.hub,
            self,
            source,
            holder,
            worker.viewer_timeouts(),
            self._formats(),
            self._id,
            worker.counters,
            worker.budget,
        )
        self._stream.belongs_to(viewing, user=str(user.pk), session=self._session)

        async def terms_now() -> Terms:
            policy, *_, standings = await self._check_access(worker)
            return terms_of(policy, standings, holder, viewing.rate())

        await viewing.run(terms_of(policy, standings, holder, viewing.rate()), terms_now)

    def _quality(self) -> str:
        query = parse_qs(self.scope["query_string"].decode("ascii", "replace"))
        return protocol.known_quality(query.get("quality", [conf.DEFAULT_QUALITY.value])[0])

    def _formats(self) -> frozenset[Format]:
        query = parse_qs(self.scope["query_string"].decode("ascii", "replace"))
        return protocol.known_formats(query.get("formats", ["jpeg"])[0])

    async def _check_access(self, worker: runtime.Runtime) -> Access:
        """The policy, the user, the camera and the user's limits. Raises if access is denied."""

        def look(policy: Policy) -> Access:
            user, camera, source = check_session_access(self._session, self._camera)
            return policy, user, camera, source, standings_of(policy, user)

        while True:
            policy = await worker.known_policy()
            try:
                async with asyncio.timeout(conf.DATABASE):  # others may stand before this one
                    found: Access = await database_sync_to_async(look)(policy)
            except TimeoutError as error:
                raise errors.GateUnavailableError(UNKNOWN, retry_after=5) from error
            if found[0] == worker.policy:  # reading takes its time on a busy worker: they may have been changed
                return found

    @property
    def _session(self) -> str | None:
        # Not Channels' SessionMiddleware: it looks at the session again with each message that is sent.
        key: str | None = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME)
        return key

    @property
    def _camera(self) -> str:
        return str(self.scope["url_route"]["kwargs"]["camera"])

    def _log_end(self, code: int | None, reason: str) -> None:
        """Once: what is told first is why it ended."""
        if self._end_logged:
            return
        self._end_logged = True
        slot = self._viewing.slot if self._viewing else None
        log_event(
            "ended" if slot or reason == "left" else "refused",
            code=code,
            reason=reason,
            seconds=round(log.elapsed(), 3),
            camera=self._camera,
            user=self._holder.user if self._holder else None,
            **(self._viewing.traffic.totals() if self._viewing and slot else {}),
        )

    # Messages.

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            message = protocol.parse(text_data)
            # What acknowledges a frame is no flood: there are never more of those than frames.
            if not (isinstance(message, protocol.Ack) and self._viewing and self._viewing.acknowledge(message.seq)):
                self._flood.count()
                await self._handle(message)
        except Disconnected:
            pass  # the connection is being closed: its `websocket.disconnect` is the next event
        except errors.ProtocolError as error:
            await self._stop(error)

    async def websocket_control_frame(self, _: object) -> None:
        """A ping or pong frame, which the server has answered (`fast_path.py`), counts as a message."""
        try:
            self._flood.count()
        except errors.ProtocolError as error:
            await self._stop(error)

    async def _stop(self, error: errors.ProtocolError) -> None:
        if self._viewing is not None:
            self._viewing.stop(error)
        else:
            await self._refuse(error)

    async def _handle(self, message: protocol.ViewerMessage) -> None:
        match message:
            case protocol.QualityChange(quality):
                if self._viewing is not None:
                    await self._viewing.change_quality(quality)
            case protocol.Ping(sent):
                await self.send_message({"type": "pong", "time": sent, "server_time": time.time() * 1000})

    def _count(self, worker: runtime.Runtime, error: errors.StreamError) -> None:
        if isinstance(error, errors.SlotLostError):
            worker.counters.add("lost")
        elif not self._stream.admitted:
            worker.counters.refused(error, self._holder)

    def admitted(self, slot: Slot) -> None:
        self._stream.admitted = True
        log_event(
            "admitted",
            user=slot.holder.user,
            camera=self._camera,
            quality=slot.holder.quality,
            in_use=slot.in_use,
            limit=slot.limits[0].maximum,
            ms=round(log.elapsed() * 1000, 1),
        )

    async def send_message(self, message: dict[str, object]) -> None:
        await self.send(text_data=json.dumps(message))

    async def send_frame(self, header: bytes, payload: bytes) -> None:
        await self.base_send({"type": "websocket.send", "bytes": header + payload})

    def _take_ack(self, text: str) -> bool:
        """Take what the server hands on by the short cut; returns whether it was news, and so needs nothing else."""
        seq = protocol.parse_ack(text)
        return seq is not None and self._viewing is not None and self._viewing.acknowledge(seq)


class Flood:
    """Raises ProtocolError for more than `most` messages in a second."""

    def __init__(self, most: int) -> None:
        self._most, self._second, self._count = most, 0, 0

    def count(self) -> None:
        second = int(time.monotonic())
        self._count = self._count + 1 if second == self._second else 1
        self._second = second
        if self._count > self._most:
            raise errors.ProtocolError(f"More than {self._most} messages in a second.")


def _address(scope: Any) -> str:
    client = scope.get("client")
    return client[0] if client else ""
