"""The handshake of a stream: reads the viewer's request from the scope and checks their access."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser

from cameras.models import Camera
from cameras.sources import CameraSource
from streaming import conf, errors, runtime
from streaming.gate import blocks
from streaming.gate.leases import Holder, Rate, Terms
from streaming.limits.admission import terms_of
from streaming.limits.policy import Policy
from streaming.limits.user_limits import UserLimits, user_limits_of
from streaming.viewing import protocol
from streaming.viewing.access import check_session_access
from streaming.viewing.viewer import ViewRequest


@dataclass(frozen=True)
class Access:
    """A viewer who may watch a camera, and the limits for them."""

    policy: Policy
    user: AbstractBaseUser
    camera: Camera
    source: CameraSource
    user_limits: UserLimits
    block: errors.StoppedByAdministratorError | None

    def terms(self, holder: Holder, rate: Rate) -> Terms:
        """Returns the terms of the admission.

        Raises StoppedByAdministratorError if the user is blocked: only now, so that the refusal names the holder.
        """
        if self.block is not None:
            raise self.block
        return terms_of(self.policy, self.user_limits, holder, rate)


class Handshake:
    """A viewer's request for one camera."""

    def __init__(self, scope: Any) -> None:
        self.camera = str(scope["url_route"]["kwargs"]["camera"])
        client = scope.get("client")
        self.address: str = client[0] if client else ""
        # Channels' SessionMiddleware would read the session again with each message that is sent.
        self.session: str | None = scope["cookies"].get(settings.SESSION_COOKIE_NAME)
        self._query = parse_qs(scope["query_string"].decode("ascii", "replace"))

    async def request(self, worker: runtime.Runtime, id: str) -> tuple[ViewRequest, Access]:
        """Returns the viewer's request, which gets `id`, and their access. Raises a StreamError if they have none.

        A block is raised by `Access.terms`.
        """
        quality = protocol.known_quality(self._query.get("quality", [conf.DEFAULT_QUALITY.value])[0])
        access = await self.check(worker)
        if worker.draining:
            raise errors.DrainingError
        holder = Holder(
            user=access.user.get_username(),
            user_id=str(access.user.pk),
            camera=access.camera.name,
            camera_id=str(access.camera.id),
            quality=quality,
            address=self.address,
            since=time.time() * 1000,
        )
        formats = protocol.known_formats(self._query.get("formats", ["jpeg"])[0])
        return ViewRequest(access.source, holder, formats, id), access

    async def check(self, worker: runtime.Runtime) -> Access:
        """Reads the viewer's access from the database. Raises a StreamError if they have none.

        A block is raised by `Access.terms`.
        """

        def read(policy: Policy) -> Access:
            user, camera, source = check_session_access(self.session, self.camera)
            block = blocks.error_of(str(user.pk))
            return Access(policy, user, camera, source, user_limits_of(policy, user), block)

        while True:
            policy = await worker.known_policy()
            try:
                async with asyncio.timeout(conf.DATABASE):  # the query may wait for other queries
                    access: Access = await database_sync_to_async(read)(policy)
            except TimeoutError as error:
                raise errors.LoginUncheckedError(retry_after=5) from error
            if access.policy == worker.policy:  # else the limits have changed meanwhile
                return access
