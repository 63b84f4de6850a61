"""The thread of one camera: addresses, reopening and the end."""

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.ingest import arrivals, capture
from streaming.ingest.access_units import START
from streaming.ingest.condition import State
from streaming.ingest.frames import Frame
from streaming.ingest.reader import CaptureError, Reader
from tests.servers import PATIENCE, ROOT, wait_until
from tests.streaming.ingest.watched import SHORT_TIMEOUTS, TIMEOUTS, Watched, size_of, watching

# Addresses.


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video that OpenCV can read."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 64))
    for _ in range(10):
        writer.write(np.full((64, 64, 3), 128, np.uint8))
    writer.release()
    return path


def spellings(path: Path) -> list[str]:
    """Names of a file for FFmpeg."""
    size = path.stat().st_size
    return [
        str(path),
        f"file:{path}",
        f"file://{path}",
        f"concat:{path}",
        f"subfile,,start,0,end,{size},,:{path}",
        f"async:{path}",
        f"cache:{path}",
    ]


@pytest.mark.parametrize("number", range(7))
def test_a_reader_opens_no_file_however_it_is_named(clip: Path, number: int) -> None:
    with pytest.raises(CaptureError, match="must begin with"):
        Reader(CameraSource(spellings(clip)[number]), TIMEOUTS)


def opened(before: str, addresses: list[str]) -> list[bool]:
    """Returns whether OpenCV opens each address, in a new process that has run `before`."""
    program = (
        f"import cv2, json, sys\n{before}\n"
        "captures = [cv2.VideoCapture(address, cv2.CAP_FFMPEG) for address in json.loads(sys.argv[1])]\n"
        "print(json.dumps([capture.isOpened() and capture.read()[0] for capture in captures]))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV_")}
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(addresses)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    answers: list[bool] = json.loads(done.stdout)
    return answers


def test_ffmpeg_itself_opens_no_file_even_without_the_check_of_addresses(
    clip: Path,
) -> None:
    """A camera with an allowed address may redirect, or answer with a playlist of files."""
    names = spellings(clip)
    assert opened("", names) == [True] * len(names)
    assert opened("import streaming.ingest.capture", names) == [False] * len(names)


def test_credentials_with_special_characters_reach_the_camera(simulator: Simulator) -> None:
    locked = simulator.add(SimulatedCamera("Safe", "safe", 64, 64, username="an operator", password="p@ss:/?#%"))
    reader = Reader(CameraSource(locked.url, "an operator", "p@ss:/?#%"), TIMEOUTS)
    try:
        assert reader.codec == "h264"
        assert reader.read().startswith(START)
    finally:
        reader.close()
    with pytest.raises(CaptureError, match="refused"):
        Reader(CameraSource(locked.url, "an operator", "wrong"), TIMEOUTS)


# The thread.


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "BACK_OFF", (0.1, 0.3, 0.5))


def test_pictures_of_a_camera_arrive_and_stop_disconnects_from_it(camera: SimulatedCamera) -> None:
    started = time.time() * 1000
    with watching(camera.url, "low", "high") as watched:
        low = watched.until_frame(lambda frame: frame.quality == "low")
        high = watched.until_frame(lambda frame: frame.quality == "high")
        assert size_of(low) == size_of(high) == (640, 360)
        assert low.epoch == high.epoch == 0
        assert low.data.startswith(b"\xff\xd8") and low.data.endswith(b"\xff\xd9")
        assert started <= high.read_at <= time.time() * 1000
        assert [condition.state for condition in watched.conditions] == [State.LIVE]
        assert camera.connections == 1
        watched.stop(PATIENCE)
    wait_until(lambda: camera.connections == 0, PATIENCE, "the camera is left")


def test_the_rate_of_the_camera_is_measured_and_is_0_once_it_is_silent(
    camera: SimulatedCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "SILENT", 0.5)
    with watching(camera.url, timeouts=SHORT_TIMEOUTS) as watched:
        wait_until(lambda: abs(watched.capture.rate - camera.fps) < 2, 10, "the rate is measured")
        camera.fault = Fault.SILENT
        wait_until(lambda: watched.capture.rate == 0, PATIENCE, "no frames are measured")


def test_a_camera_that_nobody_watches_is_read_and_not_encoded(camera: SimulatedCamera) -> None:
    with watching(camera.url) as watched:
        wait_until(lambda: watched.capture.frames_read >= 25, 10, "the camera is read")
        assert not watched.jpegs
        watched.capture.want(frozenset({"medium"}))
        assert watched.until_jpeg().quality == "medium"


def test_a_camera_that_disconnects_is_reopened_with_a_new_epoch(camera: SimulatedCamera, quick: None) -> None:
    with watching(camera.url, "low") as watched:
        assert watched.until_jpeg().epoch == 0
        camera.drop_connections()
        assert watched.until_jpeg(lambda frame: frame.epoch > 0).epoch == 1
        states = [(condition.state, condition.failures) for condition in watched.conditions]
        assert states == [(State.LIVE, 0), (State.RECONNECTING, 1), (State.LIVE, 0)]


def test_a_fault_of_the_program_after_pictures_is_the_first_failure_in_a_row_each_time(
    camera: SimulatedCamera, quick: None
) -> None:
    with watching(camera.url, "low") as watched:

        def fail_once(frame: Frame) -> None:
            watched.on_frame = watched.frames.append
            raise RuntimeError

        for _ in range(2):
            watched.until_jpeg()
            watched.on_frame = fail_once
            wait_until(lambda: watched.on_frame != fail_once, PATIENCE, "a picture has failed")
        watched.until_jpeg()
        assert [(condition.state, condition.failures) for condition in watched.conditions] == [
            (State.LIVE, 0),
            (State.RECONNECTING, 1),
            (State.LIVE, 0),
            (State.RECONNECTING, 1),
            (State.LIVE, 0),
        ]


def test_a_camera_that_refuses_is_retried_with_backoff_and_each_failure_is_reported(
    camera: SimulatedCamera, quick: None
) -> None:
    camera.fault = Fault.REFUSE
    with watching(camera.url, "low") as watched:
        wait_until(lambda: len(watched.conditions) >= 4, 10, "four openings have failed")
        failed = watched.conditions[:4]
        assert [condition.failures for condition in failed] == [1, 2, 3, 4]
        assert {condition.state for condition in failed} == {State.CONNECTING}
        assert {condition.cause for condition in failed} == {
            "The camera refused the connection, the log-in or the address."
        }
        pauses = [after.since - before.since for before, after in itertools.pairwise(failed)]
        assert all(pause >= least for pause, least in zip(pauses, (0.1, 0.3, 0.5), strict=True))
        camera.fault = Fault.NONE
        watched.until_frame()


def test_a_silent_camera_is_reported_after_the_timeout(camera: SimulatedCamera, quick: None) -> None:
    camera.fault = Fault.SILENT
    with watching(camera.url, "low", timeouts=SHORT_TIMEOUTS) as watched:
        wait_until(lambda: bool(watched.conditions), PATIENCE, "the opening has failed")
        assert watched.conditions[0].cause == "The camera did not answer within 2 s."


def test_the_cameras_delay_is_known_once_it_has_reported_its_clock(camera: SimulatedCamera) -> None:
    with watching(camera.url) as watched:
        wait_until(lambda: watched.capture.camera_delay is not None, 15, "the camera has reported")
        assert 0 <= (watched.capture.camera_delay or 0) < 1500


def test_stop_does_not_wait_for_the_next_retry(camera: SimulatedCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "BACK_OFF", (60.0,))
    camera.fault = Fault.REFUSE
    with watching(camera.url, "low") as watched:
        wait_until(lambda: bool(watched.conditions), PATIENCE, "the opening has failed")
        watched.stop(PATIENCE)


def test_a_new_address_is_read_from_the_next_frame_on(simulator: Simulator, camera: SimulatedCamera) -> None:
    other = simulator.add(SimulatedCamera("Gate", "gate", 320, 180))
    with watching(camera.url, "low") as watched:
        assert size_of(watched.until_jpeg()) == (640, 360)
        watched.capture.change_source(CameraSource(other.url))
        frame = watched.until_jpeg(lambda frame: frame.epoch > 0)
        assert size_of(frame) == (320, 180)
        assert frame.epoch == 1
        assert State.RECONNECTING not in {condition.state for condition in watched.conditions}
        wait_until(lambda: camera.connections == 0, PATIENCE, "the first camera is left")


def test_a_file_is_not_read_and_the_thread_takes_the_right_address_later(
    camera: SimulatedCamera, clip: Path, quick: None
) -> None:
    with watching(f"file:{clip}", "low") as watched:
        wait_until(lambda: bool(watched.conditions), PATIENCE, "the opening has failed")
        assert "must begin with" in watched.conditions[0].cause
        watched.capture.change_source(CameraSource(camera.url))
        watched.until_frame()


def test_no_credentials_and_no_query_of_a_failing_camera_are_logged(
    camera: SimulatedCamera, quick: None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    camera.fault = Fault.UNAUTHORIZED
    source = CameraSource(f"{camera.url}?token=t0ken", "operator", "s3cret")
    watched = Watched(source, frozenset())
    watched.thread.start()
    try:
        wait_until(lambda: len(watched.conditions) >= 2, PATIENCE, "two openings have failed")
    finally:
        watched.stop(5)
    printed = caplog.text + "".join(capfd.readouterr()) + str(watched.conditions)
    assert "/yard" in printed
    assert not any(secret in printed for secret in ("operator", "s3cret", "t0ken"))
