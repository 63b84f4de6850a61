"""The effect of each fault on OpenCV and on the wire."""

import threading
import time

import pytest

from cameras.simulator import Fault, SimulatedCamera, read_clock

from ..clients import TIMEOUT_MS, RtspSocket, read, read_to_the_end, wait_until, watch

pytestmark = pytest.mark.timeout(60)

TIMEOUT = TIMEOUT_MS / 1000
SLACK = 1.5
"""Seconds that a busy machine may need beyond a timeout."""

SPS = 7


@pytest.mark.timing("measures how soon an opening or a read fails")
@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.UNAUTHORIZED])
def test_open_fails_at_once(camera: SimulatedCamera, fault: Fault) -> None:
    camera.fault = fault
    started = time.monotonic()
    with watch(camera.url) as capture:
        assert not capture.isOpened()
    assert time.monotonic() - started < TIMEOUT - 0.1


@pytest.mark.timing("measures the timeout of an opening or a read")
def test_open_of_a_silent_camera_fails_after_its_timeout(camera: SimulatedCamera) -> None:
    camera.fault = Fault.SILENT
    started = time.monotonic()
    with watch(camera.url) as capture:
        assert not capture.isOpened()
    assert TIMEOUT - 0.1 < time.monotonic() - started < TIMEOUT + SLACK


@pytest.mark.timing("measures the timeout of an opening or a read")
@pytest.mark.parametrize("fault", [Fault.HANG, Fault.TRICKLE])
def test_a_camera_that_answers_but_sends_no_frame_times_out(camera: SimulatedCamera, fault: Fault) -> None:
    """OpenCV needs only the description to open. The first read fails."""
    camera.fault = fault
    started = time.monotonic()
    with watch(camera.url) as capture:
        assert TIMEOUT - 0.1 < time.monotonic() - started < TIMEOUT + SLACK
        assert not capture.read()[0]
        assert time.monotonic() - started < 2 * TIMEOUT + SLACK


@pytest.mark.timing("measures the timeout of an opening or a read")
@pytest.mark.parametrize("fault", [Fault.HANG, Fault.SILENT, Fault.TRICKLE])
def test_read_of_a_running_stream_times_out(camera: SimulatedCamera, fault: Fault) -> None:
    with watch(camera.url) as capture:
        read(capture)
        camera.fault = fault
        assert TIMEOUT - 0.1 < read_to_the_end(capture) < TIMEOUT + SLACK


@pytest.mark.timing("measures how soon an opening or a read fails")
@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.UNAUTHORIZED])
def test_running_stream_ends_at_once(camera: SimulatedCamera, fault: Fault) -> None:
    with watch(camera.url) as capture:
        read(capture)
        camera.fault = fault
        assert read_to_the_end(capture) < TIMEOUT - 0.1


@pytest.mark.timing("measures two seconds")
def test_a_dropping_camera_plays_two_seconds_each_time(camera: SimulatedCamera) -> None:
    camera.fault = Fault.DROP
    for _ in range(2):
        with RtspSocket(camera.url) as client:
            client.play()
            started = time.monotonic()
            assert client.is_closed()
            assert time.monotonic() - started == pytest.approx(2, abs=0.5)


@pytest.mark.timing("measures how soon an opening or a read fails")
def test_a_dropping_camera_drops_the_running_stream(camera: SimulatedCamera) -> None:
    with watch(camera.url) as capture:
        read(capture)
        camera.fault = Fault.DROP
        assert read_to_the_end(capture) < TIMEOUT - 0.1
        assert camera.connections == 0


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
def test_a_repaired_camera_opens_again(camera: SimulatedCamera, fault: Fault) -> None:
    camera.fault = fault
    camera.fault = Fault.NONE
    with watch(camera.url, timeout_ms=10_000) as capture:  # long, because a busy machine may need the time
        read(capture)


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.SILENT])
def test_a_blocked_connection_is_quiet_and_continues_from_a_keyframe(camera: SimulatedCamera, fault: Fault) -> None:
    with RtspSocket(camera.url) as client:
        client.play()
        camera.fault = fault
        assert client.is_quiet(0.3)
        camera.fault = Fault.NONE
        assert client.rtp()[12] & 0x1F == SPS


def test_a_trickling_connection_gets_a_few_bytes_and_continues_from_a_keyframe(
    camera: SimulatedCamera,
) -> None:
    camera.fault = Fault.TRICKLE
    with RtspSocket(camera.url) as client:
        client.play()
        started = time.monotonic()
        assert client.take(3) == b"$\0\0"
        assert time.monotonic() - started > 0.4
        camera.fault = Fault.NONE
        client.take(int.from_bytes(client.take(1), "big"))
        assert client.rtp()[12] & 0x1F == SPS


def test_opencv_continues_after_a_silence_shorter_than_its_timeout(camera: SimulatedCamera) -> None:
    with watch(camera.url, timeout_ms=10_000) as capture:
        read(capture)
        camera.fault = Fault.SILENT
        repair = threading.Timer(1, setattr, (camera, "fault", Fault.NONE))
        repair.start()
        assert all(read_clock(read(capture)) is not None for _ in range(60))
        repair.join()


def test_a_silent_camera_answers_after_the_fault_is_cleared(camera: SimulatedCamera) -> None:
    camera.fault = Fault.SILENT
    with RtspSocket(camera.url) as client:
        client.ask("DESCRIBE")
        assert client.is_quiet(0.2)
        camera.fault = Fault.NONE
        assert client.reply() == 200


def test_sequence_numbers_have_no_gap_across_a_fault(camera: SimulatedCamera) -> None:
    with RtspSocket(camera.url) as client:
        client.play()
        before = client.sequence()
        camera.fault = Fault.TRICKLE
        camera.fault = Fault.NONE
        after = [client.sequence() for _ in range(20)]
        assert after == [(before + step) % 65536 for step in range(1, 21)]


def test_connections_of_a_faulty_camera_are_not_counted_after_their_end(camera: SimulatedCamera) -> None:
    camera.fault = Fault.SILENT
    with watch(camera.url) as capture:
        assert not capture.isOpened()
    wait_until(lambda: camera.connections == 0)
