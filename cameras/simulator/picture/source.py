"""The source of a camera's pictures: a drawn scene or a clip."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from ..camera import SimulatedCamera
from ..stream import Codec, StreamFormat, Yuv, check_format
from .clip import ClipPicture
from .scene import ScenePicture


class Picture(Protocol):
    def draw(self, now_ms: int) -> Yuv:
        """Returns the next picture: a drawn scene at `now_ms`, Unix milliseconds, or a clip's next frame, whatever
        the time. The clock strip shows `now_ms`. The next call may overwrite the array."""


@dataclass(frozen=True, eq=False)
class Source:
    picture: Picture
    stream: StreamFormat


def open_source(camera: SimulatedCamera, codec: Codec, width: int, height: int) -> Source:
    """Open the source of the camera's pictures, a drawn scene or its clip, and determine the stream's format.

    `width` and `height` are pixels; 0 means the clip's own, and is not allowed for a drawn scene. Raises
    clip.NotAVideo if the clip is missing or unreadable, and ValueError if a stream of this codec cannot have the size.
    """
    if camera.file is None:
        picture = ScenePicture(camera, width, height)
        return Source(picture, _stream(camera, codec, width, height, Fraction(camera.fps)))
    clip = ClipPicture(camera.file, width, height)
    return Source(clip, _stream(camera, codec, clip.width, clip.height, clip.rate))


def _stream(camera: SimulatedCamera, codec: Codec, width: int, height: int, rate: Fraction) -> StreamFormat:
    check_format(codec, camera.transport, camera.slices, width, height)
    return StreamFormat(
        width,
        height,
        rate,
        camera.bit_rate,
        camera.gop_seconds,
        codec,
        camera.b_frames,
        camera.slices,
        camera.intra_refresh,
        camera.open_gop,
        camera.profile,
    )
