"""H.264, H.265 and MJPEG over RTSP, each in its payload format."""

import base64
import re
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from cameras.simulator import Fault, NotOnAir, SimulatedCamera, Simulator, read_clock

from ..clients import RtspSocket, fourcc, read, read_raw, read_to_the_end, wait_until, watch

pytestmark = pytest.mark.timeout(60)

CODECS = {"h264": "h264", "h265": "hevc", "mjpeg": "MJPG"}
"""Names of codecs: the simulator's and OpenCV's."""

VPS, SPS, PPS, FU = 32, 33, 34, 49


def _add(simulator: Simulator, codec: str, **settings: int) -> SimulatedCamera:
    return simulator.add(
        SimulatedCamera("Yard", "yard", 640, 360, 15, 0.4, codec=codec, **settings)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("codec", CODECS)
def test_opencv_shows_the_clock_in_each_codec_and_its_connection_is_counted(simulator: Simulator, codec: str) -> None:
    camera = _add(simulator, codec)
    with watch(camera.url) as capture:
        assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(15)
        images = [read(capture) for _ in range(8)]
        assert (camera.connections, camera.connections_total) == (1, 1)
    assert all(image.shape == (360, 640, 3) for image in images)
    clocks = [read_clock(image) for image in images]
    assert None not in clocks
    assert len(set(clocks)) == len(clocks)
    wait_until(lambda: camera.connections == 0)


@pytest.mark.parametrize(("codec", "name"), CODECS.items())
def test_opencv_opens_each_codec_raw(simulator: Simulator, codec: str, name: str) -> None:
    with watch(_add(simulator, codec).url, raw=True) as capture:
        assert fourcc(capture) == name
        (first,) = read_raw(capture, 1)
        assert first.key


def test_h265_keyframes_carry_their_parameter_sets(simulator: Simulator) -> None:
    with watch(_add(simulator, "h265").url, raw=True) as capture:
        reads = read_raw(capture, 13)
    keys = [packet.types_of_h265 for packet in reads if packet.key]
    others = [packet.types_of_h265 for packet in reads if not packet.key]
    assert len(keys) >= 2
    assert all(types[:3] == [VPS, SPS, PPS] and set(types[3:]) <= {19, 20} for types in keys)
    assert all(types == [1] for types in others)


def test_h265_has_its_parameter_sets_in_the_description_and_small_packets(simulator: Simulator) -> None:
    with RtspSocket(_add(simulator, "h265").url) as client:
        client.play()
        key = client.access_unit()
        assert client.request("DESCRIBE") == 200
        described = [_sprop(client.body, name) for name in ("vps", "sps", "pps")]
    assert [packet[12:] for packet in key[:3]] == described
    assert max(map(len, key)) <= 1412
    fragments = [packet[12:] for packet in key[3:]]
    assert {fragment[0] >> 1 & 0x3F for fragment in fragments} == {FU}
    assert [fragment[2] >> 7 for fragment in fragments] == [1, *[0] * (len(fragments) - 1)]
    assert [fragment[2] >> 6 & 1 for fragment in fragments] == [*[0] * (len(fragments) - 1), 1]


def _sprop(description: str, name: str) -> bytes:
    found = re.search(rf"sprop-{name}=([^;\s]+)", description)
    assert found
    return base64.b64decode(found[1])


def test_each_raw_read_of_mjpeg_is_a_jpeg_file(simulator: Simulator) -> None:
    with watch(_add(simulator, "mjpeg").url, raw=True) as capture:
        reads = read_raw(capture, 6)
    for packet in reads:
        assert packet.data.startswith(b"\xff\xd8") and packet.data.endswith(b"\xff\xd9")
        image = cv2.imdecode(np.frombuffer(packet.data, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert read_clock(image) is not None


def test_mjpeg_pictures_have_quantization_tables(simulator: Simulator) -> None:
    with RtspSocket(_add(simulator, "mjpeg").url) as client:
        client.play()
        for _ in range(3):
            payloads = [packet[12:] for packet in client.access_unit()]
            first = payloads[0]
            assert first[:12] == bytes((0, 0, 0, 0, 1, 255, 80, 45, 0, 0, 0, 128))
            sizes = [len(first) - 8 - 4 - 128, *(len(payload) - 8 for payload in payloads[1:])]
            offsets = [int.from_bytes(payload[1:4], "big") for payload in payloads]
            assert [later - earlier for earlier, later in pairwise(offsets)] == sizes[:-1]


@pytest.mark.parametrize("codec", CODECS)
def test_a_viewer_keeps_watching_through_a_resize_in_each_codec(simulator: Simulator, codec: str) -> None:
    camera = _add(simulator, codec)
    with watch(camera.url) as capture:
        read(capture)
        camera.resize(320, 184)
        # OpenCV scales pictures to the size of the first one.
        assert all(read_clock(read(capture)) is not None for _ in range(8))
    with watch(camera.url) as capture:
        assert read(capture).shape == (184, 320, 3)


@pytest.mark.parametrize("codec", ["h265", "mjpeg"])
def test_a_held_connection_continues_in_each_codec(simulator: Simulator, codec: str) -> None:
    camera = _add(simulator, codec)
    with watch(camera.url) as capture:
        read(capture)
        camera.fault = Fault.HANG
        camera.fault = Fault.NONE
        assert all(read_clock(read(capture)) is not None for _ in range(6))


@pytest.mark.parametrize("codec", ["h265", "mjpeg"])
def test_a_camera_restarts_with_another_codec_and_size(simulator: Simulator, codec: str) -> None:
    camera = _add(simulator, "h264")
    with watch(camera.url) as capture:
        read(capture)
        camera.change_codec(codec, 320, 184)
        assert (camera.codec, camera.width, camera.height) == (codec, 320, 184)
        # Immediately, while the feed may still send the old stream.
        with watch(camera.url) as again:
            image = read(again)
            assert image.shape == (184, 320, 3)
            assert read_clock(image) is not None
        assert read_to_the_end(capture) < 1
    with watch(camera.url, raw=True) as capture:
        assert fourcc(capture) == CODECS[codec]
    camera.change_codec("h264")
    with watch(camera.url, raw=True) as capture:
        assert fourcc(capture) == "h264"
        assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 320


@pytest.mark.parametrize(("codec", "width"), [("vp8", 0), ("h265", 0), ("mjpeg", 0), ("h264", 641)])
def test_an_impossible_change_of_codec_leaves_the_camera_as_it_is(simulator: Simulator, codec: str, width: int) -> None:
    camera = _add(simulator, "h264", b_frames=2)
    with pytest.raises(ValueError, match=r"\w"):
        camera.change_codec(codec, width)
    assert (camera.codec, camera.width) == ("h264", 640)


def test_a_camera_without_a_simulator_cannot_change() -> None:
    with pytest.raises(NotOnAir):
        SimulatedCamera("Yard", "yard").change_codec("h265")


@pytest.mark.parametrize("size", [(2048, 360), (642, 360), (640, 356)])
def test_mjpeg_sizes_that_rtp_cannot_carry_are_refused(simulator: Simulator, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        SimulatedCamera("Yard", "yard", *size, codec="mjpeg")
    camera = _add(simulator, "mjpeg")
    with pytest.raises(ValueError, match="multiples of 8"):
        camera.resize(*size)
    assert (camera.width, camera.height) == (640, 360)


def test_a_clip_with_an_invalid_size_for_the_codec_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((180, 320, 3), np.uint8), format="bgr24")))
        container.mux(stream.encode())
    with pytest.raises(ValueError, match="320x180"):
        simulator.add(SimulatedCamera("Clip", "clip", file=file, codec="mjpeg"))
    camera = simulator.add(SimulatedCamera("Clip", "clip", 320, 184, file=file, codec="mjpeg"))
    with watch(camera.url) as capture:
        assert read(capture).shape == (184, 320, 3)
