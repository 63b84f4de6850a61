"""A video file in a loop. The time of drawing is written onto each frame, as the blocks of the clock strip."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ..stream import Yuv
from .canvas import stamp

FALLBACK_RATE = Fraction(25)


class NotAVideo(ValueError):
    """The file is missing or is not a readable video."""

    def __init__(self, file: Path | str) -> None:
        super().__init__(f"{file} is missing or is not a readable video")


class ClipPicture:
    """Reads a video file in a loop: each `draw` returns the next frame, however much time has passed.

    `width` and `height` are pixels; 0 means the file's own, rounded down to an even number. The attribute `rate` has
    the file's frames per second, or 25 if they are unknown. Raises NotAVideo if the file is missing or unreadable.
    """

    def __init__(self, file: Path | str, width: int = 0, height: int = 0) -> None:
        if not Path(file).is_file():
            raise NotAVideo(file)
        self._file = str(file)
        self.rate = FALLBACK_RATE
        self._frames = self._loop()
        try:
            first = next(self._frames)
        except av.FFmpegError as error:
            raise NotAVideo(file) from error
        self.width = width or first.width // 2 * 2
        self.height = height or first.height // 2 * 2

    def draw(self, now_ms: int) -> Yuv:
        """Returns the file's next frame. `now_ms`, Unix milliseconds, is drawn over its top as black and white blocks.

        Raises av.FFmpegError or NotAVideo if the file cannot be read any more, and StopIteration at each later call.
        """
        frame = next(self._frames)
        plain = frame.reformat(
            self.width, self.height, format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG"
        )
        # A copy, because the decoder still uses its frame.
        picture = plain.to_ndarray().astype(np.uint8)
        stamp(picture, now_ms)
        return picture

    def _loop(self) -> Iterator[av.VideoFrame]:
        """Yields the file's frames, again and again. Raises NotAVideo if it has none, av.FFmpegError if unreadable.

        Each round opens the file again, because not all formats can seek.
        """
        while True:
            frame = None
            with av.open(self._file) as container:
                if not container.streams.video:
                    raise NotAVideo(self._file)
                stream = container.streams.video[0]
                self.rate = stream.average_rate or self.rate
                for frame in container.decode(stream):
                    yield frame
            if frame is None:
                raise NotAVideo(self._file)
