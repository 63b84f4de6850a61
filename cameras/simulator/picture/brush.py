"""Draws shapes with coordinates as fractions of the picture, so that a scene looks the same at any size."""

from collections.abc import Sequence

import cv2
import numpy as np

from .canvas import Bgr

Color = tuple[int, int, int]
"""Blue, green, red."""

Point = tuple[float, float]
"""Across and down, 0 to 1."""

FONT = cv2.FONT_HERSHEY_SIMPLEX

SHIFT = 4
"""Bits of subpixel precision."""


class Brush:
    """Draws antialiased shapes onto one image, in place. Positions are fractions of its width and height."""

    def __init__(self, image: Bgr) -> None:
        self.image = image
        self._height, self._width = image.shape[:2]

    def polygon(self, color: Color, *points: Point) -> None:
        pixels = np.array([self._pixel(point) for point in points], np.int32)
        cv2.fillPoly(self.image, [pixels], color, cv2.LINE_AA, SHIFT)

    def box(self, color: Color, left: float, top: float, right: float, bottom: float) -> None:
        self.polygon(color, (left, top), (right, top), (right, bottom), (left, bottom))

    def lines(self, color: Color, thickness: float, *points: Point) -> None:
        """Draw a line through the points. `thickness` is a fraction of the image's height."""
        pixels = np.array([self._pixel(point) for point in points], np.int32)
        width = max(1, round(thickness * self._height))
        cv2.polylines(self.image, [pixels], False, color, width, cv2.LINE_AA, SHIFT)

    def ellipse(self, color: Color, center: Point, across: float, down: float) -> None:
        """Draw a filled ellipse. `across` and `down` are half-axes, as fractions of the image's width and height."""
        axes = (max(1, round(across * self._width * 16)), max(1, round(down * self._height * 16)))
        cv2.ellipse(self.image, self._pixel(center), axes, 0, 0, 360, color, -1, cv2.LINE_AA, SHIFT)

    def gradient(self, top: float, bottom: float, colors: Sequence[Color]) -> None:
        """Fill the image from `top` to `bottom`, fractions of its height, with a vertical gradient of the colors."""
        first, last = round(top * self._height), round(bottom * self._height)
        places = np.linspace(0, 1, len(colors))
        rows = np.linspace(0, 1, last - first)
        channels = [np.interp(rows, places, [color[channel] for color in colors]) for channel in range(3)]
        self.image[first:last] = np.stack(channels, axis=1)[:, np.newaxis].astype(np.uint8)

    def text(self, words: str, color: Color, place: Point, size: float) -> None:
        """Write words. `place` is their lower left corner, `size` the capitals' height as a fraction of the image's."""
        scale = size * self._height / 22
        x, y = (coordinate >> SHIFT for coordinate in self._pixel(place))
        thickness = max(1, round(scale * 2))
        cv2.putText(self.image, words, (x, y), FONT, scale, color, thickness, cv2.LINE_AA)

    def _pixel(self, point: Point) -> tuple[int, int]:
        return round(point[0] * self._width * (1 << SHIFT)), round(point[1] * self._height * (1 << SHIFT))


def finish(image: Bgr, seed: int) -> Bgr:
    """Returns a copy of `image` with the softness, dark corners and grain of a camera's picture.

    `seed` determines the grain. Only for still backgrounds: grain that does not change costs the encoder few bits.
    """
    height, width = image.shape[:2]
    soft = cv2.GaussianBlur(image, (0, 0), max(0.1, height / 1200)).astype(np.float32)
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    vignette = (1 - 0.22 * (across**2 + down**2) / 2).astype(np.float32)
    grain = np.random.default_rng(seed).normal(0, 3.0, (height, width)).astype(np.float32)
    finished: Bgr = np.clip(soft * vignette[..., None] + grain[..., None], 0, 255).astype(np.uint8)
    return finished
