"""*Test connection* on cameras of every codec."""

import base64

import pytest

from cameras.simulator import SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.probe import try_camera


@pytest.mark.parametrize(
    ("transport", "codec", "name"),
    [
        ("rtsp", "h264", "h264"),
        ("rtsp", "h265", "hevc"),
        ("rtsp", "mjpeg", "mjpeg"),
        ("http", "mjpeg", "mjpeg"),
    ],
)
async def test_a_camera_of_any_codec_shows_its_picture_its_size_and_its_codec(
    simulator: Simulator, transport: str, codec: str, name: str
) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 320, 240, 15, transport=transport, codec=codec))
    result = await try_camera(CameraSource(camera.url))
    assert result["ok"], result
    assert (result["width"], result["height"], result["codec"]) == (320, 240, name)
    assert base64.b64decode(result["picture"].partition(",")[2]).startswith(b"\xff\xd8")


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_a_camera_that_describes_its_parameter_sets_and_sends_none_shows_its_picture(
    simulator: Simulator, codec: str
) -> None:
    camera = SimulatedCamera("Yard", "yard", 320, 240, 15, codec=codec, repeat_parameter_sets="none")
    result = await try_camera(CameraSource(simulator.add(camera).url))
    assert result["ok"], result
