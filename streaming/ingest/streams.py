"""The streams of a camera: the main one, and a substream if it has an address. Which of them serves a quality?

The hub reads each stream under an id of its own. Within a stream, its own video is always the quality `original`.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

from cameras.sources import CameraSource
from streaming.ingest.qualities import ORIGINAL, QUALITIES

SUB = "sub"  # the quality of a substream's own video
WITHOUT_SUBSTREAM = "low"  # stands for `sub` where there is no substream, or where it cannot be opened
FAILED_FOR = 60.0  # seconds for which a substream that could not be opened is not tried again
TOLERANCE = 0.03  # by which the shapes of two pictures may differ: sizes are rounded to macroblocks

_SUFFIX = "/sub"


def substream_id(camera: str) -> str:
    return camera + _SUFFIX


def camera_of(stream: str) -> str:
    """The camera of a stream's id."""
    return stream.removesuffix(_SUFFIX)


class Shape(NamedTuple):
    """What a camera's own video looks like."""

    codec: str  # FFmpeg's name
    width: int  # pixels
    height: int


ASSUMED = Shape("h264", 640, 360)  # a substream that was not seen yet


@dataclass(frozen=True)
class Streams:
    """The sources of one camera's streams."""

    camera: str
    main: CameraSource
    sub: CameraSource | None = None


@dataclass(frozen=True)
class Target:
    """A stream, and what to take from it."""

    id: str
    source: CameraSource
    quality: str  # within the stream
    name: str  # of the quality, as viewers know it

    @property
    def is_sub(self) -> bool:
        return self.id != camera_of(self.id)


class KnownStreams:
    """What a worker has learned of streams: their shapes, and which substreams cannot be opened."""

    def __init__(self) -> None:
        self._shapes: dict[str, tuple[CameraSource, Shape]] = {}
        self._rates: dict[str, tuple[CameraSource, float, float]] = {}  # frames/s and kbit/s when last read
        self._failed: dict[str, tuple[CameraSource, float]] = {}  # with time.monotonic() until which it counts

    def learn(self, stream: str, source: CameraSource, shape: Shape) -> None:
        self._shapes[stream] = source, shape
        self._failed.pop(stream, None)

    def measure(self, stream: str, source: CameraSource, rate: float, kbps: float) -> None:
        """`rate`: frames/s. A rate of 0 kbit/s is not known yet."""
        if kbps:
            self._rates[stream] = source, rate, kbps

    def facts(self, streams: Streams) -> dict[str, dict[str, object]]:
        """Returns quality -> codec, width, height, frames_per_second and kbps of the camera's own video, as far as known."""
        found: dict[str, dict[str, object]] = {}
        sources = ((ORIGINAL, streams.camera, streams.main), (SUB, substream_id(streams.camera), streams.sub))
        for quality, id, source in sources:
            if source is not None and (shape := self.shape(id, source)) is not None:
                of, rate, kbps = self._rates.get(id, (source, 0.0, 0.0))
                rates = (rate, kbps) if of == source else (0.0, 0.0)
                found[quality] = {**shape._asdict(), "frames_per_second": round(rates[0], 1), "kbps": round(rates[1])}
        return found

    def fail(self, stream: str, source: CameraSource) -> None:
        """The stream could not be opened."""
        self._failed[stream] = source, time.monotonic() + FAILED_FOR

    def shape(self, stream: str, source: CameraSource | None) -> Shape | None:
        known = self._shapes.get(stream)
        return known[1] if known and known[0] == source else None

    def has_substream(self, streams: Streams) -> bool:
        """Whether the camera has a substream that can be opened, as far as is known."""
        failed, until = self._failed.get(substream_id(streams.camera), (None, 0.0))
        return streams.sub is not None and not (failed == streams.sub and time.monotonic() < until)

    def target(self, streams: Streams, quality: str) -> Target:
        """Returns the stream that serves `quality`: for JPEG, the substream if it is large enough."""
        main = Target(streams.camera, streams.main, quality, quality)
        if streams.sub is None or not self.has_substream(streams):
            return Target(main.id, main.source, WITHOUT_SUBSTREAM, WITHOUT_SUBSTREAM) if quality == SUB else main
        id = substream_id(streams.camera)
        if quality == SUB:
            return Target(id, streams.sub, ORIGINAL, SUB)
        if quality != ORIGINAL and self._is_large_enough(streams, quality):
            return Target(id, streams.sub, quality, quality)
        return main

    def _is_large_enough(self, streams: Streams, quality: str) -> bool:
        """Whether a JPEG of the substream is as large as one of the main stream, and has the same shape.

        The substreams of many cameras are squeezed to another shape. A main stream that was not seen yet counts as 16:9.
        """
        sub = self.shape(substream_id(streams.camera), streams.sub) or ASSUMED
        box = QUALITIES[quality]
        main = self.shape(streams.camera, streams.main) or Shape("", box.width, box.height)
        scale = min(box.width / main.width, box.height / main.height, 1.0)
        is_large = min(sub.width / (main.width * scale), sub.height / (main.height * scale)) >= 1 - TOLERANCE
        return is_large and abs(sub.width * main.height / (sub.height * main.width) - 1) <= TOLERANCE
