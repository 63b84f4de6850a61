"""Checks running streams again: ends those whose user may no longer watch the camera, or is blocked. Ends
also those whose camera was deleted or disabled, or has no usable address any more.

All other streams go on. If the camera has a new address, it is read from there. If the user has come into the group
that has reserved slots (rights to stream), their streams no longer count as ordinary ones.

Channels tells no consumer of a log-out. So one task per worker process checks every stream's access periodically. After
an event that tells of a change, it checks the streams concerned at once. One check reads a log-in once for all of its
streams: a page may show many.
"""

import asyncio
import contextlib
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterable

from channels.db import database_sync_to_async
from django.db import InterfaceError, OperationalError

from cameras.models import Camera
from cameras.sources import CameraSource
from streaming import conf
from streaming.errors import StreamError
from streaming.gate import blocks
from streaming.ingest.hub import Hub
from streaming.ingest.streams import Streams
from streaming.limits.admission import without_ordinary_set
from streaming.limits.policy import Policy
from streaming.limits.user_limits import UserLimits, user_limits_of
from streaming.viewing.access import Login, check_access, user_of
from streaming.viewing.open_streams import Stream

logger = logging.getLogger(__name__)

Checked = tuple[Camera, CameraSource, bool] | StreamError  # camera, its source, whether the user may use reserved slots


class Rechecks:
    """Checks again whether one worker's viewers have access, both those who stream and those who wait in line."""

    def __init__(self, streams: Callable[[], Iterable[Stream]], hub: Hub, policy: Callable[[], Policy]) -> None:
        """`streams`: returns the worker's open WebSockets. `hub`: reads the cameras, and gets their new addresses.
        `policy`: returns the limits in force.
        """
        self._streams, self._hub, self._policy = streams, hub, policy
        self._requested: set[tuple[Login, str]] = set()  # and the camera
        self._wakeup = asyncio.Event()

    def request_all(self) -> None:
        """Let the task of `run` check the access of all streams now."""
        for stream in self._streams():
            self.request(stream)

    def request(self, stream: Stream) -> None:
        """Let the task of `run` check the access of `stream`, an open WebSocket, now."""
        self._requested.add((stream.login, stream.camera))
        self._wakeup.set()

    async def run(self) -> None:
        """Check the access of streams until cancelled: requested ones at once, and all about every `conf.RECHECK`
        seconds.
        """
        due = self._next()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._wakeup.wait()
            self._wakeup.clear()
            requested, self._requested = self._requested, set()
            is_due = asyncio.get_running_loop().time() >= due
            for login, cameras in self._groups(None if is_due else requested).items():
                await self._check(login, cameras)
            if is_due:
                due = self._next()

    def _next(self) -> float:
        """Returns when to check all streams again, in the loop's time: `conf.RECHECK` from now, or up to 20 % less."""
        jitter = random.uniform(0.8, 1.0)  # noqa: S311 - spreads the workers' queries
        return asyncio.get_running_loop().time() + conf.RECHECK * jitter

    def _groups(self, wanted: set[tuple[Login, str]] | None) -> dict[Login, dict[str, list[Stream]]]:
        """Returns the streams to check: log-in -> camera id -> streams. `wanted`: the pairs of log-in and camera id to
        check; None: all.
        """
        groups: dict[Login, dict[str, list[Stream]]] = defaultdict(lambda: defaultdict(list))
        for stream in self._streams():
            if stream.viewing is not None and (wanted is None or (stream.login, stream.camera) in wanted):
                groups[stream.login][stream.camera].append(stream)
        return groups

    async def _check(self, login: Login, cameras: dict[str, list[Stream]]) -> None:
        """End a log-in's streams of each camera for which `_read` has an error. Give the others the present addresses
        of their camera, and if the user may use reserved slots by now, no longer count them among the ordinary streams.
        A failed query is only logged. `cameras`: camera id -> streams.
        """
        try:
            found = await database_sync_to_async(self._read)(login, list(cameras))
        except (OperationalError, InterfaceError) as error:
            logger.error("Running streams could not be checked; the worker retries: %s", str(error).partition("\n")[0])
        except Exception:
            logger.exception("Running streams could not be checked; the worker retries")
        else:
            for streams, checked in zip(cameras.values(), found, strict=True):
                self._apply(streams, checked)

    def _apply(self, streams: list[Stream], checked: Checked) -> None:
        if isinstance(checked, StreamError):
            for stream in streams:
                stream.stop(checked)
            return
        camera, source, is_operator = checked
        sources = Streams(str(camera.id), source, camera.substream)
        self._hub.change_sources(sources)
        for viewing in [stream.viewing for stream in streams if stream.viewing is not None]:
            viewing.change_streams(sources)
            if is_operator and viewing.slot is not None:
                viewing.slot.terms = without_ordinary_set(viewing.slot.terms)

    def _read(self, login: Login, cameras: list[str]) -> list[Checked]:
        """Returns one entry for each camera id, in their order: the camera, its address and credentials, and
        whether the user may use reserved slots (rights to stream). The entry is a StreamError instead if the user
        has no access or is blocked, or if the camera is deleted, disabled or without a usable address. Queries the
        database.
        """
        user = user_of(login)
        limits: UserLimits | None = None
        found: list[Checked] = []
        for id in cameras:
            try:
                _, camera, source = check_access(user, id)
                if limits is None:
                    blocks.check(str(user.pk))
                    limits = user_limits_of(self._policy(), user)
                found.append((camera, source, limits.operator))
            except StreamError as error:
                found.append(error)
        return found
