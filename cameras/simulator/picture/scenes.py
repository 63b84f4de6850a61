"""Draws the still backgrounds of the simulated cameras: four places."""

from collections.abc import Callable

import numpy as np

from .brush import Brush, Color, finish
from .canvas import Bgr

Foot = tuple[float, float, float]
"""The base of a shape: left, right, and vertical position."""


def draw_front_door(width: int, height: int) -> Bgr:
    brush = _blank(width, height)
    brush.gradient(0, 0.16, [(214, 186, 150), (226, 214, 196)])
    brush.gradient(0.16, 0.58, [(132, 158, 178), (150, 176, 194)])
    for row in np.arange(0.18, 0.58, 0.032):
        brush.lines((128, 152, 170), 0.002, (0, row), (1, row))
    brush.box((78, 80, 92), 0, 0.13, 1, 0.165)
    _window(brush, 0.10, 0.24, 0.30, 0.46)
    _window(brush, 0.72, 0.24, 0.92, 0.46)
    _door(brush)
    brush.gradient(0.58, 1, [(86, 136, 112), (64, 118, 88), (52, 96, 72)])
    _foliage(brush, (54, 96, 62), (0.0, 0.40, 0.58), 0.05, 60, seed=3)
    _foliage(brush, (54, 96, 62), (0.62, 1.0, 0.58), 0.05, 60, seed=4)
    brush.polygon((168, 178, 184), (0.43, 0.59), (0.57, 0.59), (0.74, 1), (0.24, 1))
    for row in (0.63, 0.68, 0.75, 0.84, 0.95):
        spread = (row - 0.59) / 0.41
        brush.lines((148, 158, 164), 0.004, (0.43 - 0.19 * spread, row), (0.57 + 0.17 * spread, row))
    brush.polygon((158, 160, 162), (0, 0.76), (1, 0.76), (1, 0.87), (0, 0.87))
    brush.lines((132, 134, 138), 0.004, (0, 0.76), (1, 0.76))
    brush.lines((132, 134, 138), 0.006, (0, 0.87), (1, 0.87))
    return finish(brush.image, seed=1)


def draw_car_park(width: int, height: int) -> Bgr:
    brush = _blank(width, height)
    brush.gradient(0, 0.31, [(206, 176, 142), (228, 216, 202)])
    for left, top, right, shade in ((0.0, 0.12, 0.22, 150), (0.22, 0.17, 0.42, 164), (0.66, 0.10, 1.0, 146)):
        _office(brush, left, top, right, shade)
    _foliage(brush, (72, 104, 78), (0.0, 1.0, 0.29), 0.035, 130, seed=5)
    brush.gradient(0.31, 1, [(128, 126, 124), (104, 102, 100), (84, 82, 82)])
    brush.box((148, 150, 152), 0, 0.305, 1, 0.325)
    for index, color in enumerate(PAINTS):
        _parked_car(brush, color, 0.06 + index * 0.165, 0.42)
    for index in range(-3, 11):
        far, near = 0.04 + index * 0.12075, -0.475 + index * 0.2475
        brush.lines((206, 210, 212), 0.005, (far, 0.67), (near, 1.0))
    brush.lines((206, 210, 212), 0.004, (0, 0.67), (1, 0.67))
    for left in np.arange(0.02, 1, 0.12):
        brush.box((196, 202, 206), left, 0.535, left + 0.06, 0.542)
    _lamp(brush, 0.56)
    return finish(brush.image, seed=2)


def draw_loading_dock(width: int, height: int) -> Bgr:
    brush = _blank(width, height)
    brush.gradient(0, 0.62, [(142, 140, 136), (164, 162, 156)])
    for column in np.arange(0, 1, 0.0125):
        brush.lines((150, 147, 142), 0.001, (column, 0.06), (column, 0.6))
    brush.box((84, 92, 104), 0, 0.06, 1, 0.12)
    brush.box((96, 112, 128), 0, 0.56, 1, 0.62)
    for number, left in enumerate((0.07, 0.385, 0.70), start=1):
        _roller_door(brush, left, left + 0.23, number)
    brush.gradient(0.62, 1, [(136, 140, 142), (118, 122, 126), (98, 102, 108)])
    for across in (-0.5, 0.02, 0.345, 0.655, 0.98, 1.5):
        brush.lines((60, 176, 212), 0.008, (across, 0.62), (0.5 + (across - 0.5) * 1.9, 1.0))
    brush.lines((60, 176, 212), 0.006, (0, 0.68), (1, 0.68))
    _pallets(brush, 0.02, 0.70)
    _pallets(brush, 0.92, 0.72)
    return finish(brush.image, seed=3)


def draw_garden(width: int, height: int) -> Bgr:
    brush = _blank(width, height)
    brush.gradient(0, 0.3, [(222, 188, 146), (232, 218, 196)])
    _foliage(brush, (104, 134, 104), (0.0, 1.0, 0.26), 0.06, 90, seed=6)
    brush.box((84, 108, 122), 0, 0.275, 1, 0.44)
    for left in np.arange(0, 1, 0.022):
        brush.box((116, 146, 166), left, 0.27, left + 0.019, 0.44)
    brush.box((98, 126, 146), 0, 0.30, 1, 0.315)
    brush.gradient(0.43, 1, [(96, 160, 128), (78, 146, 110), (58, 116, 86)])
    for stripe in range(-6, 14, 2):
        far, near = 0.18 + 0.08 * stripe, -0.4 + 0.26 * stripe
        brush.polygon((84, 152, 118), (far, 0.44), (far + 0.08, 0.44), (near + 0.26, 1), (near, 1))
    brush.ellipse((112, 138, 150), (0.70, 0.62), 0.16, 0.065)
    brush.ellipse((168, 146, 112), (0.70, 0.615), 0.145, 0.054)
    brush.ellipse((190, 170, 138), (0.67, 0.605), 0.07, 0.018)
    _tree(brush, 0.16, 0.56, 0.16)
    _tree(brush, 0.90, 0.50, 0.10)
    _flowers(brush)
    return finish(brush.image, seed=4)


PAINTS: tuple[Color, ...] = (
    (150, 146, 142),
    (112, 92, 70),
    (70, 66, 64),
    (90, 96, 150),
    (186, 186, 184),
    (120, 130, 96),
)


def _blank(width: int, height: int) -> Brush:
    return Brush(np.zeros((height, width, 3), np.uint8))


def _window(brush: Brush, left: float, top: float, right: float, bottom: float) -> None:
    brush.box((214, 220, 222), left - 0.008, top - 0.014, right + 0.008, bottom + 0.014)
    brush.box((122, 104, 86), left, top, right, bottom)
    brush.polygon((152, 134, 114), (left, top), ((left + right) / 2, top), (left, bottom))
    middle = (left + right) / 2
    brush.lines((214, 220, 222), 0.01, (middle, top), (middle, bottom))
    brush.box((186, 194, 198), left - 0.014, bottom + 0.014, right + 0.014, bottom + 0.03)


def _door(brush: Brush) -> None:
    brush.box((206, 212, 214), 0.425, 0.205, 0.575, 0.58)
    brush.box((92, 74, 48), 0.44, 0.23, 0.56, 0.58)
    for left, right in ((0.452, 0.494), (0.506, 0.548)):
        brush.box((78, 60, 38), left, 0.26, right, 0.37)
        brush.box((78, 60, 38), left, 0.40, right, 0.55)
    brush.ellipse((90, 190, 214), (0.548, 0.41), 0.005, 0.009)
    brush.text("12", (120, 200, 214), (0.487, 0.252), 0.014)
    brush.ellipse((196, 232, 244), (0.595, 0.29), 0.008, 0.022)
    brush.box((176, 182, 186), 0.415, 0.575, 0.585, 0.60)


def _office(brush: Brush, left: float, top: float, right: float, shade: int) -> None:
    brush.box((shade, shade - 4, shade - 10), left, top, right, 0.32)
    for row in np.arange(top + 0.03, 0.27, 0.045):
        for column in np.arange(left + 0.012, right - 0.02, 0.028):
            brush.box((shade + 26, shade + 8, shade - 14), column, row, column + 0.016, row + 0.024)


def _parked_car(brush: Brush, color: Color, left: float, bottom: float) -> None:
    right = left + 0.12
    brush.ellipse((74, 72, 72), ((left + right) / 2, bottom), 0.066, 0.012)
    brush.box(color, left, bottom - 0.05, right, bottom - 0.01)
    _trapezium(brush, color, (left + 0.012, right - 0.012, bottom - 0.05), 0.014, 0.038)
    _trapezium(brush, (100, 90, 80), (left + 0.02, right - 0.02, bottom - 0.052), 0.01, 0.028)
    for lamp in (left + 0.004, right - 0.018):
        brush.box((210, 224, 228), lamp, bottom - 0.042, lamp + 0.014, bottom - 0.03)
        brush.box((40, 40, 42), lamp, bottom - 0.012, lamp + 0.016, bottom + 0.002)


def _trapezium(brush: Brush, color: Color, foot: Foot, taper: float, rise: float) -> None:
    """Draw a filled trapezoid. `foot` is its lower side, `rise` its height. The upper corners are `taper` further in.

    Horizontal values, such as `taper`, are fractions of the image's width, vertical ones of its height.
    """
    left, right, base = foot
    top = base - rise
    brush.polygon(color, (left, base), (left + taper, top), (right - taper, top), (right, base))


def _lamp(brush: Brush, across: float) -> None:
    brush.lines((88, 90, 92), 0.007, (across, 0.34), (across, 0.10), (across + 0.05, 0.09))
    brush.box((228, 236, 238), across + 0.035, 0.088, across + 0.06, 0.096)


def _roller_door(brush: Brush, left: float, right: float, number: int) -> None:
    brush.box((62, 66, 72), left - 0.012, 0.20, right + 0.012, 0.62)
    brush.box((178, 180, 180), left, 0.22, right, 0.60)
    for row in np.arange(0.235, 0.6, 0.022):
        brush.lines((156, 158, 160), 0.004, (left, row), (right, row))
    for post in (left - 0.02, right + 0.008):
        for step in range(6):
            color = (50, 190, 230) if step % 2 else (36, 38, 40)
            brush.box(color, post, 0.44 + step * 0.03, post + 0.012, 0.47 + step * 0.03)
    brush.box((70, 78, 120), (left + right) / 2 - 0.02, 0.135, (left + right) / 2 + 0.02, 0.195)
    brush.text(str(number), (232, 234, 236), ((left + right) / 2 - 0.008, 0.182), 0.034)


def _pallets(brush: Brush, left: float, bottom: float) -> None:
    for level in range(3):
        base = bottom - level * 0.055
        brush.box((92, 132, 164), left, base - 0.012, left + 0.075, base)
        brush.box((128, 168, 196), left + 0.004, base - 0.052, left + 0.071, base - 0.012)
        brush.lines((108, 148, 176), 0.003, (left + 0.037, base - 0.052), (left + 0.037, base - 0.012))


def _foliage(brush: Brush, color: Color, foot: Foot, size: float, count: int, seed: int) -> None:
    """Draw `count` leaves. `foot` is the line with the lowest leaf centers. `seed` determines their random places.

    `size` is about a leaf's height, as a fraction of the image's height. The plant is almost twice as high.
    """
    random = np.random.default_rng(seed)
    left, right, base = foot
    for across, rise, shade in random.random((count, 3)):
        blue, green, red = (int(channel * (0.78 + 0.4 * shade)) for channel in color)
        center = (left + (right - left) * across, base - size * rise * 0.8)
        brush.ellipse((blue, green, red), center, size * 0.45, size * 0.55)


def _tree(brush: Brush, across: float, base: float, size: float) -> None:
    brush.ellipse((58, 110, 84), (across, base), size * 0.7, size * 0.16)
    _trapezium(brush, (62, 84, 104), (across - 0.012, across + 0.012, base), 0.006, size * 1.4)
    crown = (across - size * 0.5, across + size * 0.5, base - size * 1.1)
    _foliage(brush, (62, 118, 84), crown, size * 0.9, 70, seed=int(across * 100))


def _flowers(brush: Brush) -> None:
    random = np.random.default_rng(9)
    colors: tuple[Color, ...] = ((86, 92, 208), (96, 196, 232), (196, 132, 190), (226, 228, 230))
    _foliage(brush, (58, 104, 70), (0.0, 0.36, 0.93), 0.05, 60, seed=10)
    for across, rise, kind in random.random((70, 3)):
        brush.ellipse(colors[int(kind * len(colors))], (across * 0.36, 0.94 - rise * 0.06), 0.0035, 0.006)


SCENES: dict[str, Callable[[int, int], Bgr]] = {
    "front-door": draw_front_door,
    "car-park": draw_car_park,
    "loading-dock": draw_loading_dock,
    "garden": draw_garden,
}
"""Each function draws its place at a width and height in pixels."""
