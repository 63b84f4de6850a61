"""A camera that sends pictures over HTTP."""

import re
import socket
import time
from urllib.parse import urlsplit

import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator, read_clock

from ..clients import SOCKET_TIMEOUT, TIMEOUT_MS, RtspSocket, fourcc, read, read_raw, read_to_the_end, wait_until, watch

pytestmark = pytest.mark.timeout(60)

TIMEOUT = TIMEOUT_MS / 1000
SLACK = 1.5
"""Seconds that a busy machine may need beyond a timeout."""


@pytest.fixture
def web(simulator: Simulator) -> SimulatedCamera:
    return simulator.add(SimulatedCamera("Yard", "yard", 640, 360, 15, transport="http"))


def _get(url: str, method: str = "GET") -> socket.socket:
    place = urlsplit(url)
    client = socket.create_connection((place.hostname, place.port), timeout=SOCKET_TIMEOUT)
    client.sendall(f"{method} {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
    return client


def test_opencv_shows_the_clock_and_its_connection_is_counted(web: SimulatedCamera) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/yard", web.url)
    assert web.codec == "mjpeg"
    with watch(web.url) as capture:
        images = [read(capture) for _ in range(6)]
        assert (web.connections, web.connections_total) == (1, 1)
    assert all(image.shape == (360, 640, 3) and read_clock(image) is not None for image in images)
    wait_until(lambda: web.connections == 0)
    assert web.connections_total == 1


def test_each_raw_read_is_a_jpeg_file(web: SimulatedCamera) -> None:
    with watch(web.url, raw=True) as capture:
        assert fourcc(capture) == "MJPG"
        for packet in read_raw(capture, 5):
            assert packet.key
            assert packet.data.startswith(b"\xff\xd8") and packet.data.endswith(b"\xff\xd9")


def test_pictures_are_parts_of_one_endless_answer(web: SimulatedCamera) -> None:
    with _get(web.url) as client, client.makefile("rb") as stream:
        assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
        headers = b"".join(iter(stream.readline, b"\r\n"))
        assert b"Content-Type: multipart/x-mixed-replace; boundary=picture\r\n" in headers
        for _ in range(3):
            assert stream.readline() == b"--picture\r\n"
            assert stream.readline() == b"Content-Type: image/jpeg\r\n"
            length = int(stream.readline().removeprefix(b"Content-Length: "))
            assert stream.readline() == b"\r\n"
            picture = stream.read(length)
            assert picture.startswith(b"\xff\xd8") and picture.endswith(b"\xff\xd9")
            assert stream.readline() == b"\r\n"


def test_any_size_is_allowed(simulator: Simulator) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 642, 362, codec="mjpeg", transport="http"))
    with watch(camera.url) as capture:
        assert read(capture).shape == (362, 642, 3)
        camera.resize(322, 182)
    with watch(camera.url) as capture:
        assert read(capture).shape == (182, 322, 3)


@pytest.mark.parametrize(("password", "opens"), [("s3cret", True), ("wrong", False)])
def test_the_password_is_required(simulator: Simulator, password: str, opens: bool) -> None:
    camera = simulator.add(
        SimulatedCamera("Yard", "yard", 640, 360, transport="http", username="admin", password="s3cret")
    )
    with watch(camera.url.replace("http://", f"http://admin:{password}@")) as capture:
        assert capture.isOpened() is opens
    assert camera.connections_total == int(opens)


@pytest.mark.timing("measures how soon an opening or a read fails")
@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.UNAUTHORIZED])
def test_open_fails_at_once_and_a_running_stream_ends(web: SimulatedCamera, fault: Fault) -> None:
    with watch(web.url) as capture:
        read(capture)
        web.fault = fault
        assert read_to_the_end(capture) < TIMEOUT - 0.1
    started = time.monotonic()
    with watch(web.url) as capture:
        assert not capture.isOpened()
    assert time.monotonic() - started < TIMEOUT - 0.1


@pytest.mark.timing("measures the timeout of an opening or a read")
@pytest.mark.parametrize("fault", [Fault.HANG, Fault.SILENT])
def test_open_fails_after_its_timeout(web: SimulatedCamera, fault: Fault) -> None:
    web.fault = fault
    started = time.monotonic()
    with watch(web.url) as capture:
        assert not capture.isOpened()
    assert TIMEOUT - 0.1 < time.monotonic() - started < TIMEOUT + SLACK
    wait_until(lambda: web.connections == 0)


@pytest.mark.timing("measures the timeout of an opening or a read")
@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.TRICKLE])
def test_a_running_stream_continues_after_a_fault_is_cleared(web: SimulatedCamera, fault: Fault) -> None:
    with watch(web.url) as capture:
        read(capture)
        web.fault = fault
        web.fault = Fault.NONE
        assert all(read_clock(read(capture)) is not None for _ in range(5))
        web.fault = fault
        assert TIMEOUT - 0.1 < read_to_the_end(capture) < TIMEOUT + SLACK


@pytest.mark.timing("measures two seconds")
def test_a_dropping_camera_plays_two_seconds(web: SimulatedCamera) -> None:
    web.fault = Fault.DROP
    started = time.monotonic()
    with _get(web.url) as client:
        while client.recv(65536):
            pass
    assert time.monotonic() - started == pytest.approx(2, abs=0.5)


def test_every_nth_picture_is_truncated_or_lost(simulator: Simulator) -> None:
    settings = SimulatedCamera("Yard", "yard", 640, 360, 15, transport="http", truncate_every=2, lose_every=3)
    with watch(simulator.add(settings).url, raw=True) as capture:
        whole = [packet.data.endswith(b"\xff\xd9") for packet in read_raw(capture, 8)]
    # Of six pictures the second and fourth are truncated, the third and sixth are dropped.
    assert whole == [True, False, False, True] * 2


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "nowhere", 404), ("POST", "yard", 501)])
def test_other_requests_are_refused_and_closed(web: SimulatedCamera, method: str, path: str, status: int) -> None:
    with _get(web.url.replace("yard", path), method) as client, client.makefile("rb") as stream:
        assert stream.read().startswith(f"HTTP/1.1 {status} ".encode())
    assert web.connections_total == 0


def test_a_camera_answers_only_its_own_protocol(web: SimulatedCamera, camera: SimulatedCamera) -> None:
    with RtspSocket(web.url) as client:
        assert client.request("DESCRIBE") == 404
    with _get(camera.url) as other, other.makefile("rb") as stream:
        assert stream.read().startswith(b"HTTP/1.1 404 ")


def test_http_has_no_other_codec(web: SimulatedCamera) -> None:
    for codec in ("h264", "h265"):
        with pytest.raises(ValueError, match="over HTTP"):
            web.change_codec(codec)
    assert web.codec == "mjpeg"


def test_a_request_during_the_pictures_is_not_answered(web: SimulatedCamera) -> None:
    with _get(web.url) as client, client.makefile("rb") as stream:
        stream.readline()
        client.sendall(b"GET /yard HTTP/1.1\r\n\r\n")
        assert b"HTTP/1.1" not in stream.read(100_000)
    assert web.connections_total == 1
