"""Stills of simulated cameras."""

import asyncio
import time

import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.errors import CameraUnreachableError
from streaming.ingest.hub import Hub
from streaming.ingest.stills import RETRY, Stills
from streaming.ingest.streams import Shape, Streams, substream_id
from tests.client import eventually
from tests.streaming.ingest.watched import image_size


async def test_stills_share_one_grab_and_a_failure_is_kept_for_a_moment(hub: Hub, camera: SimulatedCamera) -> None:
    stills = Stills(hub, timeout=5)
    source = CameraSource(camera.url)
    frames = await asyncio.gather(*(stills.take("1", source, "low", "ada") for _ in range(5)))
    assert all(frame is frames[0] for frame in frames)
    assert camera.connections_total == 1
    camera.fault = Fault.REFUSE
    camera.drop_connections()
    await eventually(lambda: not hub.conditions())
    await asyncio.sleep(2.1)  # until the still is too old
    for _ in range(2):
        with pytest.raises(CameraUnreachableError):
            await stills.take("1", source, "low", "ada")


@pytest.mark.parametrize("codec", ["h264", "h265", "mjpeg"])
async def test_a_still_of_original_is_a_jpeg_in_the_camera_s_own_size(
    hub: Hub, simulator: Simulator, codec: str
) -> None:
    source = CameraSource(simulator.add(SimulatedCamera("Yard", "yard", 320, 240, codec=codec)).url)
    still = await Stills(hub, timeout=5).take("1", source, "original", "ada")
    assert image_size(still.data) == (320, 240)


async def test_a_substream_that_just_failed_and_has_opened_since_blocks_nobody(
    hub: Hub, camera: SimulatedCamera, simulator: Simulator
) -> None:
    sub = simulator.add(SimulatedCamera("Sub", "sub", 320, 240))
    sub.fault = Fault.REFUSE
    stills, streams = Stills(hub, timeout=5), Streams("1", CameraSource(camera.url), CameraSource(sub.url))
    still = await stills.take_of(streams, "sub", "ada")
    hub.known.learn(substream_id("1"), CameraSource(sub.url), Shape("h264", 320, 240))  # a viewer has opened it
    started = time.monotonic()
    assert await stills.take_of(streams, "sub", "ada") is still
    assert time.monotonic() - started < RETRY / 2
