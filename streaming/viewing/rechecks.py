"""Running streams whose right is gone: Channels tells no consumer of a log-out, so each is looked at again from time to
time, and at once when a control event says so. One task for the worker; streams of one session and camera cost one look."""

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
from streaming.ingest.hub import Hub
from streaming.limits.admission import terms_of_member
from streaming.limits.policy import Policy
from streaming.limits.user_limits import user_limits_of
from streaming.viewing.access import admissible_session
from streaming.viewing.open_streams import Stream

logger = logging.getLogger(__name__)

Key = tuple[str | None, str]  # session, camera


class Rechecks:
    def __init__(self, streams: Callable[[], Iterable[Stream]], hub: Hub, policy: Callable[[], Policy]) -> None:
        """`policy`: the limits in force."""
        self._streams, self._hub, self._policy = streams, hub, policy
        self._asked: set[Key] = set()
        self._ask = asyncio.Event()

    def ask_all(self) -> None:
        """Look at all streams now."""
        for stream in self._streams():
            self.ask(stream)

    def ask(self, stream: Stream) -> None:
        """Look at `stream` now."""
        self._asked.add((stream.session, stream.camera))
        self._ask.set()

    async def run(self) -> None:
        """For ever: what was asked for at once, everything each `RECHECK`."""
        due = self._next()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._ask.wait()
            self._ask.clear()
            asked, self._asked = self._asked, set()
            everything = asyncio.get_running_loop().time() >= due
            for key, streams in self._groups().items():
                if everything or key in asked:
                    await self._look(key, streams)
            if everything:
                due = self._next()

    def _next(self) -> float:
        """When all are due again, loop time."""
        jitter = random.uniform(0.8, 1.0)  # noqa: S311 - workers do not all ask at once
        return asyncio.get_running_loop().time() + conf.RECHECK * jitter

    def _groups(self) -> dict[Key, list[Stream]]:
        groups: dict[Key, list[Stream]] = defaultdict(list)
        for stream in self._streams():
            if stream.viewing is not None:
                groups[stream.session, stream.camera].append(stream)
        return groups

    async def _look(self, key: Key, streams: list[Stream]) -> None:
        try:
            camera, source, is_member = await database_sync_to_async(self._read)(*key)
        except StreamError as error:
            for stream in streams:
                stream.stop(error)
        except (OperationalError, InterfaceError) as error:
            logger.error(
                "Running streams could not be checked; they are tried again: %s", str(error).partition("\n")[0]
            )
        except Exception:
            logger.exception("Running streams could not be checked; they are tried again")
        else:
            self._hub.reopen(str(camera.id), source)
            for stream in streams if is_member else ():
                if stream.viewing is not None and stream.viewing.slot is not None:
                    slot = stream.viewing.slot
                    slot.terms = terms_of_member(slot.terms)

    def _read(self, session: str | None, camera_id: str) -> tuple[Camera, CameraSource, bool]:
        """Return the camera, its source, and whether the user may use the reserved slots. Raises if access is denied."""
        user, camera, source = admissible_session(session, camera_id)
        return camera, source, user_limits_of(self._policy(), user).operator
