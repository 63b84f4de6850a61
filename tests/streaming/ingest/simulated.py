"""Helpers for the video of simulated cameras."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import av

from cameras.simulator import SimulatedCamera, Simulator
from streaming.ingest.frames import Format, Frame
from tests.cameras.simulator.clients import RawRead, read_raw, watch
from tests.servers import wait_until
from tests.streaming.ingest.watched import Watched

FPS = 15


def add(simulator: Simulator, **settings: Any) -> SimulatedCamera:
    return simulator.add(SimulatedCamera("Yard", "yard", **{"width": 640, "height": 360, "fps": FPS, **settings}))


def until(condition: Any, what: str, seconds: float = 10) -> None:
    wait_until(condition, seconds, what)


def read_beside(camera: SimulatedCamera, watched: Watched, count: int) -> tuple[list[RawRead], list[Frame]]:
    """Returns `count` raw reads of another connection, and all frames of the capture once it has read the same."""
    with watch(camera.url, raw=True) as capture:
        reads = read_raw(capture, count)
    last = reads[-1].nals[-1]
    until(lambda: any(last in frame.data for frame in watched.frames[-50:]), "the last picture read comes here too")
    return reads, list(watched.frames)


@contextmanager
def first_viewer(camera: SimulatedCamera) -> Iterator[None]:
    """A viewer that gets the camera's only keyframe."""
    with watch(camera.url, raw=True) as capture:
        read_raw(capture, 2)
        yield


def decoded_video(frames: Sequence[Frame]) -> list[av.VideoFrame]:
    """Decodes these frames of the camera's own video, and nothing else."""
    context: Any = av.CodecContext.create("hevc" if frames[0].format is Format.H265 else "h264", "r")
    context.thread_count = 1
    packets = [av.Packet(frame.data) for frame in frames]
    return [picture for packet in [*packets, None] for picture in context.decode(packet)]
