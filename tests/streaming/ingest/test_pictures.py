"""Conversion of coded pictures to JPEG: sizes, colors, limits and damaged data."""

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.simulator import SimulatedCamera, read_clock
from cameras.simulator.coding.encoder import open_encoder
from cameras.simulator.picture.scene import ScenePicture
from cameras.simulator.stream import Codec, StreamFormat
from streaming.ingest import pictures
from streaming.ingest.access_units import START
from streaming.ingest.pictures import Decoder, DecodingError, encode
from streaming.ingest.qualities import MAX_FRAME_BYTES, QUALITIES

WIDTH, HEIGHT = 320, 240
CODECS = [(Codec.H264, "h264"), (Codec.H265, "hevc"), (Codec.MJPEG, "mjpeg")]  # the simulator's and FFmpeg's names


def plain(width: int, height: int) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.full((height, width, 3), 128, np.uint8), format="bgr24")


def decoded(data: bytes) -> Any:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def units_of(codec: Codec, count: int = 6) -> list[bytes]:
    """The access units of a drawn scene, with the clock strips 1000, 1040 and so on."""
    scene = ScenePicture(SimulatedCamera("Yard", "yard"), WIDTH, HEIGHT)
    encoder = open_encoder(StreamFormat(WIDTH, HEIGHT, Fraction(25), 1_000_000, 1.0, codec))
    sent = []
    for number in range(count):
        for unit in encoder.encode(scene.draw(1000 + 40 * number), number * 3600, 0.0, key=number == 0):
            start = b"" if codec is Codec.MJPEG else START
            nals = (*unit.sets, *unit.parts) if unit.key else unit.parts
            sent.append(b"".join(start + nal for nal in nals))
    return sent


# Into the box of a quality.


@pytest.mark.parametrize("name", QUALITIES)
@pytest.mark.parametrize(
    ("width", "height"), [(3840, 2160), (1920, 1080), (1280, 960), (1080, 1920), (320, 240), (7680, 64), (64, 2000)]
)
def test_a_picture_is_scaled_down_to_the_quality_s_size_and_never_up(name: str, width: int, height: int) -> None:
    data, sent_width, sent_height = encode(plain(width, height), name)
    box = QUALITIES[name]
    assert sent_width <= min(width, box.width) and sent_height <= min(height, box.height)
    assert sent_width in (width, box.width) or sent_height in (height, box.height)
    assert abs(sent_width * height - sent_height * width) <= 2 * max(width, height)  # even numbers of pixels
    assert decoded(data).shape == (sent_height, sent_width, 3)


def noise(width: int, height: int, contrast: int) -> av.VideoFrame:
    image = np.random.default_rng(1).integers(128 - contrast, 128 + contrast, (height * 3 // 2, width), np.uint8)
    return av.VideoFrame.from_ndarray(image, format="yuv420p")


def test_a_picture_too_large_for_one_message_is_encoded_more_coarsely() -> None:
    picture, level = noise(1920, 1080, 40), QUALITIES["high"].jpeg
    _, fine = cv2.imencode(".jpg", picture.to_ndarray(format="bgr24"), [cv2.IMWRITE_JPEG_QUALITY, level])
    assert fine.nbytes > MAX_FRAME_BYTES
    coarser, width, height = encode(picture, "high")
    assert len(coarser) <= MAX_FRAME_BYTES
    assert (width, height) == (1920, 1080)
    assert decoded(coarser).shape == (1080, 1920, 3)


def test_a_picture_that_is_still_too_large_is_scaled_down() -> None:
    """An error would disconnect all viewers of the camera."""
    data, width, height = encode(noise(4000, 3000, 127), "original")
    assert len(data) <= MAX_FRAME_BYTES
    assert (width, height) == (1440, 1080)
    assert decoded(data).shape == (1080, 1440, 3)


def test_any_picture_fits_into_a_message_at_the_lowest_quality() -> None:
    image = np.random.default_rng(1).integers(0, 2, (540, 640), np.uint8) * 255
    data, width, height = encode(av.VideoFrame.from_ndarray(image, format="yuvj420p"), "low")
    assert len(data) <= MAX_FRAME_BYTES
    assert (width, height) == (640, 360)


def test_the_strip_of_a_scaled_picture_stays_readable() -> None:
    scene = ScenePicture(SimulatedCamera("Yard", "yard"), 1920, 1080)
    picture = av.VideoFrame.from_ndarray(scene.draw(123_456), format="yuv420p")
    assert [read_clock(decoded(encode(picture, name)[0])) for name in QUALITIES] == [123_456] * len(QUALITIES)


# Colors.

PATCHES = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
for number, color in enumerate([(0, 0, 0), (255, 255, 255), (200, 60, 60), (60, 200, 60), (60, 60, 200)]):
    PATCHES[:, number * 64 : (number + 1) * 64] = color
MIDDLES = [(HEIGHT // 2, 32 + 64 * number) for number in range(5)]


def colors(image: Any) -> list[list[int]]:
    return [image[row, column].astype(int).tolist() for row, column in MIDDLES]


def test_an_mjpeg_camera_s_black_and_white_are_black_and_white() -> None:
    """JPEG uses values from 0 to 255, video from 16 to 235. A picture with the wrong range is pale."""
    _, file = cv2.imencode(".jpg", PATCHES, [cv2.IMWRITE_JPEG_QUALITY, 95])
    picture = Decoder("mjpeg").decode(file.tobytes())
    data, _, _ = encode(picture, "high")
    np.testing.assert_allclose(colors(decoded(data)), colors(PATCHES), atol=8)


@pytest.mark.parametrize("colors_of", ["ITU601", "ITU709"])
@pytest.mark.parametrize("values", ["MPEG", "JPEG"])
@pytest.mark.parametrize("name", ["low", "high"])  # scaled, and not
def test_colors_of_video_are_right(name: str, values: str, colors_of: str) -> None:
    """Also black and white: with the wrong range a picture is pale or loses shades."""
    seen = av.VideoFrame.from_ndarray(np.repeat(np.repeat(PATCHES, 3, 0), 3, 1), format="bgr24")
    video = seen.reformat(format="yuv420p", dst_colorspace=colors_of, dst_color_range=values)
    data, width, _ = encode(video, name)
    shown = cv2.resize(decoded(data), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    assert width == {"low": 480, "high": 960}[name]
    np.testing.assert_allclose(colors(shown), colors(PATCHES), atol=8)


def test_video_without_a_color_range_has_limited_range() -> None:
    yuv = np.asarray(cv2.cvtColor(PATCHES, cv2.COLOR_BGR2YUV_I420), np.uint8)
    data, _, _ = encode(av.VideoFrame.from_ndarray(yuv, format="yuv420p"), "high")
    np.testing.assert_allclose(colors(decoded(data)), colors(PATCHES), atol=8)


@pytest.mark.parametrize("lines", [480, 720, 1080])
@pytest.mark.parametrize(("format", "values"), [("yuv420p", "MPEG"), ("yuvj420p", "JPEG"), ("nv12", "MPEG")])
@pytest.mark.parametrize("name", ["low", "original"])
def test_video_without_a_color_space_is_taken_as_browsers_take_it(
    name: str, format: str, values: str, lines: int
) -> None:
    """The camera's own video and its JPEG must look the same."""
    colors_of = "ITU709" if lines >= 720 and values == "MPEG" else "ITU601"
    size = WIDTH * lines // HEIGHT, lines
    patches = np.asarray(cv2.resize(PATCHES, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    seen = av.VideoFrame.from_ndarray(patches, format="bgr24")
    video = seen.reformat(format=format, dst_colorspace=colors_of, dst_color_range=values)
    video.colorspace = 2
    shown = cv2.resize(decoded(encode(video, name)[0]), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(colors(shown), colors(PATCHES), atol=8)


def test_values_beyond_black_and_white_are_clipped() -> None:
    """Some video contains such values."""
    luma = np.repeat(np.arange(256, dtype=np.uint8), 4)[None].repeat(64, 0)
    yuv = np.vstack((luma, np.full((32, 1024), 128, np.uint8)))
    data, _, _ = encode(av.VideoFrame.from_ndarray(yuv, format="yuv420p"), "high")
    shown = decoded(data)[32, 2::4].mean(axis=1)
    np.testing.assert_allclose(shown, np.clip((np.arange(256) - 16) * 255 / 219, 0, 255), atol=6)


BYTE, TEN, TWELVE, HIGH_TEN = b"\x80", b"\x00\x02", b"\x00\x08", b"\x00\x80"  # half of the maximum of a sample
FORMATS = {
    BYTE: [
        "yuv420p",
        "yuvj420p",
        "yuv422p",
        "yuvj422p",
        "yuv444p",
        "yuvj444p",
        "yuv440p",
        "yuv411p",
        "yuv410p",
        "nv12",
        "gray",
        "rgb24",
        "gbrp",
        "bgr0",
    ],
    TEN: ["yuv420p10le", "yuv422p10le", "yuv444p10le", "gray10le"],
    TWELVE: ["yuv420p12le"],
    HIGH_TEN: ["p010le"],
}


@pytest.mark.parametrize(("half", "format"), [(half, name) for half, names in FORMATS.items() for name in names])
@pytest.mark.parametrize(("width", "height"), [(321, 241), (1281, 719), (17, 9), (2, 2), (3, 1), (1, 3), (1, 1)])
def test_pictures_of_any_format_and_of_odd_sizes_are_encoded(width: int, height: int, half: bytes, format: str) -> None:
    picture = av.VideoFrame(width, height, format)
    for plane in picture.planes:
        plane.update(half * (plane.buffer_size // len(half)))
    for name in QUALITIES:
        data, sent_width, sent_height = encode(picture, name)
        image = decoded(data)
        assert image.shape == (sent_height, sent_width, 3)
        np.testing.assert_allclose(image, 129, atol=3)  # up to its edges: only the picture was read


# Decoding.


@pytest.mark.parametrize(("codec", "name"), CODECS)
def test_each_picture_is_returned_with_the_unit_that_completes_it(codec: Codec, name: str) -> None:
    decoder = Decoder(name)
    clocks = []
    for data in units_of(codec):
        picture = decoder.decode(data)
        assert picture is not None
        assert (picture.width, picture.height) == (WIDTH, HEIGHT)
        clocks.append(read_clock(decoded(encode(picture, "high")[0])))
    assert clocks == [1000, 1040, 1080, 1120, 1160, 1200]


@pytest.mark.parametrize(("codec", "name"), CODECS[:2])
def test_there_is_no_picture_and_no_error_before_a_keyframe(codec: Codec, name: str) -> None:
    decoder = Decoder(name)
    units = units_of(codec)
    assert [decoder.decode(data) for data in units[1:]] == [None] * 5
    assert decoder.decode(units[0]) is not None


@pytest.mark.parametrize(("codec", "name"), CODECS)
def test_damaged_data_give_none_and_the_next_keyframe_a_picture(codec: Codec, name: str) -> None:
    decoder = Decoder(name)
    first, *_ = units_of(codec)
    for damaged in (b"\x00", b"no video at all", START, START + b"\xff" * 50, first[:12], b"\xff\xd8\xff\xd9"):
        assert decoder.decode(damaged) is None, damaged
    assert decoder.decode(first) is not None


@pytest.mark.parametrize(("codec", "name"), CODECS)
def test_empty_data_do_not_end_the_stream(codec: Codec, name: str) -> None:
    """FFmpeg takes an empty packet as the end of the stream, and accepts no more data."""
    decoder = Decoder(name)
    assert decoder.decode(b"") is None
    assert decoder.decode(units_of(codec)[0]) is not None


H264_KEY = units_of(Codec.H264, 1)[0]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_decoding_any_bytes_raises_nothing(data: st.DataObject) -> None:
    decoder = Decoder("h264")
    spoilt = bytearray(H264_KEY)
    for place in data.draw(st.lists(st.integers(0, len(spoilt) - 1), max_size=20)):
        spoilt[place] ^= data.draw(st.integers(1, 255))
    for unit in (bytes(spoilt[: data.draw(st.integers(1, len(spoilt)))]), data.draw(st.binary(min_size=1))):
        picture = decoder.decode(unit)
        if picture is not None:
            encode(picture, "low")
    # A damaged parameter set may announce B-frames. A decoder then delays up to 16 pictures.
    assert any(decoder.decode(H264_KEY) is not None for _ in range(17))


def test_an_unknown_codec_is_an_error_with_its_name() -> None:
    with pytest.raises(DecodingError, match="codec vc-9 cannot be decoded"):
        Decoder("vc-9")


def test_a_picture_with_too_many_pixels_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg = simplejpeg.encode_jpeg(np.zeros((64, 64, 3), np.uint8))
    assert Decoder("mjpeg").decode(jpeg) is not None
    monkeypatch.setattr(pictures, "MAX_PIXELS", 64 * 64 - 1)
    assert Decoder("mjpeg").decode(jpeg) is None
