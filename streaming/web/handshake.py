"""Reads a viewer's request for a stream from the ASGI scope of the WebSocket, and checks their access to the camera."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.conf import settings

from cameras.displays import COOKIE
from cameras.models import Camera
from cameras.permissions import User, may_keep_slots, may_manage, may_watch_unattended
from cameras.sign_in import SCOPE_KEY
from cameras.sources import CameraSource
from streaming import conf, errors, runtime
from streaming.gate import blocks
from streaming.gate.leases import Asking, Holder, Kind, Rate, Terms
from streaming.ingest.streams import Streams
from streaming.limits.admission import terms_of
from streaming.limits.policy import Policy
from streaming.limits.user_limits import UserLimits, user_limits_of
from streaming.viewing import protocol
from streaming.viewing.access import Login, check_access, user_of
from streaming.viewing.resume_tokens import viewing_of
from streaming.viewing.viewer import ViewRequest


@dataclass(frozen=True)
class Access:
    """A viewer who may watch a camera, and the limits that apply to them."""

    policy: Policy
    user: User
    camera: Camera
    source: CameraSource
    user_limits: UserLimits
    block: errors.StoppedByAdministratorError | None  # `terms` raises it; None: the user is not blocked
    unattended: bool  # never asked whether they are still watching
    keeps_slots: bool  # `WallYields` ends none of their background streams, those of a page with many cameras
    sees_reasons: bool  # told why a camera cannot be read

    def terms(self, holder: Holder, rate: Rate) -> Terms:
        """Returns the limits and the bandwidth that the gate, which limits streams, checks before it admits this
        viewer.

        `holder`: the viewer, as administrators see them. `rate`: the stream's estimated bandwidth. Raises
        StoppedByAdministratorError if the user is blocked: not earlier, so that the refusal is recorded with the
        holder.
        """
        if self.block is not None:
            raise self.block
        return terms_of(self.policy, self.user_limits, holder, rate)


class Handshake:
    """One viewer's request to stream a camera, as the ASGI scope of the WebSocket has it."""

    def __init__(self, scope: Any) -> None:
        self.camera = str(scope["url_route"]["kwargs"]["camera"])
        client = scope.get("client")
        self.address: str = client[0] if client else ""
        # Channels' SessionMiddleware would read the session again with each message that is sent.
        cookies = scope["cookies"]
        self.login = Login(cookies.get(settings.SESSION_COOKIE_NAME), cookies.get(COOKIE, ""), scope.get(SCOPE_KEY))
        self._query: dict[str, list[str]] = parse_qs(
            scope["query_string"].decode("ascii", "replace"), keep_blank_values=True
        )

    async def request(self, worker: runtime.Runtime, id: str) -> tuple[ViewRequest, Access]:
        """Returns the viewer's request and their access to the camera. `id`: of the stream that will follow.

        Raises StreamError, for example if the request is invalid, the user may not watch the camera, or the worker
        shuts down; django.db.Error if the database fails. A blocked user is refused later, by `Access.terms`.
        """
        quality = protocol.known_quality(self._query.get("quality", [conf.DEFAULT_QUALITY.value])[0])
        access = await self.check(worker)
        if worker.draining:
            raise errors.DrainingError
        streams = Streams(str(access.camera.id), access.source, access.camera.substream)
        holder = Holder(
            user=access.user.get_username(),
            user_id=str(access.user.pk),
            camera=access.camera.name,
            camera_id=str(access.camera.id),
            quality=worker.hub.known.target(streams, quality).name,
            address=self.address,
            since=time.time() * 1000,
        )
        formats = protocol.known_formats(self._query.get("formats", ["jpeg"])[0])
        asking = self._asking(access, holder)
        request = ViewRequest(
            access.source,
            holder,
            formats,
            id,
            asking,
            comes_back="resume" in self._query,
            unattended=access.unattended,
            sub=streams.sub,
            wanted=quality,
            keeps_slot=access.keeps_slots,
            sees_reasons=access.sees_reasons,
        )
        return request, access

    def _asking(self, access: Access, holder: Holder) -> Asking:
        """Returns how the viewer asks for a slot (the right to a stream), from the query of the URL.

        It says whether to wait in line if no slot is free, with which priority, and which own stream to resume or
        replace. Raises ProtocolError if `wait` or `background` in the query is not 1.
        """
        wait = protocol.is_one("wait", self._parameter("wait")) and conf.WAIT_MAX.value > 0
        background = protocol.is_one("background", self._parameter("background"))
        kind = Kind.OPERATOR if access.user_limits.operator else Kind.BACKGROUND if background else Kind.ORDINARY
        return Asking(
            wait,
            kind,
            most=int(conf.WAIT_MAX.value),
            seconds=conf.WAIT.value if wait else 2 * conf.LEASE.value,
            resume=viewing_of(self._parameter("resume") or "", holder) if conf.RESUME.value else "",
            replace=self._parameter("replace") or "",
        )

    def _parameter(self, name: str) -> str | None:
        values = self._query.get(name)
        return values[0] if values else None

    async def check(self, worker: runtime.Runtime) -> Access:
        """Returns the viewer's access to the camera, from the database. Raises StreamError if they may not watch it.

        Raises it too if the database is slow, or the limits are not known yet, but django.db.Error if the database
        fails. A blocked user is refused later, by `Access.terms`.
        """

        def read(policy: Policy) -> Access:
            user, camera, source = check_access(user_of(self.login), self.camera)
            block = blocks.error_of(str(user.pk))
            limits = user_limits_of(policy, user)
            return Access(
                policy,
                user,
                camera,
                source,
                limits,
                block,
                unattended=may_watch_unattended(user),
                keeps_slots=may_keep_slots(user),
                sees_reasons=may_manage(user),
            )

        while True:
            policy = await worker.known_policy()
            try:
                async with asyncio.timeout(conf.DATABASE):  # the query may wait for other queries
                    access: Access = await database_sync_to_async(read)(policy)
            except TimeoutError as error:
                raise errors.LoginUncheckedError(retry_after=5) from error
            if access.policy == worker.policy:  # else the limits have changed meanwhile
                return access
