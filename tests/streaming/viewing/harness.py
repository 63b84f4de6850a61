"""A viewing without a WebSocket: a real gate, a real camera, and a viewer that keeps what it gets in lists."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest

from cameras.simulator import SimulatedCamera
from cameras.sources import CameraSource
from streaming.conf import Timing
from streaming.gate.leases import PLAIN, Asking, Holder, Limit, Slot, Terms
from streaming.gate.readings import open_generation
from streaming.gate.slots import Gate
from streaming.ingest.active_camera import Feed
from streaming.ingest.frames import JPEG_ONLY, Format
from streaming.ingest.hub import Hub
from streaming.ingest.reader import Allowance
from streaming.reports.counters import Counters
from streaming.store.keys import SERVER_SET
from streaming.store.scripts import Store
from streaming.viewing.fast_path import FastPath, TextHandler
from streaming.viewing.protocol import HEADER
from streaming.viewing.services import WorkerServices
from streaming.viewing.viewer import ViewerTimeouts, ViewRequest
from streaming.viewing.viewing import Viewing
from tests.servers import PATIENCE, RedisServer

LIMITS = Terms((Limit(SERVER_SET, 2),))
TIMEOUTS = ViewerTimeouts(first_frame=5, reconnect=1, stall=1)


class ListViewer:
    """Takes frames by the fast path, or each with a turn of the loop, as other servers do."""

    def __init__(self, *, at_once: bool) -> None:
        self.messages: list[dict[str, object]] = []
        self.headers: list[tuple[int, int, int, int, int, float, float]] = []
        self.sequences: list[int] = []
        self.arrived: list[float] = []  # time.monotonic() of each frame
        self.events: list[object] = []  # sequences, states and the other messages' types, in order
        self.fast_path: FastPath | None = self if at_once else None
        self.viewing: Viewing | None = None  # set: acknowledges

    async def send_message(self, message: dict[str, object]) -> None:
        self.messages.append(message)
        self.events.append(message.get("state", message["type"]))

    def admitted(self, slot: Slot) -> None:
        self.messages.append({"type": "admitted"})

    async def send_frame(self, header: bytes, payload: bytes) -> None:
        self._take(header)
        await asyncio.sleep(0)

    def send_at_once(self, *parts: bytes) -> bool:
        self._take(parts[0])
        return True

    def set_text_handler(self, handler: TextHandler | None) -> None:
        raise NotImplementedError

    def _take(self, header: bytes) -> None:
        self.headers.append(HEADER.unpack(header))
        self.arrived.append(time.monotonic())
        sequence = self.headers[-1][4]
        self.sequences.append(sequence)
        self.events.append(sequence)
        if self.viewing is not None:
            asyncio.get_running_loop().call_soon(self.viewing.acknowledge, sequence)


class FeedKeepingHub(Hub):
    """A hub that keeps its open feeds, so that a test can pass them frames and conditions."""

    def __init__(self, allowance: Allowance) -> None:
        super().__init__(allowance, most=2, linger=0.1)
        self.feeds: list[Feed] = []

    @contextlib.asynccontextmanager
    async def feed(
        self, camera: str, source: CameraSource, quality: str, formats: frozenset[Format] = JPEG_ONLY
    ) -> AsyncIterator[Feed]:
        async with super().feed(camera, source, quality, formats) as feed:
            self.feeds.append(feed)
            try:
                yield feed
            finally:
                self.feeds.remove(feed)


class Bench:
    def __init__(
        self, store: Store, gate: Gate, hub: FeedKeepingHub, camera: SimulatedCamera, *, at_once: bool
    ) -> None:
        self.store, self.gate, self.hub, self.camera, self.at_once = store, gate, hub, camera, at_once

    @property
    def source(self) -> CameraSource:
        return CameraSource(self.camera.url)

    def viewing(
        self,
        *,
        acknowledges: bool = True,
        quality: str = "low",
        formats: frozenset[Format] = JPEG_ONLY,
        timeouts: ViewerTimeouts = TIMEOUTS,
        asking: Asking = PLAIN,
        since: float = 0,
        sub: SimulatedCamera | None = None,
        budget: int = 0,
        keeps_slot: bool = False,
        sees_reasons: bool = False,
    ) -> tuple[Viewing, ListViewer]:
        viewer = ListViewer(at_once=self.at_once)
        holder = Holder(user="Ada", camera="Yard", camera_id="1", quality=quality, address="", since=since)
        services = WorkerServices(self.gate, self.hub, timeouts, Counters(), budget=lambda: budget)
        request = ViewRequest(
            self.source,
            holder,
            formats,
            asking=asking,
            keeps_slot=keeps_slot,
            sees_reasons=sees_reasons,
            sub=CameraSource(sub.url) if sub else None,
        )
        viewing = Viewing(services, viewer, request)
        viewer.viewing = viewing if acknowledges else None
        return viewing, viewer

    async def holders(self) -> list[dict[str, object]]:
        return list((await self.gate.usage()).holders.values())

    async def in_use(self) -> int:
        return len(await self.holders())

    async def until_free(self) -> None:
        """Waits until no slot is in use; for less than a lease, after which a slot that was not given back is free, too."""
        async with asyncio.timeout(PATIENCE):
            while await self.in_use():
                await asyncio.sleep(0.01)


def has_pictures(viewer: ListViewer) -> bool:
    return len(viewer.sequences) > 1


async def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def leave(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.fixture
def lease() -> float:
    """Seconds."""
    return 15


@pytest.fixture
def allowance() -> Allowance:
    return Allowance(4, 4)


@pytest.fixture(params=[True, False], ids=["at-once", "by-turns"])
async def bench(
    redis_server: RedisServer,
    camera: SimulatedCamera,
    request: pytest.FixtureRequest,
    lease: float,
    allowance: Allowance,
) -> AsyncIterator[Bench]:
    open_generation(redis_server.url, 0)
    store, hub = Store(redis_server.url), FeedKeepingHub(allowance)
    gate = Gate(store, Timing(lease), "w")
    gate.start()
    yield Bench(store, gate, hub, camera, at_once=request.param)
    hub.stop()
    await gate.stop(2)
    assert await asyncio.to_thread(hub.join, 5)
    await store.close()
