"""A drawn picture: a still background, a moving object and a caption.

Black and white blocks along the top, the clock strip, tell programs when it was drawn.
"""

import zlib
from functools import lru_cache

import numpy as np

from ..camera import SimulatedCamera
from ..stream import Yuv
from .canvas import Bgr, paste, stamp, to_yuv
from .caption import Caption
from .movers import MOVERS, Mover
from .scenes import SCENES


class ScenePicture:
    """The pictures of a camera that shows a drawn scene, `width` x `height` pixels.

    The still background, with the camera's name, is drawn once. `draw` copies it into an array, adds the moving object,
    the time and the clock strip, and returns the array, which is the same for each call.
    """

    def __init__(self, camera: SimulatedCamera, width: int, height: int) -> None:
        names = sorted(SCENES)
        scene = camera.scene or names[zlib.crc32(camera.path.encode()) % len(names)]
        background = _background(scene, width, height).copy()
        self._caption = Caption(camera.name, width, height)
        self._caption.draw_bar(background)
        self._mover = Mover(MOVERS[scene], background)
        self._background = to_yuv(background)
        self._picture = np.empty_like(self._background)

    def draw(self, now_ms: int) -> Yuv:
        np.copyto(self._picture, self._background)
        patch, x, y = self._mover.draw(now_ms)
        paste(self._picture, patch, x, y)
        self._caption.draw_clock(self._picture, now_ms)
        stamp(self._picture, now_ms)
        return self._picture


@lru_cache(maxsize=16)
def _background(scene: str, width: int, height: int) -> Bgr:
    return SCENES[scene](width, height)
