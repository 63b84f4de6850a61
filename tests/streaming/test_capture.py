"""The thread of one camera: what it opens and what it never does, its pace, its pictures, and its end."""

import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming import capture
from streaming.capture import QUALITIES, Capture, CaptureError, Condition, Pacer, Reader, State, Timeouts, encode
from streaming.frames import Frame
from tests.servers import ROOT, wait_until

TIMEOUTS = Timeouts(2, 2)


# The pace.


def passed(rate: float, arrivals: Sequence[float]) -> list[float]:
    pacer = Pacer(rate)
    return [at for at in arrivals if pacer.due(at)]


@pytest.mark.parametrize(("camera", "quality"), [(25, 10), (30, 10), (25, 15), (12.5, 10), (25, 5), (60, 15)])
def test_a_fast_camera_is_thinned_out_to_the_quality_s_rate(camera: float, quality: float) -> None:
    seconds = 20
    shown = passed(quality, [number / camera for number in range(int(camera * seconds))])
    assert len(shown) / seconds == pytest.approx(quality, abs=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_a_camera_of_exactly_the_rate_loses_no_frame_to_jitter(seed: int) -> None:
    late = random.Random(seed)  # noqa: S311 - the same jitter in each run
    arrivals = [number / 10 + late.uniform(0, 0.020) for number in range(600)]
    assert passed(10, arrivals) == arrivals


def test_a_slow_camera_is_shown_whole_and_nothing_is_shown_twice() -> None:
    arrivals = [number / 5 for number in range(100)]
    assert passed(10, arrivals) == arrivals


def test_a_burst_after_a_pause_is_shown_as_one_picture_and_then_the_pace_goes_on() -> None:
    burst = [10 + number / 1000 for number in range(25)]
    after = [10.1 + number / 25 for number in range(50)]
    shown = passed(10, [0.0, *burst, *after])
    assert shown[1:2] == burst[:1]
    assert sum(at <= burst[-1] for at in shown[1:]) == 1
    assert len(shown) - 2 == pytest.approx(20, abs=1)


# The picture.


def picture(width: int, height: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((height, width, 3), 128, np.uint8)


@pytest.mark.parametrize("name", QUALITIES)
@pytest.mark.parametrize(
    ("width", "height"), [(3840, 2160), (1920, 1080), (1280, 960), (1080, 1920), (320, 240), (7680, 64), (64, 2000)]
)
def test_a_picture_fits_the_quality_s_box_keeps_its_shape_and_is_never_enlarged(
    name: str, width: int, height: int
) -> None:
    data, sent_width, sent_height = encode(picture(width, height), name)
    box = QUALITIES[name]
    assert sent_width <= min(width, box.width) and sent_height <= min(height, box.height)
    assert sent_width in (width, box.width) or sent_height in (height, box.height)
    assert abs(sent_width * height - sent_height * width) <= max(width, height)  # to the nearest pixel
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (sent_height, sent_width, 3)


def test_a_picture_too_rich_for_one_message_is_encoded_coarser() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1080, 1920, 3), np.uint8)
    fine = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, QUALITIES["high"].jpeg])[1]
    assert fine.nbytes > capture.MAX_JPEG
    data, width, height = encode(noise, "high")
    assert len(data) <= capture.MAX_JPEG
    assert (width, height) == (1920, 1080)


# What is opened.


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video that OpenCV can read."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 64))
    for _ in range(10):
        writer.write(picture(64, 64))
    writer.release()
    return path


def spellings(path: Path) -> list[str]:
    """Ways to name a file to FFmpeg."""
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
def test_a_reader_opens_no_file_however_it_is_named_and_whoever_asks(clip: Path, number: int) -> None:
    with pytest.raises(CaptureError, match="must begin with"):
        Reader(CameraSource(spellings(clip)[number]), TIMEOUTS)


def opened(before: str, addresses: list[str]) -> list[bool]:
    """Whether OpenCV opens each, in a process of its own that ran `before`."""
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


def test_where_cameras_are_opened_ffmpeg_itself_opens_no_file_even_if_the_check_of_addresses_were_passed(
    clip: Path,
) -> None:
    """The address is checked, but a camera may redirect, or answer with a playlist that names files."""
    names = spellings(clip)
    assert opened("", names) == [True] * len(names)
    assert opened("import streaming.capture", names) == [False] * len(names)


def test_credentials_with_special_characters_reach_the_camera(simulator: Simulator) -> None:
    locked = simulator.add(SimulatedCamera("Safe", "safe", 64, 64, username="an operator", password="p@ss:/?#%"))
    reader = Reader(CameraSource(locked.url, "an operator", "p@ss:/?#%"), TIMEOUTS)
    try:
        assert reader.grab()
        assert reader.image().shape == (64, 64, 3)
    finally:
        reader.close()
    with pytest.raises(CaptureError, match="refused"):
        Reader(CameraSource(locked.url, "an operator", "wrong"), TIMEOUTS)


# The thread.


class Watched:
    """A capture in its thread, and what it has told so far."""

    def __init__(self, source: CameraSource, qualities: frozenset[str]) -> None:
        self.frames: list[Frame] = []
        self.conditions: list[Condition] = []
        self.capture = Capture(source, TIMEOUTS, self.frames.append, self.conditions.append)
        self.capture.want(qualities)
        self.thread = threading.Thread(target=self.capture.run, name="a test's capture")

    def stop(self, seconds: float) -> None:
        self.capture.stop()
        self.thread.join(seconds)
        assert not self.thread.is_alive()

    def until_frame(self, condition: Callable[[Frame], bool] = lambda _: True) -> Frame:
        known = len(self.frames)
        wait_until(lambda: any(condition(frame) for frame in self.frames[known:]), 10, "such a frame arrives")
        return next(frame for frame in self.frames[known:] if condition(frame))


@contextmanager
def watching(url: str, *qualities: str) -> Iterator[Watched]:
    watched = Watched(CameraSource(url), frozenset(qualities))
    watched.thread.start()
    try:
        yield watched
    finally:
        watched.stop(5)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "BACK_OFF", (0.1, 0.3, 0.5))


def test_pictures_of_a_camera_arrive_and_stopping_leaves_the_camera(camera: SimulatedCamera) -> None:
    with watching(camera.url, "low", "high") as watched:
        low = watched.until_frame(lambda frame: frame.quality == "low")
        high = watched.until_frame(lambda frame: frame.quality == "high")
        assert (low.width, low.height, low.epoch) == (high.width, high.height, high.epoch) == (640, 360, 0)
        assert low.data.startswith(b"\xff\xd8") and low.data.endswith(b"\xff\xd9")
        assert abs(time.time() * 1000 - high.read_at) < 2000
        assert [condition.state for condition in watched.conditions] == [State.LIVE]
        assert camera.connections == 1
        watched.stop(2)
    wait_until(lambda: camera.connections == 0, 2, "the camera is left")


def test_the_rate_of_the_camera_is_measured_and_is_0_once_it_is_silent(
    camera: SimulatedCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "SILENT", 0.5)
    with watching(camera.url) as watched:
        wait_until(lambda: abs(watched.capture.rate - 25) < 3, 10, "25 frames/s are measured")
        camera.fault = Fault.SILENT
        wait_until(lambda: watched.capture.rate == 0, 2, "no frames are measured")


def test_what_nobody_wants_is_read_and_not_encoded(camera: SimulatedCamera) -> None:
    with watching(camera.url) as watched:
        wait_until(lambda: watched.capture.frames_read >= 25, 10, "the camera is read")
        assert not watched.frames
        watched.capture.want(frozenset({"medium"}))
        assert watched.until_frame().quality == "medium"


def test_a_camera_that_hangs_up_is_opened_again_and_its_pictures_tell_so(camera: SimulatedCamera, quick: None) -> None:
    with watching(camera.url, "low") as watched:
        assert watched.until_frame().epoch == 0
        camera.drop_connections()
        assert watched.until_frame(lambda frame: frame.epoch > 0).epoch == 1
        states = [(condition.state, condition.failures) for condition in watched.conditions]
        assert states == [(State.LIVE, 0), (State.RECONNECTING, 1), (State.LIVE, 0)]


def test_a_camera_that_refuses_is_tried_again_later_each_time_and_each_failure_is_told(
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


def test_a_silent_camera_is_given_up_after_the_time_out_and_said_to_be_so(camera: SimulatedCamera, quick: None) -> None:
    camera.fault = Fault.SILENT
    with watching(camera.url, "low") as watched:
        wait_until(lambda: bool(watched.conditions), 5, "the opening has failed")
        assert watched.conditions[0].cause == "The camera did not answer within 2 s."


def test_stopping_does_not_wait_for_the_next_try(camera: SimulatedCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "BACK_OFF", (60.0,))
    camera.fault = Fault.REFUSE
    with watching(camera.url, "low") as watched:
        wait_until(lambda: bool(watched.conditions), 5, "the opening has failed")
        watched.stop(1)


def test_another_address_is_read_from_the_next_frame_on(simulator: Simulator, camera: SimulatedCamera) -> None:
    other = simulator.add(SimulatedCamera("Gate", "gate", 320, 180))
    with watching(camera.url, "low") as watched:
        assert watched.until_frame().width == 640
        watched.capture.reopen(CameraSource(other.url))
        frame = watched.until_frame(lambda frame: frame.width == 320)
        assert frame.epoch == 1
        assert State.RECONNECTING not in {condition.state for condition in watched.conditions}
        wait_until(lambda: camera.connections == 0, 2, "the first camera is left")


def test_a_file_is_not_read_though_the_thread_goes_on_and_takes_the_right_address_later(
    camera: SimulatedCamera, clip: Path, quick: None
) -> None:
    with watching(f"file:{clip}", "low") as watched:
        wait_until(lambda: bool(watched.conditions), 5, "the opening has failed")
        assert "must begin with" in watched.conditions[0].cause
        watched.capture.reopen(CameraSource(camera.url))
        watched.until_frame()


def test_neither_credentials_nor_query_of_a_failing_camera_are_logged(
    camera: SimulatedCamera, quick: None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    camera.fault = Fault.UNAUTHORIZED
    source = CameraSource(f"{camera.url}?token=t0ken", "operator", "s3cret")
    watched = Watched(source, frozenset())
    watched.thread.start()
    try:
        wait_until(lambda: len(watched.conditions) >= 2, 5, "two openings have failed")
    finally:
        watched.stop(5)
    printed = caplog.text + "".join(capfd.readouterr()) + str(watched.conditions)
    assert "/yard" in printed
    assert not any(secret in printed for secret in ("operator", "s3cret", "t0ken"))
