"""A viewing of a camera with a substream: which stream it gets, and how it moves from one to the other."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming import conf
from streaming.errors import CameraUnreachableError
from streaming.gate.leases import Limit, Terms
from streaming.ingest.frames import Flag, Format
from streaming.ingest.reader import Allowance
from streaming.ingest.streams import Streams
from streaming.store.keys import RATES, SERVER_SET
from streaming.viewing.viewer import ViewerTimeouts
from streaming.viewing.viewing import Viewing
from tests.streaming.viewing.harness import LIMITS, Bench, ListViewer, has_pictures, leave, until

VIDEO = frozenset(Format)


@pytest.fixture
def sub(bench: Bench, simulator: Simulator) -> SimulatedCamera:
    """The camera's substream. The camera itself is a little larger."""
    bench.camera = simulator.add(SimulatedCamera("Yard", "main", width=800, height=450, fps=15))
    return simulator.add(SimulatedCamera("Yard", "sub", width=640, height=360, fps=15))


@asynccontextmanager
async def watching(bench: Bench, **request: Any) -> AsyncIterator[tuple[Viewing, ListViewer]]:
    viewing, viewer = bench.viewing(**request)
    task = asyncio.create_task(viewing.run(LIMITS))
    try:
        await until(lambda: has_pictures(viewer) or task.done())
        yield viewing, viewer
    finally:
        await leave(task)


def told(viewer: ListViewer) -> list[tuple[object, object]]:
    """The qualities and formats that the viewer was told of, after the first."""
    return [
        (message["quality"], message["format"]) for message in viewer.messages if message["type"] == "quality_changed"
    ]


def becomes(viewer: ListViewer, quality: str) -> Callable[[], bool]:
    """Whether the viewer has a frame of `quality`."""

    def has_come() -> bool:
        changed = [i for i, event in enumerate(viewer.events) if event == "quality_changed"]
        return bool(told(viewer)) and told(viewer)[-1][0] == quality and len(viewer.events) > changed[-1] + 1

    return has_come


def connections(bench: Bench, sub: SimulatedCamera) -> tuple[int, int]:
    return bench.camera.connections_total, sub.connections_total


@pytest.mark.parametrize(
    ("quality", "formats", "expected"),
    [("sub", VIDEO, (0, 1)), ("low", VIDEO, (0, 1)), ("medium", VIDEO, (1, 0)), ("original", VIDEO, (1, 0))],
)
async def test_each_quality_takes_one_connection_to_the_stream_that_serves_it(
    bench: Bench, sub: SimulatedCamera, quality: str, formats: frozenset[Format], expected: tuple[int, int]
) -> None:
    request = {"sub": sub, "quality": quality, "formats": formats}
    async with watching(bench, **request), watching(bench, **request):
        assert connections(bench, sub) == expected


@pytest.mark.timing("measures the pauses between pictures")
async def test_the_picture_goes_on_until_the_other_stream_has_one_and_the_viewer_is_told_before_it(
    bench: Bench, sub: SimulatedCamera
) -> None:
    async with watching(bench, sub=sub, quality="sub", formats=VIDEO) as (viewing, viewer):
        await until(lambda: len(viewer.sequences) > 10)
        for quality in ("original", "sub"):
            await viewing.change_quality(quality)
            await until(becomes(viewer, quality))
            assert told(viewer)[-1] == (quality, "h264")
        await until(lambda: len(viewer.sequences) > 60)
        assert viewer.sequences == list(range(1, len(viewer.sequences) + 1))
        pauses = [after - before for before, after in itertools.pairwise(viewer.arrived)]
        assert max(pauses) < 0.5, pauses
        firsts = [after for before, after in itertools.pairwise(viewer.headers) if after[3] != before[3]]
        assert [header[3] for header in firsts] == [1, 2]  # epochs
        assert all(int(header[2]) & Flag.KEY for header in firsts)
    assert connections(bench, sub) == (1, 1)


async def test_a_viewer_is_counted_with_the_rate_of_the_stream_that_they_get(
    bench: Bench, sub: SimulatedCamera
) -> None:
    async with watching(bench, sub=sub, quality="sub", formats=VIDEO) as (viewing, viewer):
        assert viewing.rate().field == "1:sub_h264"
        await viewing.change_quality("original")
        await until(becomes(viewer, "original"))
        await until(lambda: viewing.slot is not None and viewing.slot.described)
        assert [holder["quality"] for holder in await bench.holders()] == ["original"]
        assert await bench.store.call("HGET", RATES, viewing.id) == str(conf.ESTIMATES["h264"])


async def test_a_budget_without_room_for_the_larger_stream_keeps_the_smaller_one(
    bench: Bench, sub: SimulatedCamera
) -> None:
    budget = conf.ESTIMATES["sub_h264"] + 1000
    viewing, viewer = bench.viewing(sub=sub, quality="sub", formats=VIDEO, budget=budget)
    task = asyncio.create_task(viewing.run(Terms((Limit(SERVER_SET, 2),), viewing.rate(), budget)))
    other, _ = bench.viewing(quality="low")
    other_task = asyncio.create_task(other.run(LIMITS))
    await until(lambda: has_pictures(viewer) and other.slot is not None)
    await viewing.change_quality("original")
    await until(lambda: viewer.messages[-1].get("reason") == "bandwidth_reached")
    assert viewer.messages[-1]["quality"] == "sub"
    assert bench.camera.connections_total <= 1  # the other viewer's
    for each in (task, other_task):
        await leave(each)


async def test_a_larger_stream_that_cannot_be_opened_keeps_the_smaller_one(bench: Bench, sub: SimulatedCamera) -> None:
    bench.camera.fault = Fault.REFUSE
    async with watching(bench, sub=sub, quality="sub", formats=VIDEO) as (viewing, viewer):
        await viewing.change_quality("original")
        await until(lambda: viewer.messages[-1].get("reason") == "camera_unreachable")
        assert viewer.messages[-1]["quality"] == "sub"
        seen = len(viewer.sequences)
        await until(lambda: len(viewer.sequences) > seen + 5)
        bench.camera.fault = Fault.NONE
        await viewing.change_quality("original")
        await until(becomes(viewer, "original"))


async def test_a_viewer_who_changes_their_mind_stays_where_they_are(bench: Bench, sub: SimulatedCamera) -> None:
    bench.camera.fault = Fault.HANG
    async with watching(bench, sub=sub, quality="sub", formats=VIDEO) as (viewing, viewer):
        await viewing.change_quality("original")
        await until(lambda: bench.camera.connections_total > 0)
        await viewing.change_quality("low")
        await until(becomes(viewer, "low"))
        bench.camera.fault = Fault.NONE
        await until(lambda: list(bench.hub.conditions()) == ["1"] and bench.camera.connections == 0)
        assert [quality for quality, _ in told(viewer)] == ["sub", "low"]


async def test_a_substream_that_cannot_be_opened_is_replaced_by_the_main_stream(
    bench: Bench, sub: SimulatedCamera
) -> None:
    sub.fault = Fault.REFUSE
    async with watching(bench, sub=sub, quality="sub", formats=VIDEO) as (_, viewer):
        assert told(viewer)[-1] == ("low", "jpeg")
        async with watching(bench, sub=sub, quality="low", formats=VIDEO):
            pass
    assert bench.camera.connections_total == 1


@pytest.mark.parametrize("allowance", [Allowance(1, 1)])
async def test_a_silent_substream_is_replaced_before_the_viewer_gives_up(bench: Bench, sub: SimulatedCamera) -> None:
    sub.fault = Fault.SILENT
    timeouts = ViewerTimeouts(first_frame=2, reconnect=1, stall=1)
    async with watching(bench, sub=sub, quality="sub", formats=VIDEO, timeouts=timeouts) as (_, viewer):
        assert told(viewer)[-1] == ("low", "jpeg")


async def test_a_camera_of_which_no_stream_can_be_opened_is_unreachable(bench: Bench, sub: SimulatedCamera) -> None:
    sub.fault = bench.camera.fault = Fault.REFUSE
    viewing, _ = bench.viewing(sub=sub, quality="sub", formats=VIDEO)
    with pytest.raises(CameraUnreachableError):
        await asyncio.wait_for(viewing.run(LIMITS), 10)
    await until(lambda: not bench.hub.conditions())


async def test_jpeg_moves_to_the_main_stream_when_the_substream_is_seen_to_be_too_small(
    bench: Bench, sub: SimulatedCamera
) -> None:
    sub.resize(320, 180)
    async with watching(bench, sub=sub, quality="low") as (_, viewer):
        await until(lambda: bench.camera.connections == 1 and not sub.connections)
        seen = len(viewer.sequences)
        await until(lambda: len(viewer.sequences) > seen)
        assert {quality for quality, _ in told(viewer)} <= {"low"}


async def test_viewers_of_a_substream_that_is_removed_get_the_main_stream(bench: Bench, sub: SimulatedCamera) -> None:
    async with watching(bench, sub=sub, quality="sub", formats=VIDEO) as (viewing, viewer):
        viewing.change_streams(Streams("1", bench.source))
        await until(becomes(viewer, "low"))
        viewing.change_streams(Streams("1", bench.source, CameraSource(sub.url)))
        await until(becomes(viewer, "sub"))


async def test_the_camera_is_one_for_pages_with_both_streams_open(bench: Bench, sub: SimulatedCamera) -> None:
    request = {"sub": sub, "formats": VIDEO}
    async with (
        watching(bench, quality="sub", **request) as (viewing, _),
        watching(bench, quality="original", **request),
    ):
        assert [(id, figures["state"]) for id, figures in bench.hub.conditions().items()] == [("1", "live")]
        assert len(bench.hub.cameras()) == 2
        await until(lambda: len(viewing.stream_facts()) == 2)
        sizes = {quality: (facts["width"], facts["height"]) for quality, facts in viewing.stream_facts().items()}
        assert sizes == {"original": (800, 450), "sub": (640, 360)}
