"""The caption in the lower left corner of a drawn scene: a running clock and the camera's name."""

import time

import cv2
import numpy as np

from ..stream import Yuv
from .brush import FONT
from .canvas import WHITE, Bgr, luma

CLOCK_CHARACTERS = "0123456789:."
CLOCK_LENGTH = len("HH:MM:SS.mmm")
OPACITY = 0.55


class Caption:
    """Draws the camera's name once into the background, and the time of day into each frame, from prepared glyphs.

    `width` and `height` are the picture's, in pixels.
    """

    def __init__(self, name: str, width: int, height: int) -> None:
        self._name = name
        self._scale = height / 900
        self._thickness = max(1, height // 400)
        self._line = max(10, round(height / 18))
        self._top = height - self._line - height // 36
        self._left = height // 36
        self._pad = self._line // 3
        (digit, _), _ = cv2.getTextSize("0", FONT, self._scale, self._thickness)
        self._cell = digit + 1
        self._clock_right = self._left + self._pad + self._cell * CLOCK_LENGTH
        self._fits = self._clock_right <= width
        self._glyphs = {character: self._glyph(character) for character in CLOCK_CHARACTERS}

    def draw_bar(self, background: Bgr) -> None:
        """Darken the caption's area in `background` and write the camera's name there, in place."""
        (name_width, _), _ = cv2.getTextSize(self._name, FONT, self._scale, self._thickness)
        name_left = self._clock_right + 2 * self._pad
        bar = background[self._top : self._top + self._line, self._left : name_left + name_width + self._pad]
        bar[:] = (bar * (1 - OPACITY)).astype(np.uint8)
        origin = (name_left, self._baseline(self._top))
        self._write(background, self._name, origin)

    def draw_clock(self, picture: Yuv, now_ms: int) -> None:
        """Write the local time of `now_ms`, Unix milliseconds, unless the picture is too narrow."""
        if not self._fits:
            return
        seconds, milliseconds = divmod(now_ms, 1000)
        text = f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{milliseconds:03d}"
        glyphs = np.hstack([self._glyphs[character] for character in text])
        left = self._left + self._pad
        place = luma(picture)[self._top : self._top + self._line, left : left + glyphs.shape[1]]
        np.maximum(place, glyphs, out=place)

    def _write(self, image: Bgr, words: str, origin: tuple[int, int]) -> None:
        cv2.putText(image, words, origin, FONT, self._scale, (WHITE,) * 3, self._thickness, cv2.LINE_AA)

    def _baseline(self, top: int) -> int:
        (_, height), _ = cv2.getTextSize("0", FONT, self._scale, self._thickness)
        return top + (self._line + height) // 2

    def _glyph(self, character: str) -> Yuv:
        cell = np.zeros((self._line, self._cell), np.uint8)
        (width, _), _ = cv2.getTextSize(character, FONT, self._scale, self._thickness)
        origin = ((self._cell - width) // 2, self._baseline(0))
        self._write(cell, character, origin)
        return cell
