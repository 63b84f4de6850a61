"""A viewer who does not play the main stream's H.265 may be served by the substream."""

import asyncio

import pytest

from cameras.simulator import SimulatedCamera, Simulator
from streaming.ingest.frames import Format
from streaming.viewing.viewer import ViewerTimeouts
from tests.streaming.viewing.harness import LIMITS, Bench, leave, until

PATIENT = ViewerTimeouts(first_frame=5, reconnect=1, stall=10)


@pytest.mark.parametrize("quality", ["low", "sub"])
async def test_a_viewer_who_does_not_play_it_goes_to_the_substream(
    bench: Bench, simulator: Simulator, quality: str
) -> None:
    bench.camera = simulator.add(
        SimulatedCamera("Gate", "main", width=800, height=450, fps=15, codec="h265", gop_seconds=5)
    )
    sub = simulator.add(SimulatedCamera("Gate", "sub", width=640, height=360, fps=15))
    viewing, viewer = bench.viewing(quality="original", formats=frozenset(Format), timeouts=PATIENT, sub=sub)
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: any(message.get("codec") for message in viewer.messages))
    async with bench.hub.feed("1", bench.source, "original", frozenset(Format)) as feed:
        for _ in range(3):  # more pictures of the main stream come, and wait for the answer
            await asyncio.wait_for(feed.mailbox.take(), 5)
    before = len(viewer.headers)
    await viewing.change_quality(quality)
    await until(lambda: len(viewer.headers) > before + 3)
    assert viewer.messages[-1]["quality"] == quality
    await leave(task)
