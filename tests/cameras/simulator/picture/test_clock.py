"""The clock strip is readable after scaling and compression."""

import cv2
import numpy as np
import pytest

from cameras.simulator import age_ms, draw_clock, read_clock
from cameras.simulator.picture.clock import WRAP

NOW = 1_763_812_345_678


def _photograph(now_ms: int, size: tuple[int, int] = (1280, 720)) -> np.ndarray:
    picture = np.full((size[1], size[0], 3), 120, np.uint8)
    draw_clock(picture, now_ms)
    return picture


@pytest.mark.parametrize("now_ms", [NOW, NOW + 1, 1, WRAP - 2, 0xAAAAAAAA])
def test_the_clock_is_readable(now_ms: int) -> None:
    assert read_clock(_photograph(now_ms)) == now_ms % WRAP


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (320, 180), (426, 240), (1920, 1080)])
def test_the_clock_is_readable_in_a_scaled_jpeg(size: tuple[int, int]) -> None:
    small = cv2.resize(_photograph(NOW), size, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 70])
    decoded = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    assert decoded is not None
    assert read_clock(decoded) == NOW % WRAP


def test_the_clock_is_readable_in_gray() -> None:
    assert read_clock(cv2.cvtColor(_photograph(NOW), cv2.COLOR_BGR2GRAY)) == NOW % WRAP


@pytest.mark.parametrize("shade", [0, 120, 255])
def test_a_picture_of_one_color_has_no_clock(shade: int) -> None:
    assert read_clock(np.full((720, 1280, 3), shade, np.uint8)) is None


def test_one_ambiguous_block_makes_the_clock_unreadable() -> None:
    picture = _photograph(NOW)
    picture[:45, :40] = 128
    assert read_clock(picture) is None


def test_a_picture_too_small_for_a_strip_has_no_clock() -> None:
    assert read_clock(np.zeros((8, 16), np.uint8)) is None


def test_age_is_the_time_since_drawing() -> None:
    assert age_ms(_photograph(NOW), NOW + 61.5) == pytest.approx(61.5)


def test_the_age_is_right_across_the_wrap() -> None:
    assert age_ms(_photograph(WRAP - 20), WRAP + 30) == pytest.approx(50)


def test_a_picture_from_the_future_has_a_negative_age() -> None:
    assert age_ms(_photograph(NOW), NOW - 5) == pytest.approx(-5)


def test_an_unreadable_picture_has_no_age() -> None:
    assert age_ms(np.zeros((720, 1280, 3), np.uint8), NOW) is None
