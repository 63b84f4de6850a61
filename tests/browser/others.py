"""Viewers without a browser, beside the one in the browser."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from tests.client import Session, Stream
from tests.servers import PATIENCE, wait_until


class Others:
    """Viewers on an event loop in another thread, because Playwright uses the loop of this thread."""

    def __init__(self, session: Session, camera: str) -> None:
        self._session, self._camera = session, camera
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._streams: list[Stream] = []

    def _run(self, job: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(20)

    async def _open(self) -> Stream:
        return await (await Stream(self._session, self._camera).__aenter__()).live()

    def enter(self) -> None:
        self._streams.append(self._run(self._open()))

    async def _wait(self) -> Stream:
        stream = await Stream(self._session, self._camera, query="?wait=1").__aenter__()
        return await stream.until(lambda it: any(message.get("state") == "waiting" for message in it.messages))

    def until_limit(self, limit: int) -> None:
        """Waits until the viewers' worker knows that this is the limit."""
        path = "/api/v1/cameras/stream/metrics"
        wait_until(lambda: bool(self._session.json(path)["gate"]["limit"] == limit), PATIENCE, f"a limit of {limit}")

    def wait(self) -> None:
        """One more viewer joins the line."""
        self._streams.append(self._run(self._wait()))

    def refused(self) -> dict[str, Any]:
        """Opens one more stream, which the server refuses. Returns its `error` message."""
        error: dict[str, Any] = self._run(self._ask())
        return error

    async def _ask(self) -> dict[str, Any]:
        async with Stream(self._session, self._camera) as stream:
            await stream.ended()
            return stream.last("error")

    def ended(self) -> list[dict[str, Any]]:
        """Returns the `error` messages of the streams that have ended."""
        return [stream.last("error") for stream in self._streams if stream.close_code is not None]

    def leave(self, index: int = -1) -> None:
        self._run(self._streams.pop(index).close())

    @property
    def pictures(self) -> int:
        """The number of pictures that all streams have received."""
        return sum(stream.count for stream in self._streams)

    def leave_all(self) -> None:
        while self._streams:
            self.leave()

    def end(self) -> None:
        self.leave_all()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
