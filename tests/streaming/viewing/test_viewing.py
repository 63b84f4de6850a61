"""A viewing without a WebSocket: a real gate and a real camera, and a viewer that is a list."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming import conf
from streaming.conf import Timing
from streaming.errors import CameraLostError, SlotLostError, StoppedByAdministratorError, ViewerUnresponsiveError
from streaming.gate.leases import Holder, Limit, Slot, Terms
from streaming.gate.readings import open_generation
from streaming.gate.slots import Gate
from streaming.ingest.capture import Allowance
from streaming.ingest.condition import Condition, State
from streaming.ingest.frames import JPEG_ONLY, Format
from streaming.ingest.hub import Hub
from streaming.store.keys import GENERATION, RATES, SERVER_SET
from streaming.store.scripts import Store
from streaming.viewing.protocol import HEADER
from streaming.viewing.viewing import Patience, Viewing
from tests.servers import RedisServer

LIMITS = Terms((Limit(SERVER_SET, 2),))


class ListViewer:
    """Takes frames as they come, without a wait, or each with a turn of the loop, as other servers do."""

    def __init__(self, *, at_once: bool) -> None:
        self.messages: list[dict[str, object]] = []
        self.sequences: list[int] = []
        self.events: list[object] = []  # sequences, states and the other messages' types, as they came
        self.send_frame_at_once: Callable[[bytes, bytes], bool] | None = self._take_at_once if at_once else None
        self.viewing: Viewing | None = None  # set: acknowledges

    async def send_message(self, message: dict[str, object]) -> None:
        self.messages.append(message)
        self.events.append(message.get("state", message["type"]))

    def admitted(self, slot: Slot) -> None:
        self.messages.append({"type": "admitted"})

    async def send_frame(self, header: bytes, payload: bytes) -> None:
        self._take(header)
        await asyncio.sleep(0)

    def _take_at_once(self, header: bytes, payload: bytes) -> bool:
        self._take(header)
        return True

    def _take(self, header: bytes) -> None:
        sequence = HEADER.unpack(header)[4]
        self.sequences.append(sequence)
        self.events.append(sequence)
        if self.viewing is not None:
            asyncio.get_running_loop().call_soon(self.viewing.acknowledge, sequence)


class Bench:
    def __init__(self, gate: Gate, hub: Hub, camera: SimulatedCamera, *, at_once: bool) -> None:
        self.gate, self.hub, self.camera, self.at_once = gate, hub, camera, at_once

    def viewing(
        self, *, acknowledges: bool = True, quality: str = "low", formats: frozenset[Format] = JPEG_ONLY
    ) -> tuple[Viewing, ListViewer]:
        viewer, source = ListViewer(at_once=self.at_once), CameraSource(self.camera.url)
        holder = Holder(user="Ada", camera="Yard", camera_id="1", quality=quality, address="", since=0)
        patience = Patience(first_frame=5, reconnect=1, stall=1)
        viewing = Viewing(self.gate, self.hub, viewer, source, holder, patience, formats)
        viewer.viewing = viewing if acknowledges else None
        return viewing, viewer

    async def in_use(self) -> int:
        return len((await self.gate.usage()).holders)


def _has_pictures(viewer: ListViewer) -> bool:
    return len(viewer.sequences) > 1


async def until(condition: Any, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def lease() -> float:
    """Seconds."""
    return 1.5


@pytest.fixture(params=[True, False], ids=["at-once", "by-turns"])
async def bench(
    redis_server: RedisServer, camera: SimulatedCamera, request: pytest.FixtureRequest, lease: float
) -> AsyncIterator[Bench]:
    open_generation(redis_server.url, 0)
    store = Store(redis_server.url)
    hub = Hub(Allowance(1, 1), most=2, linger=0.1)
    gate = Gate(store, Timing(lease), "w")
    gate.start()
    yield Bench(gate, hub, camera, at_once=request.param)
    hub.stop()
    await gate.stop(2)
    assert await asyncio.to_thread(hub.join, 5)
    await store.close()


async def leave(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_viewing_tells_its_facts_then_its_state_then_sends_numbered_pictures(bench: Bench) -> None:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: len(viewer.sequences) >= 3)
    assert viewer.sequences == list(range(1, len(viewer.sequences) + 1))
    said = [message.get("state", message["type"]) for message in viewer.messages]
    assert said == ["admitted", "info", "connecting", "live"]
    info = viewer.messages[1]
    assert (info["in_use"], info["limit"], info["window"], info["quality"]) == (1, 2, 2, "low")
    await leave(task)


async def test_at_most_two_frames_are_in_flight_and_a_viewer_without_progress_is_ended(bench: Bench) -> None:
    viewing, viewer = bench.viewing(acknowledges=False)
    with pytest.raises(ViewerUnresponsiveError):
        await viewing.run(LIMITS)
    assert viewer.sequences == [1, 2]
    await asyncio.sleep(0.1)
    assert await bench.in_use() == 0


async def test_acknowledgements_of_what_was_never_sent_or_is_older_are_ignored(bench: Bench) -> None:
    viewing, viewer = bench.viewing(acknowledges=False)
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: len(viewer.sequences) == 2)
    for seq in (0, -1, 3, 10**12):
        viewing.acknowledge(seq)
    await asyncio.sleep(0.5)
    assert viewer.sequences == [1, 2]
    viewing.acknowledge(2)
    await until(lambda: len(viewer.sequences) == 4)
    viewing.acknowledge(1)
    await asyncio.sleep(0.3)
    assert viewer.sequences == [1, 2, 3, 4]
    await leave(task)


async def test_a_lost_slot_ends_the_viewing(bench: Bench) -> None:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: viewer.sequences)
    await bench.gate._store.run("gate/release", [GENERATION, "x", "y", SERVER_SET], [viewing.id])
    with pytest.raises(SlotLostError):
        await asyncio.wait_for(task, 3)


@pytest.mark.parametrize("lease", [15])  # so long that no renewal comes between
async def test_not_one_picture_is_sent_past_the_end_of_the_lease_though_no_timer_has_run(bench: Bench) -> None:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: len(viewer.sequences) >= 3)
    assert viewing.slot is not None
    viewing.slot.fence_at = 0.0
    sent = len(viewer.sequences)
    with pytest.raises(SlotLostError):
        await asyncio.wait_for(task, 5)
    assert len(viewer.sequences) == sent


async def test_a_viewer_is_told_of_another_format_before_its_first_picture(bench: Bench) -> None:
    viewing, viewer = bench.viewing(formats=frozenset(Format))
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: len(viewer.sequences) >= 3)
    before = len(viewer.sequences)
    await viewing.change_quality("original")
    await until(lambda: len(viewer.sequences) > before)
    assert viewer.messages[-1]["format"] == "h264"
    assert viewer.messages[-1]["codec"]
    await until(lambda: len(viewer.sequences) > before + 30)  # more than a window
    assert viewer.sequences == list(range(1, len(viewer.sequences) + 1))
    await leave(task)


async def test_a_viewer_is_told_of_another_quality_before_its_first_picture_which_is_there_already(
    bench: Bench,
) -> None:
    (one, viewer), (other, others) = bench.viewing(quality="low"), bench.viewing(quality="medium")
    tasks = [asyncio.create_task(viewing.run(LIMITS)) for viewing in (one, other)]
    await until(lambda: len(viewer.sequences) >= 3 and len(others.sequences) >= 3)
    before = len(viewer.events)
    await one.change_quality("medium")
    await until(lambda: len(viewer.events) > before)
    assert viewer.events[before] == "quality_changed"
    for task in tasks:
        await leave(task)


async def test_a_quality_that_is_chosen_before_the_camera_may_be_opened_holds(bench: Bench) -> None:
    viewing, viewer = bench.viewing(quality="medium")
    ending = bench.hub._ending["1"] = asyncio.get_running_loop().create_future()  # a capture that still has the camera
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: viewing.slot is not None)
    await viewing.change_quality("low")
    del bench.hub._ending["1"]
    ending.set_result(None)
    await until(partial(_has_pictures, viewer))
    assert [message["quality"] for message in viewer.messages if message["type"] == "quality_changed"] == ["low"]
    assert viewing._feed is not None
    assert viewing._feed.quality == viewing.holder.quality == "low"
    await until(lambda: viewing.slot is not None and viewing.slot.described)
    (holder,) = (await bench.gate.usage()).holders.values()
    assert holder["quality"] == "low"
    await leave(task)


async def test_a_viewer_need_not_acknowledge_while_the_camera_is_away(bench: Bench) -> None:
    """It may be unable to: decoders keep pictures back until others come."""
    viewing, viewer = bench.viewing(acknowledges=False)
    viewing._patience = Patience(first_frame=5, reconnect=3, stall=1)
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: viewer.sequences)
    bench.camera.fault = Fault.REFUSE
    bench.camera.drop_connections()
    with pytest.raises(CameraLostError):
        await asyncio.wait_for(task, 10)


async def test_a_viewer_is_told_of_the_cameras_state_before_the_picture_that_comes_with_it(bench: Bench) -> None:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: len(viewer.sequences) >= 3)
    feed = viewing._feed
    assert feed is not None
    frame = (bench.hub.newest("1") or {}).get("low")
    assert frame is not None
    before = len(viewer.events)
    feed.tell(Condition(State.RECONNECTING, 0))
    feed.mailbox.put(frame)
    await until(lambda: len(viewer.events) > before)
    assert viewer.events[before] == "reconnecting"
    await leave(task)


async def test_an_administrator_ends_a_viewing(bench: Bench) -> None:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: viewer.sequences)
    viewing.stop(StoppedByAdministratorError())
    with pytest.raises(StoppedByAdministratorError):
        await asyncio.wait_for(task, 1)


async def test_a_camera_that_stays_away_ends_the_viewing_and_frees_camera_and_slot(bench: Bench) -> None:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: viewer.sequences)
    bench.camera.fault = Fault.SILENT
    with pytest.raises(CameraLostError):
        await asyncio.wait_for(task, 6)
    assert viewer.messages[-1]["reason"] == "camera_lost"
    await asyncio.sleep(0.1)
    assert await bench.in_use() == 0
    assert not bench.hub.conditions()


@pytest.mark.parametrize(("codec", "kind"), [("h264", "h264"), ("h265", "original")])
async def test_original_is_counted_as_jpeg_from_when_the_camera_is_known_to_send_no_video_that_browsers_play(
    bench: Bench, simulator: Simulator, codec: str, kind: str
) -> None:
    bench.camera = simulator.add(SimulatedCamera("Gate", "gate", width=320, height=180, fps=10, codec=codec))
    tasks, rates, counted = [], [], []
    for _ in range(2):
        viewing, viewer = bench.viewing(quality="original", formats=frozenset(Format))
        rates.append(viewing.rate().field)
        terms = Terms((Limit(SERVER_SET, 2),), viewing.rate(), budget=100_000)
        tasks.append(asyncio.create_task(viewing.run(terms)))
        await until(partial(_has_pictures, viewer))
        counted.append(await bench.gate._store.call("HGET", RATES, viewing.id))
    assert counted == [str(conf.ESTIMATES[kind])] * 2
    assert rates == ["1:h264", f"1:{kind}"]  # the second is counted so from the start
    for task in tasks:
        await leave(task)


async def test_leaving_at_any_moment_leaves_nothing_behind(bench: Bench) -> None:
    for steps in range(0, 60, 3):
        viewing, _ = bench.viewing()
        task = asyncio.create_task(viewing.run(LIMITS))
        for _ in range(steps):
            await asyncio.sleep(0.001)
        await leave(task)
    await asyncio.sleep(0.3)
    assert await bench.in_use() == 0
    await until(lambda: bench.camera.connections == 0)
    await until(lambda: not bench.hub.conditions())
