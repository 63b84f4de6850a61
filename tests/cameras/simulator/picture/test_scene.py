"""Drawn scenes."""

import cv2
import numpy as np
import pytest

from cameras.simulator import SimulatedCamera, read_clock
from cameras.simulator.picture.canvas import luma
from cameras.simulator.picture.scene import ScenePicture
from cameras.simulator.picture.scenes import SCENES

NOW = 1_763_812_345_678


def _picture(scene: str, width: int, height: int) -> ScenePicture:
    return ScenePicture(SimulatedCamera("Somewhere", "somewhere", scene=scene), width, height)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (64, 64), (64, 720), (1922, 66)])
def test_a_scene_draws_at_any_size(scene: str, size: tuple[int, int]) -> None:
    picture = _picture(scene, *size)
    for now_ms in range(NOW, NOW + 60_000, 7_000):
        frame = cv2.cvtColor(picture.draw(now_ms), cv2.COLOR_YUV2BGR_I420)
        assert frame.shape == (size[1], size[0], 3)
        assert size[1] < 100 or read_clock(frame) == now_ms % (1 << 32)


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_moves_and_is_the_same_at_the_same_time(scene: str) -> None:
    first, again = _picture(scene, 640, 360), _picture(scene, 640, 360)
    before = first.draw(NOW).copy()
    assert np.array_equal(before, again.draw(NOW))
    # Between the clock strip and the caption, only the moving object can differ.
    after = first.draw(NOW + 5_000)
    assert not np.array_equal(luma(before)[30:310], luma(after)[30:310])


def test_scenes_differ() -> None:
    pictures = {_picture(scene, 320, 180).draw(NOW).tobytes() for scene in SCENES}
    assert len(pictures) == len(SCENES)
