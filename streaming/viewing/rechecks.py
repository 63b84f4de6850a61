"""Checks running streams again: ends those whose user may no longer watch the camera, or is blocked.

A check also finds a new source of the camera, and a user who may use the reserved slots now.

Channels tells no consumer of a log-out. So one task per worker checks every stream's access periodically, and at once after
a control event. Streams of the same session and camera share one check.
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
from streaming.limits.user_limits import user_limits_of
from streaming.viewing.access import check_session_access
from streaming.viewing.open_streams import Stream

logger = logging.getLogger(__name__)

Key = tuple[str | None, str]  # session, camera


class Rechecks:
    """The checks of this worker's `streams`."""

    def __init__(self, streams: Callable[[], Iterable[Stream]], hub: Hub, policy: Callable[[], Policy]) -> None:
        """`policy`: the limits in force."""
        self._streams, self._hub, self._policy = streams, hub, policy
        self._requested: set[Key] = set()
        self._wakeup = asyncio.Event()

    def request_all(self) -> None:
        """Let `run` check all streams now."""
        for stream in self._streams():
            self.request(stream)

    def request(self, stream: Stream) -> None:
        """Let `run` check `stream` now."""
        self._requested.add((stream.session, stream.camera))
        self._wakeup.set()

    async def run(self) -> None:
        """Check for ever: requested streams at once, and all streams every `conf.RECHECK` seconds."""
        due = self._next()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._wakeup.wait()
            self._wakeup.clear()
            requested, self._requested = self._requested, set()
            is_due = asyncio.get_running_loop().time() >= due
            for key, streams in self._groups().items():
                if is_due or key in requested:
                    await self._check(key, streams)
            if is_due:
                due = self._next()

    def _next(self) -> float:
        """When all streams are due again, in the loop's time."""
        jitter = random.uniform(0.8, 1.0)  # noqa: S311 - spreads the workers' queries
        return asyncio.get_running_loop().time() + conf.RECHECK * jitter

    def _groups(self) -> dict[Key, list[Stream]]:
        """The streams that share one check, by session and camera."""
        groups: dict[Key, list[Stream]] = defaultdict(list)
        for stream in self._streams():
            if stream.viewing is not None:
                groups[stream.session, stream.camera].append(stream)
        return groups

    async def _check(self, key: Key, streams: list[Stream]) -> None:
        """End the streams if their user has no access, or is blocked. If not, update the camera's source and the terms."""
        try:
            camera, source, is_operator = await database_sync_to_async(self._read)(*key)
        except StreamError as error:
            for stream in streams:
                stream.stop(error)
        except (OperationalError, InterfaceError) as error:
            logger.error("Running streams could not be checked; the worker retries: %s", str(error).partition("\n")[0])
        except Exception:
            logger.exception("Running streams could not be checked; the worker retries")
        else:
            sources = Streams(str(camera.id), source, camera.substream)
            self._hub.change_sources(sources)
            for viewing in [stream.viewing for stream in streams if stream.viewing is not None]:
                viewing.change_streams(sources)
                if is_operator and viewing.slot is not None:
                    viewing.slot.terms = without_ordinary_set(viewing.slot.terms)

    def _read(self, session: str | None, camera_id: str) -> tuple[Camera, CameraSource, bool]:
        """Returns the camera, its source, and whether the user may use the reserved slots.

        Raises the StreamError of a user who has no access, or is blocked.
        """
        user, camera, source = check_session_access(session, camera_id)
        blocks.check(str(user.pk))
        return camera, source, user_limits_of(self._policy(), user).operator
