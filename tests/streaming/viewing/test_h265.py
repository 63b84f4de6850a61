"""H.265 is sent to a viewer who has confirmed the camera's codec, and to nobody else."""

import asyncio
from functools import partial

import pytest

from cameras.simulator import SimulatedCamera, Simulator
from streaming import conf
from streaming.errors import ViewerUnresponsiveError
from streaming.gate.leases import Limit, Terms
from streaming.ingest.frames import Flag, Format
from streaming.store.keys import RATES, SERVER_SET
from streaming.viewing.viewer import ViewerTimeouts
from streaming.viewing.viewing import Viewing
from tests.streaming.viewing.harness import LIMITS, TIMEOUTS, Bench, ListViewer, has_pictures, leave, until

CODEC = "hev1.1.6.L63.90"
PATIENT = ViewerTimeouts(first_frame=5, reconnect=1, stall=10)


@pytest.fixture
def camera(simulator: Simulator) -> SimulatedCamera:
    return simulator.add(SimulatedCamera("Gate", "gate", width=320, height=180, fps=15, codec="h265", gop_seconds=5))


def asking(bench: Bench, timeouts: ViewerTimeouts = PATIENT) -> tuple[Viewing, ListViewer, "asyncio.Task[None]"]:
    viewing, viewer = bench.viewing(quality="original", formats=frozenset(Format), timeouts=timeouts)
    return viewing, viewer, asyncio.create_task(viewing.run(LIMITS))


def told(viewer: ListViewer) -> list[object]:
    """The codecs that the viewer was told of."""
    return [message["codec"] for message in viewer.messages if message.get("format") == "h265" and message["codec"]]


def kinds(viewer: ListViewer) -> list[int]:
    return [header[1] for header in viewer.headers]


async def some_time(bench: Bench) -> None:
    """Waits until the camera has sent more pictures."""
    async with bench.hub.feed("1", bench.source, "low") as feed:
        for _ in range(3):
            await asyncio.wait_for(feed.mailbox.take(), 5)


async def test_the_viewer_is_told_the_codec_and_gets_no_frame_before_they_confirm_it(bench: Bench) -> None:
    viewing, viewer, task = asking(bench)
    await until(lambda: told(viewer))
    viewing.confirm_codec("hev1.1.6.L93.90")
    viewing.confirm_codec("")
    await some_time(bench)
    known = len(kinds(viewer))
    assert Format.H265 not in kinds(viewer)
    viewing.confirm_codec(CODEC)
    viewing.confirm_codec(CODEC)
    await until(lambda: len(viewer.headers) > known + 30)  # more than a window
    assert told(viewer) == [CODEC]
    assert set(kinds(viewer)[known:]) == {Format.H265}
    first, second = [Flag(header[2]) for header in viewer.headers[known : known + 2]]
    assert (first, second) == (Flag.KEY | Flag.BACKLOG, Flag.BACKLOG)
    assert viewing.rate().field == "1:h264"  # the camera's own video, in whichever codec
    assert viewing.slot is not None and viewing.slot.terms.rate == viewing.rate()
    await leave(task)


async def test_a_viewer_who_does_not_play_it_asks_for_another_quality_and_gets_jpeg(bench: Bench) -> None:
    viewing, viewer, task = asking(bench)
    await until(lambda: told(viewer))
    await viewing.change_quality("low")
    before = len(viewer.headers)
    await until(lambda: len(viewer.headers) > before + 3)
    assert set(kinds(viewer)) == {Format.JPEG}
    await leave(task)


async def test_a_viewer_who_does_not_play_it_gets_jpeg_even_if_the_budget_has_no_room_for_it(bench: Bench) -> None:
    """They were admitted with the rate of the camera's own video."""
    viewing, viewer = bench.viewing(quality="original", formats=frozenset(Format), timeouts=PATIENT, budget=5_000)
    terms = Terms((Limit(SERVER_SET, 2),), viewing.rate(), budget=5_000)
    task = asyncio.create_task(viewing.run(terms))
    await until(lambda: told(viewer))
    await viewing.change_quality("high")
    await until(lambda: has_pictures(viewer))
    assert viewer.messages[-1]["quality"] == "high"
    assert await bench.store.call("HGET", RATES, viewing.id) == str(conf.ESTIMATES["high"])
    await viewing.change_quality("original")  # they may try again
    await until(lambda: told(viewer)[1:] == [CODEC])
    await viewing.change_quality("low")
    await until(lambda: viewer.messages[-1]["quality"] == "low")
    await viewing.change_quality("high")
    assert (viewer.messages[-1]["quality"], viewer.messages[-1]["reason"]) == ("low", "bandwidth_reached")
    await leave(task)


async def test_a_viewer_who_does_not_answer_is_disconnected(bench: Bench) -> None:
    _, viewer, task = asking(bench, TIMEOUTS)
    with pytest.raises(ViewerUnresponsiveError):
        await asyncio.wait_for(task, 10)
    assert told(viewer) == [CODEC]
    assert Format.H265 not in kinds(viewer)
    await until(lambda: not bench.hub.feeds)


async def test_a_confirmed_codec_is_not_asked_for_again_but_another_one_is(
    bench: Bench, camera: SimulatedCamera
) -> None:
    viewing, viewer, task = asking(bench)
    await until(lambda: told(viewer))
    viewing.confirm_codec(CODEC)
    await until(lambda: Format.H265 in kinds(viewer))
    for quality, format in (("low", Format.JPEG), ("original", Format.H265)):
        await viewing.change_quality(quality)
        await until(lambda format=format: kinds(viewer)[-1] == format)  # type: ignore[misc]
    camera.resize(1280, 720)
    await until(lambda: told(viewer)[-1] != CODEC)
    before = len(viewer.headers)
    await some_time(bench)
    assert len(viewer.headers) == before
    viewing.confirm_codec("hev1.1.6.L93.90")
    await until(lambda: len(viewer.headers) > before + 30)
    assert set(kinds(viewer)[before:]) == {Format.H265}
    await leave(task)


async def test_a_viewer_who_plays_no_h265_is_told_of_none(bench: Bench) -> None:
    viewing, viewer = bench.viewing(quality="original", formats=frozenset({Format.JPEG, Format.H264}))
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(partial(has_pictures, viewer))
    assert set(kinds(viewer)) == {Format.JPEG}
    assert told(viewer) == []
    await leave(task)
