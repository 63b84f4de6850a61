"""An event loop in its own thread."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An asyncio event loop in its own thread, which runs until `close`.

    All methods except `post` wait for the loop, so they must not be called on the loop's thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine. Returns its result or raises its exception."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run the function on the loop. Returns its result or raises its exception."""

        async def call() -> T:
            return function(*arguments)

        return self.run(call())

    def post(self, function: Callable[..., object], *arguments: Any) -> None:
        """Run the function on the loop soon, without waiting for it."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()
