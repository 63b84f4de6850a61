"""Start and end of a simulator."""

import gc
import socket
import threading

import pytest

from cameras.simulator import SimulatedCamera, Simulator, default_cameras

from ..clients import RtspSocket

pytestmark = pytest.mark.timeout(60)


def test_close_leaves_no_thread_no_listener_and_no_connection() -> None:
    before = set(threading.enumerate())
    with Simulator() as simulator:
        camera = simulator.add(SimulatedCamera("Front door", "front-door", 320, 180))
        with RtspSocket(camera.url) as client:
            client.play()
            client.rtp()
            simulator.close()
            assert client.is_closed()
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", simulator.port))
    assert camera.connections == 0


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_connection_that_is_being_accepted_is_closed() -> None:
    for _ in range(20):
        simulator = Simulator()
        with socket.create_connection(("127.0.0.1", simulator.port)):
            simulator.close()
    gc.collect()


def test_a_second_close_does_nothing() -> None:
    simulator = Simulator()
    simulator.close()
    simulator.close()


def test_a_port_in_use_is_an_os_error(simulator: Simulator) -> None:
    before = set(threading.enumerate())
    with pytest.raises(OSError, match="in use"):
        Simulator(simulator.port)
    assert set(threading.enumerate()) <= before


def test_the_encoder_is_idle_without_viewers(camera: SimulatedCamera) -> None:
    with RtspSocket(camera.url) as client:
        client.play()
        first = client.rtp()
    with RtspSocket(camera.url) as client:
        client.play()
        assert client.rtp()[12:] == first[12:]


def test_default_cameras_have_different_names_slugs_and_scenes() -> None:
    cameras = default_cameras(6)
    assert [camera.name for camera in cameras] == [
        "Front door",
        "Car park",
        "Loading dock",
        "Garden",
        "Camera 5",
        "Camera 6",
    ]
    assert [camera.path for camera in cameras[:2]] == ["front-door", "car-park"]
    assert len({camera.scene for camera in cameras[:4]}) == 4
    assert len(default_cameras(1)) == 1
