"""A capture that records its frames and conditions, and helpers to look at frames."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from cameras.simulator import read_clock
from cameras.sources import CameraSource
from streaming.ingest.capture import Capture
from streaming.ingest.condition import Condition
from streaming.ingest.frames import Format, Frame
from streaming.ingest.reader import Allowance
from streaming.ingest.relay import RelayFactory, no_sharing
from streaming.ingest.streams import Shape
from tests.servers import PATIENCE, wait_until

TIMEOUTS = Allowance(10, 10)
SHORT_TIMEOUTS = Allowance(2, 2)  # for a camera that is silent


def image_of(frame: Frame) -> Any:
    """The picture of a JPEG frame."""
    assert frame.format is Format.JPEG
    return decoded(frame.data)


def decoded(data: bytes) -> Any:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def size_of(frame: Frame) -> tuple[int, int]:
    """Width and height of a JPEG frame, pixels."""
    assert frame.format is Format.JPEG
    return image_size(frame.data)


def image_size(data: bytes) -> tuple[int, int]:
    height, width, _ = decoded(data).shape
    return width, height


def clocks_of(frames: Iterable[Frame]) -> list[int | None]:
    """Returns the clocks in JPEG frames; None for an unreadable one."""
    return [read_clock(image_of(frame)) for frame in frames]


class Watched:
    """A capture in its thread, and all that it has reported."""

    def __init__(
        self,
        source: CameraSource,
        qualities: frozenset[str],
        open_relay: RelayFactory = no_sharing,
        timeouts: Allowance = TIMEOUTS,
    ) -> None:
        self.frames: list[Frame] = []
        self.groups: list[list[Frame]] = []
        self.own_formats: list[Format] = []
        self.shapes: list[Shape] = []
        self.conditions: list[Condition] = []
        self.on_frame = self.frames.append
        self.on_group = self.groups.append
        self.on_own_format = self.own_formats.append
        self.on_shape = self.shapes.append
        self.on_condition = self.conditions.append
        self.capture = Capture(source, timeouts, self, open_relay)
        self.capture.want(qualities)
        self.thread = threading.Thread(target=self.capture.run, name="a test's capture")

    @property
    def jpegs(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.format is Format.JPEG]

    @property
    def video(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.format is not Format.JPEG]

    def stop(self, seconds: float) -> None:
        self.capture.stop()
        self.thread.join(seconds)
        assert not self.thread.is_alive()

    def until_frame(self, condition: Callable[[Frame], bool] = lambda _: True) -> Frame:
        """Returns the next frame for which `condition` holds."""
        known = len(self.frames)
        wait_until(lambda: any(condition(frame) for frame in self.frames[known:]), 10, "such a frame arrives")
        return next(frame for frame in self.frames[known:] if condition(frame))

    def until_jpeg(self, condition: Callable[[Frame], bool] = lambda _: True) -> Frame:
        return self.until_frame(lambda frame: frame.format is Format.JPEG and condition(frame))


@contextmanager
def watching(
    url: str, *qualities: str, open_relay: RelayFactory = no_sharing, timeouts: Allowance = TIMEOUTS
) -> Iterator[Watched]:
    """The camera at `url`, with these qualities encoded as JPEG."""
    watched = Watched(CameraSource(url), frozenset(qualities), open_relay, timeouts)
    watched.thread.start()
    try:
        yield watched
    finally:
        watched.stop(PATIENCE)
