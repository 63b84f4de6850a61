"""The quality and format of a viewing's frames: what the viewer is told, and the rate that the stream is counted with."""

import asyncio
from functools import partial

import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator
from streaming import conf
from streaming.gate.leases import Limit, Terms
from streaming.ingest.frames import Format
from streaming.ingest.reader import Allowance
from streaming.store.keys import RATES, SERVER_SET
from tests.servers import PATIENCE
from tests.streaming.viewing.harness import LIMITS, Bench, has_pictures, leave, until


async def test_a_viewer_is_told_of_another_format_before_its_first_frame(bench: Bench) -> None:
    viewing, viewer = bench.viewing(formats=frozenset(Format))
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: len(viewer.sequences) >= 3)
    await viewing.change_quality("original")
    before = len(viewer.sequences)
    await until(lambda: len(viewer.sequences) > before)
    assert viewer.messages[-1]["format"] == "h264"
    assert viewer.messages[-1]["codec"]
    await until(lambda: len(viewer.sequences) > before + 30)  # more than a window
    assert viewer.sequences == list(range(1, len(viewer.sequences) + 1))
    await leave(task)


async def test_a_viewer_is_told_of_another_quality_before_a_frame_of_it_that_is_ready(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reserve(*_: object) -> None:
        """As the gate does, but at once: no frame comes before the message."""

    monkeypatch.setattr(bench.gate, "reserve", reserve)
    (one, viewer), (other, others) = bench.viewing(quality="low"), bench.viewing(quality="medium")
    tasks = [asyncio.create_task(viewing.run(LIMITS)) for viewing in (one, other)]
    await until(lambda: len(viewer.sequences) >= 3 and len(others.sequences) >= 3)
    before = len(viewer.events)
    await one.change_quality("medium")
    await until(lambda: len(viewer.events) > before)
    assert viewer.events[before] == "quality_changed"
    for task in tasks:
        await leave(task)


@pytest.mark.parametrize("allowance", [Allowance(15, 15)])
async def test_a_quality_that_is_chosen_before_the_camera_is_opened_takes_effect(bench: Bench) -> None:
    bench.camera.fault = Fault.SILENT
    async with bench.hub.feed("1", bench.source, "low"):
        pass  # the capture of this feed keeps the camera until it is answered
    viewing, viewer = bench.viewing(quality="medium")
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: viewing.slot is not None)
    assert viewer.events == ["info"]  # no feed yet, which would tell the camera's state
    await viewing.change_quality("low")
    bench.camera.fault = Fault.NONE
    await until(partial(has_pictures, viewer))
    assert [message["quality"] for message in viewer.messages if message["type"] == "quality_changed"] == ["low"]
    await until(lambda: viewing.slot is not None and viewing.slot.described)
    assert [holder["quality"] for holder in await bench.holders()] == ["low"]
    await leave(task)


@pytest.mark.parametrize(("codec", "kind"), [("h264", "h264"), ("h265", "original")])
async def test_original_is_counted_as_jpeg_once_the_camera_is_known_to_send_no_video_that_the_viewer_plays(
    bench: Bench, simulator: Simulator, codec: str, kind: str
) -> None:
    bench.camera = simulator.add(SimulatedCamera("Gate", "gate", width=320, height=180, fps=10, codec=codec))
    tasks, rates, expected = [], [], str(conf.ESTIMATES[kind])
    for _ in range(2):
        viewing, viewer = bench.viewing(quality="original", formats=frozenset({Format.JPEG, Format.H264}))
        rates.append(viewing.rate().field)
        terms = Terms((Limit(SERVER_SET, 2),), viewing.rate(), budget=100_000)
        tasks.append(asyncio.create_task(viewing.run(terms)))
        await until(partial(has_pictures, viewer))
        async with asyncio.timeout(PATIENCE):
            while await bench.store.call("HGET", RATES, viewing.id) != expected:
                await asyncio.sleep(0.01)
    assert rates == ["1:h264", f"1:{kind}"]  # the camera is known when the second viewer asks
    for task in tasks:
        await leave(task)
