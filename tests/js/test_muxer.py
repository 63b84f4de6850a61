"""The player's MP4 of a camera's own video, read by FFmpeg: no browser of the tests plays H.265."""

import base64
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from streaming.ingest.access_units import H265
from streaming.ingest.frames import Format
from tests.streaming.ingest.h265 import decode, encode, sets_of, without_sets

INTERVAL = 40_000  # microseconds


def muxed(units: list[bytes]) -> Any:
    """Returns an open container with the MP4 that the player writes."""
    text = [base64.b64encode(unit).decode() for unit in units]
    node = Path(sys.executable).with_name("node")
    script = Path(__file__).with_name("mux.mjs")
    asked = json.dumps({"kind": Format.H265, "units": text, "interval": INTERVAL}).encode()
    done = subprocess.run([node, script], input=asked, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return av.open(io.BytesIO(done.stdout))


@pytest.mark.parametrize(
    ("options", "pixels", "size"),
    [
        ("", "yuv420p", (1280, 720)),
        ("aud=1", "yuv420p", (320, 240)),
        ("pools=1:slices=2", "yuv420p", (640, 480)),
        ("", "yuv420p10le", (322, 242)),
        ("", "yuv444p", (320, 240)),
    ],
)
def test_h265_in_mp4_has_all_pictures_unchanged(options: str, pixels: str, size: tuple[int, int]) -> None:
    stream = encode(8, options, pixels, size)
    assembler = H265(sets_of(stream[0]))
    units = [unit.data for read in stream for unit in assembler.push(without_sets(read), 0)]
    with muxed(units) as container:
        video = container.streams.video[0]
        assert (video.codec_context.codec_tag, video.width, video.height) == ("hvc1", *size)
        assert video.pix_fmt == pixels
        pictures = list(container.decode(video))
    assert [round(1e6 * picture.time) for picture in pictures] == [INTERVAL * number for number in range(8)]
    for shown, expected in zip(pictures, decode(stream), strict=True):
        assert not shown.is_corrupt
        np.testing.assert_array_equal(shown.to_ndarray(format="rgb24"), expected.to_ndarray(format="rgb24"))


@pytest.mark.parametrize(
    ("colors", "matrix", "full"),
    [
        ("colormatrix=bt709", 1, False),
        ("colormatrix=smpte170m:range=full", 6, True),
        ("range=full", 6, True),
        ("", 6, False),
    ],
)
def test_the_mp4_tells_the_camera_s_colors(colors: str, matrix: int, full: bool) -> None:
    with muxed(encode(1, colors)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (matrix, 2 if full else 1)
