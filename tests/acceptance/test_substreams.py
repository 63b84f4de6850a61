"""A camera with a substream, watched at two workers."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cameras.simulator import SimulatedCamera, Simulator
from tests.client import Session, Stream, eventually
from tests.servers import Site, site

VIDEO = "&formats=jpeg,h264"
SUB, ORIGINAL, LOW = f"?quality=sub{VIDEO}", f"?quality=original{VIDEO}", "?quality=low"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template, STREAM_MAX_CONCURRENT="20") as created:
        created.start_worker()
        created.start_worker()
        yield created


@pytest.fixture
def camera_id(installation: Site, main: SimulatedCamera, sub: SimulatedCamera) -> Iterator[str]:
    id = installation.add_camera("Yard", main.url, substream=sub.url)
    yield id
    installation.remove_camera(id)


@pytest.mark.timing("a reader that is delayed for a second is replaced")
async def test_two_workers_take_one_connection_to_each_stream(
    installation: Site, session: Session, camera_id: str, main: SimulatedCamera, sub: SimulatedCamera
) -> None:
    other = session.at(installation.workers[1].base)
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(Stream(each, camera_id, query))
            for each in (session, other)
            for query in (SUB, ORIGINAL, LOW)
        ]
        for stream in streams:
            await stream.live()
        assert "sub" in streams[0].last("info")["qualities"]
        for stream in streams:
            await stream.until(lambda stream: stream.count > 10)
        assert (main.connections_total, sub.connections_total) == (1, 1)
        assert streams[2].pictures[-1].image.shape == (360, 640, 3)
        await streams[3].send({"type": "ping", "time": 1})
        await streams[3].until(lambda stream: any(message["type"] == "pong" for message in stream.messages))
        facts = streams[3].last("pong")["streams"]
        assert [(facts[name]["width"], facts[name]["height"]) for name in ("original", "sub")] == [
            (1280, 720),
            (640, 360),
        ]
    await eventually(lambda: main.connections == sub.connections == 0, 15)


@pytest.mark.timing("measures a rate over four seconds")
async def test_sixteen_viewers_take_the_rate_of_sixteen_substreams(
    session: Session, camera_id: str, sub: SimulatedCamera
) -> None:
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(Stream(session, camera_id, SUB, keep=400)) for _ in range(16)]
        for stream in streams:
            await stream.until(lambda stream: stream.count > 20)
        started = time.monotonic()
        await asyncio.sleep(4)
        received = [
            sum(len(picture.data) for picture in stream.pictures if picture.arrived >= started) for stream in streams
        ]
        mbps = sum(received) * 8 / (time.monotonic() - started) / 1e6
    assert 0.5 * 16 * sub.bit_rate < mbps * 1e6 < 1.15 * 16 * sub.bit_rate, f"{mbps:.2f} Mbit/s"


async def test_a_camera_without_a_substream_gives_low_for_it(
    installation: Site, session: Session, main: SimulatedCamera
) -> None:
    id = installation.add_camera("Alone", main.url)
    async with Stream(session, id, SUB) as stream:
        await stream.live()
        info = stream.last("info")
        assert (info["quality"], "sub" in info["qualities"]) == ("low", False)
        await stream.until(lambda stream: stream.pictures[-1].image.shape == (360, 640, 3))
        await stream.send({"type": "quality_change", "quality": "original"})
        await stream.until(lambda stream: stream.messages[-1].get("format") == "h264")
        await stream.send({"type": "quality_change", "quality": "sub"})
        await stream.until(lambda stream: stream.messages[-1].get("quality") == "low")


async def test_a_changed_substream_is_read_by_those_who_watch_it(
    installation: Site,
    session: Session,
    camera_id: str,
    simulator: Simulator,
    main: SimulatedCamera,
    sub: SimulatedCamera,
) -> None:
    other = simulator.add(SimulatedCamera(name="Yard", path="other", width=320, height=180, fps=10))
    admin = Session(installation.workers[0].base, "admin")
    async with Stream(session, camera_id, SUB) as stream:
        await stream.live()
        form = {"name": "Yard", "stream_url": main.url, "substream_url": other.url, "enabled": "on"}
        assert admin.post(f"/admin/cameras/camera/{camera_id}/change/", form)[0] == 200
        await eventually(lambda: other.connections == 1 and sub.connections == 0, 10)


def shape_of_still(session: Session, id: str, quality: str) -> tuple[int, ...]:
    status, data = session.get(f"/api/v1/cameras/{id}/stream/snapshot?quality={quality}")
    assert status == 200
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    shape: tuple[int, ...] = image.shape
    return shape[:2]


def test_a_still_is_made_from_the_substream_if_that_is_large_enough(
    session: Session, camera_id: str, main: SimulatedCamera, sub: SimulatedCamera
) -> None:
    assert shape_of_still(session, camera_id, "low") == shape_of_still(session, camera_id, "sub") == (360, 640)
    assert (main.connections_total, sub.connections_total) == (0, 1)
    assert shape_of_still(session, camera_id, "medium") == (720, 1280)
    assert main.connections_total == 1


@pytest.mark.parametrize("wrong", ["small", "squeezed", "gone"])
def test_a_still_is_made_from_the_main_stream_if_the_substream_is_not_suitable(
    installation: Site, session: Session, simulator: Simulator, main: SimulatedCamera, wrong: str
) -> None:
    width, height = (320, 180) if wrong == "small" else (640, 480)
    sub = simulator.add(SimulatedCamera(name="Yard", path="other", width=width, height=height, fps=10))
    id = installation.add_camera("Yard", main.url, substream=f"{sub.url}-typo" if wrong == "gone" else sub.url)
    assert shape_of_still(session, id, "low") == (360, 640)


async def test_a_substream_with_a_wrong_path_does_not_hide_the_camera(
    installation: Site, session: Session, main: SimulatedCamera
) -> None:
    id = installation.add_camera("Typo", main.url, substream=f"{main.url}-typo")
    async with Stream(session, id, SUB) as stream:
        await stream.live()
        assert stream.last("quality_changed")["quality"] == "low"
