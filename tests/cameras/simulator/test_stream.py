"""A stream as OpenCV reads it."""

import time

import cv2
import pytest

from cameras.simulator import NotOnAir, SimulatedCamera, Simulator, age_ms, read_clock

from .clients import read, wait_until, watch

pytestmark = pytest.mark.timeout(60)

OLDEST_MS = 300


def _catch_up(capture: cv2.VideoCapture) -> float:
    """Read the buffered frames. Returns the age of the first fresh frame in ms."""
    for _ in range(100):
        age = age_ms(read(capture), time.time() * 1000)
        if age is not None and age < OLDEST_MS:
            return age
    pytest.fail("no fresh frame among a hundred")


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (322, 182)])
def test_frames_have_the_cameras_size_and_a_readable_clock(simulator: Simulator, size: tuple[int, int]) -> None:
    camera = simulator.add(SimulatedCamera("Front door", "front-door", *size))
    with watch(camera.url) as capture:
        image = read(capture)
        assert image.shape == (size[1], size[0], 3)
        assert read_clock(image) is not None


@pytest.mark.timing("measures the age of pictures")
def test_frames_are_fresh_after_the_first_buffers(camera: SimulatedCamera) -> None:
    with watch(camera.url) as capture:
        _catch_up(capture)
        ages = [age_ms(read(capture), time.time() * 1000) for _ in range(25)]
        assert all(age is not None and 0 <= age < OLDEST_MS for age in ages)


@pytest.mark.timing("measures a frame rate")
def test_frames_keep_the_cameras_rate(camera: SimulatedCamera) -> None:
    with watch(camera.url) as capture:
        assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(25)
        _catch_up(capture)
        first = read_clock(read(capture))
        later = [read_clock(read(capture)) for _ in range(25)]
        assert first is not None and later[-1] is not None
        assert later[-1] - first == pytest.approx(1000, abs=200)


def test_a_second_viewer_gets_a_picture_from_the_running_stream(camera: SimulatedCamera) -> None:
    with watch(camera.url) as first, watch(camera.url) as second:
        assert read_clock(read(second)) is not None
        assert read_clock(read(first)) is not None


def test_a_viewer_keeps_watching_through_a_resize_and_a_new_one_sees_the_new_size(camera: SimulatedCamera) -> None:
    with watch(camera.url) as capture:
        read(capture)
        camera.resize(640, 360)
        # OpenCV scales pictures to the size of the first one.
        assert all(read_clock(read(capture)) is not None for _ in range(40))
    with watch(camera.url) as capture:
        assert read(capture).shape == (360, 640, 3)
    assert (camera.width, camera.height) == (640, 360)


def test_connections_are_counted_and_return_to_zero(camera: SimulatedCamera) -> None:
    with watch(camera.url) as capture:
        read(capture)
        assert (camera.connections, camera.connections_total) == (1, 1)
    wait_until(lambda: camera.connections == 0)
    assert camera.connections_total == 1


def test_dropped_connections_end_and_new_ones_are_accepted(camera: SimulatedCamera) -> None:
    with watch(camera.url) as capture:
        read(capture)
        camera.drop_connections()
        while capture.read()[0]:
            pass
    with watch(camera.url) as capture:
        read(capture)


def test_several_cameras_of_one_simulator_stream_at_once(simulator: Simulator, camera: SimulatedCamera) -> None:
    other = simulator.add(SimulatedCamera("Garden", "garden", 640, 360))
    with watch(camera.url) as first, watch(other.url) as second:
        assert (read(first).shape, read(second).shape) == ((180, 320, 3), (360, 640, 3))


def test_a_removed_camera_is_not_found(simulator: Simulator, camera: SimulatedCamera) -> None:
    url = camera.url
    with watch(url) as capture:
        read(capture)
        simulator.remove(camera)
        while capture.read()[0]:
            pass
    with watch(url) as capture:
        assert not capture.isOpened()
    with pytest.raises(NotOnAir):
        camera.drop_connections()


@pytest.mark.parametrize("settings", [{"path": "no/slug"}, {"width": 641}, {"height": 20}, {"fps": 0}, {"bit_rate": 0}])
def test_an_impossible_camera_is_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        SimulatedCamera(**{"name": "Any", "path": "any", "width": 640, "height": 360, **settings})  # type: ignore[arg-type]


def test_two_cameras_cannot_share_a_path(simulator: Simulator, camera: SimulatedCamera) -> None:
    with pytest.raises(ValueError, match="front-door"):
        simulator.add(SimulatedCamera("Another", camera.path))
