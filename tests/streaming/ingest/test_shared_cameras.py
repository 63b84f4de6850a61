"""The captures of two workers that share a simulated camera."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator
from streaming.ingest.condition import State
from streaming.ingest.frames import Flag, Frame
from streaming.ingest.sharing import Sharing
from tests.streaming.ingest.simulated import until
from tests.streaming.ingest.watched import Watched, clocks_of, watching


def capture(sharing: Sharing, camera: SimulatedCamera, *qualities: str) -> Any:
    return watching(camera.url, *qualities, open_relay=partial(sharing.relay, "1"))


@contextmanager
def both(ann: Sharing, bob: Sharing, camera: SimulatedCamera, *qualities: str) -> Iterator[tuple[Watched, Watched]]:
    with capture(ann, camera, *qualities) as reading:
        until(lambda: bool(reading.frames), "the camera is read")
        with capture(bob, camera, *qualities) as following:
            until(lambda: bool(following.frames), "the pictures are handed on")
            assert following.capture.rate <= 20  # the earlier pictures of the GOP came at once
            yield reading, following


def add(simulator: Simulator, **settings: Any) -> SimulatedCamera:
    return simulator.add(SimulatedCamera("Yard", "yard", **{"width": 320, "height": 180, "fps": 15, **settings}))


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_both_workers_have_the_same_video_over_one_connection(
    ann: Sharing, bob: Sharing, simulator: Simulator, codec: str
) -> None:
    camera = add(simulator, codec=codec, gop_seconds=60)  # so that a late follower skips no picture
    with both(ann, bob, camera) as (reading, following):
        assert [*itertools.chain(*following.groups), *following.frames][0].flags & Flag.KEY
        until(lambda: len(following.video) > 40, "pictures come")
        mine, theirs = [[frame.data for frame in watched.video] for watched in (reading, following)]
        start = mine.index(theirs[0])
        assert theirs[:40] == mine[start : start + 40]
        assert camera.connections_total == 1
        assert following.conditions[-1].state is State.LIVE
        until(lambda: following.capture.rate > 5, "the rate is measured")
        assert reading.capture.is_followed
        assert not following.capture.is_followed


@pytest.mark.parametrize("settings", [{}, {"codec": "h265"}, {"codec": "mjpeg"}, {"intra_refresh": True}])
def test_a_follower_encodes_its_own_jpeg_of_every_codec(
    ann: Sharing, bob: Sharing, simulator: Simulator, settings: dict[str, Any]
) -> None:
    with both(ann, bob, add(simulator, width=640, height=360, **settings), "low") as (_, following):
        until(lambda: len(following.jpegs) >= 10, "pictures come")
        assert None not in clocks_of(following.jpegs[-5:])


def test_the_follower_is_told_when_a_camera_is_lost_and_when_it_is_back(
    ann: Sharing, bob: Sharing, simulator: Simulator
) -> None:
    camera = add(simulator)
    with both(ann, bob, camera) as (_, following):
        camera.fault = Fault.REFUSE
        until(lambda: following.conditions[-1].failures >= 2, "the loss is known")
        lost = following.conditions[-1]
        assert (lost.state, bool(lost.cause)) == (State.RECONNECTING, True)
        camera.fault = Fault.NONE
        until(lambda: following.conditions[-1].state is State.LIVE, "it is back")
        frame: Frame = following.until_frame()
        assert frame.epoch > 0


def test_the_follower_reads_when_the_reader_stops(ann: Sharing, bob: Sharing, simulator: Simulator) -> None:
    camera = add(simulator)
    with capture(ann, camera) as reading:
        until(lambda: bool(reading.frames), "the camera is read")
        with capture(bob, camera) as following:
            until(lambda: bool(following.frames), "the pictures are handed on")
            reading.stop(5)
            following.until_frame(lambda frame: frame.epoch > 0)
            assert camera.connections == 1
            assert not any(condition.failures for condition in following.conditions)
