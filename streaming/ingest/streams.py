"""The streams of a camera: the main one, and a smaller substream if it has an address. Which of them serves a quality?

A quality is what viewers choose, such as "low". Each stream is read under an id of its own: the main one under the
camera's id, the substream under `<camera's id>/sub`. Within a stream, the quality `original` is that stream's own
video: as the camera sends it, or as JPEG if that cannot be passed on.
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
    """Returns the id of the camera to which the stream with the id `stream` belongs."""
    return stream.removesuffix(_SUFFIX)


def is_substream(stream: str) -> bool:
    return stream.endswith(_SUFFIX)


class Shape(NamedTuple):
    """Codec and picture size of the video that a camera sends in one stream."""

    codec: str  # FFmpeg's name
    width: int  # pixels
    height: int


ASSUMED = Shape("h264", 640, 360)  # a substream that was not seen yet


@dataclass(frozen=True)
class Streams:
    """A camera's id, and the address and credentials of each of its streams. `sub`: the substream, None without one."""

    camera: str
    main: CameraSource
    sub: CameraSource | None = None


@dataclass(frozen=True)
class Target:
    """The stream that serves a quality, and the quality to take from it.

    `quality` and `name` differ only for "sub", which is the "original" of the substream.
    """

    id: str  # of the stream
    source: CameraSource
    quality: str  # within the stream
    name: str  # of the quality, as viewers know it

    @property
    def is_sub(self) -> bool:
        return is_substream(self.id)


class KnownStreams:
    """A worker's knowledge of cameras' streams: codec, picture size and rates, and which could not be opened.

    The facts of a stream are valid only while its source is the same, and a failure for 60 s at most.
    """

    def __init__(self) -> None:
        self._shapes: dict[str, tuple[CameraSource, Shape]] = {}
        self._rates: dict[str, tuple[CameraSource, float, float]] = {}  # frames/s and kbit/s when last read
        self._failed: dict[str, tuple[CameraSource, float]] = {}  # with time.monotonic() until which it counts

    def learn(self, stream: str, source: CameraSource, shape: Shape) -> None:
        """Remember the codec and the size of the stream with the id `stream`. It no longer counts as failed."""
        self._shapes[stream] = source, shape
        self._failed.pop(stream, None)

    def measure(self, stream: str, source: CameraSource, rate: float, kbps: float) -> None:
        """Remember a stream's measured rates: frames/s and kbit/s. Does nothing while `kbps` is 0: not known."""
        if kbps:
            self._rates[stream] = source, rate, kbps

    def facts(self, streams: Streams) -> dict[str, dict[str, object]]:
        """Returns what is known of the video of each stream of a camera, under "original" (main stream) and "sub".

        Each has codec, width and height in pixels, frames_per_second and kbps; the last two are 0 if they are not
        known. A stream of unknown size is left out.
        """
        found: dict[str, dict[str, object]] = {}
        sources = ((ORIGINAL, streams.camera, streams.main), (SUB, substream_id(streams.camera), streams.sub))
        for quality, id, source in sources:
            if source is not None and (shape := self.shape(id, source)) is not None:
                of, rate, kbps = self._rates.get(id, (source, 0.0, 0.0))
                rates = (rate, kbps) if of == source else (0.0, 0.0)
                found[quality] = {**shape._asdict(), "frames_per_second": round(rates[0], 1), "kbps": round(rates[1])}
        return found

    def fail(self, stream: str, source: CameraSource) -> None:
        """Remember that the stream could not be opened.

        A substream is then not used for `FAILED_FOR` seconds, unless `learn` is called before. A main stream is used
        all the same.
        """
        self._failed[stream] = source, time.monotonic() + FAILED_FOR

    def shape(self, stream: str, source: CameraSource | None) -> Shape | None:
        """Returns codec and picture size of the stream's video. None: not known for this source."""
        known = self._shapes.get(stream)
        return known[1] if known and known[0] == source else None

    def has_substream(self, streams: Streams) -> bool:
        """Returns whether the camera has a substream that did not fail in the last `FAILED_FOR` seconds."""
        failed, until = self._failed.get(substream_id(streams.camera), (None, 0.0))
        return streams.sub is not None and not (failed == streams.sub and time.monotonic() < until)

    def target(self, streams: Streams, quality: str) -> Target:
        """Returns the stream that serves `quality`, a key of QUALITIES or "sub".

        The main stream serves "original", the substream "sub". The substream serves each other quality for which it
        `_is_large_enough`, else the main stream does. If `has_substream` is False, the main stream serves all
        qualities. "sub" then becomes "low", also as the target's `name`.
        """
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
        """Whether a JPEG of `quality` (a key of QUALITIES, which limits the JPEG's size) from the substream is as
        large as one from the main stream, and has the same aspect ratio. Allows differences of 3%.

        The substreams of many cameras are squeezed to another ratio. A main stream of unknown size counts as
        the full size of `quality`, which is 16:9. A substream of unknown size counts as 640 x 360.
        """
        sub = self.shape(substream_id(streams.camera), streams.sub) or ASSUMED
        box = QUALITIES[quality]
        main = self.shape(streams.camera, streams.main) or Shape("", box.width, box.height)
        scale = min(box.width / main.width, box.height / main.height, 1.0)
        is_large = min(sub.width / (main.width * scale), sub.height / (main.height * scale)) >= 1 - TOLERANCE
        return is_large and abs(sub.width * main.height / (sub.height * main.width) - 1) <= TOLERANCE
