"""A clip in a loop."""

import wave
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from cameras.simulator import NotAVideo, SimulatedCamera, Simulator, read_clock

from ..clients import RtspSocket, read, watch

pytestmark = pytest.mark.timeout(60)

FRAMES, RATE = 6, 10
BRIGHTNESS_STEP = 30


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Six frames of 320x180 at 10 per second, each brighter than the last."""
    file = tmp_path / "clip.mp4"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(FRAMES):
            picture = np.full((180, 320, 3), 40 + BRIGHTNESS_STEP * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return file


def test_a_clip_plays_at_its_own_size_and_rate_with_the_clock(simulator: Simulator, clip: Path) -> None:
    camera = simulator.add(SimulatedCamera("Clip", "clip", file=clip))
    with watch(camera.url) as capture:
        image = read(capture)
        assert image.shape == (180, 320, 3)
        assert read_clock(image) is not None
        assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(RATE)
    assert (camera.width, camera.height) == (320, 180)


def test_a_clip_restarts_at_its_end(simulator: Simulator, clip: Path) -> None:
    camera = simulator.add(SimulatedCamera("Clip", "clip", file=str(clip)))
    with watch(camera.url) as capture:
        shades = [float(read(capture)[60:].mean()) for _ in range(2 * FRAMES + 1)]
    steps = np.diff(shades)
    assert np.count_nonzero(steps < -BRIGHTNESS_STEP * 2) >= 1
    assert np.count_nonzero(steps > BRIGHTNESS_STEP / 3) >= FRAMES


def test_a_clip_is_scaled_to_the_requested_size(simulator: Simulator, clip: Path) -> None:
    camera = simulator.add(SimulatedCamera("Clip", "clip", 640, 360, file=clip))
    with watch(camera.url) as capture:
        assert read(capture).shape == (360, 640, 3)


def test_a_deleted_clip_ends_its_connections(
    simulator: Simulator, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    camera = simulator.add(SimulatedCamera("Clip", "clip", file=clip))
    with RtspSocket(camera.url) as client:
        client.play()
        clip.unlink()
        assert client.is_closed()
    assert "Feed stopped" in caplog.text


def test_a_file_that_is_not_a_video_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    sound = tmp_path / "sound.wav"
    with wave.open(str(sound), "wb") as written:
        written.setparams((1, 2, 8000, 0, "NONE", ""))
        written.writeframes(bytes(16_000))
    for file in (text, sound, tmp_path / "missing.mp4", tmp_path):
        with pytest.raises(NotAVideo, match="not a readable video"):
            simulator.add(SimulatedCamera("Clip", "clip", file=file))
    assert simulator.add(SimulatedCamera("Scene", "clip", 320, 180)).connections == 0
