"""Programs that only read a camera, beside the worker. Only `marker` has each picture as early as is possible.

    .venv/bin/python -m bench.readers opencv rtsp://127.0.0.1:8554/camera

Until SIGTERM, prints a line for each picture whose clock can be read: the times of its arrival and of its drawing,
Unix milliseconds. The functions yield the arrival in Unix seconds, and the picture as an array, or None if it
cannot be decoded.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import cv2

from bench.marker_reader import pictures
from bench.pictures import gray
from cameras.simulator import age_ms
from cameras.sources import CameraSource
from streaming.ingest.pictures import Decoder
from streaming.ingest.reader import Allowance, Reader
from tests.servers import ROOT

Seen = tuple[float, Any]  # arrival of a picture, Unix seconds, and the picture


def opencv(url: str) -> Iterator[Seen]:
    """Read with OpenCV's raw read and the product's options. Yields arrival and picture. The arrival is before the
    decoding, which only the clock in the picture needs.
    """
    reader = Reader(CameraSource(url), Allowance(5, 5))
    decoder = Decoder("h264", reader.extradata)
    while True:
        data, arrived = reader.read(), time.time()
        yield arrived, gray(decoder.decode(data))


def marker(url: str) -> Iterator[Seen]:
    """Read with a plain RTSP reader that ends each picture at RTP's marker bit. Yields arrival and picture."""
    decoder = Decoder("h264")
    for arrived, unit in pictures(url):
        yield arrived, gray(decoder.decode(unit))


def opencv_decoded(url: str) -> Iterator[Seen]:
    """Read with OpenCV as most programs use it, but with one thread: each further thread delays pictures by a frame
    interval. Yields arrival (the time after the decoding) and picture, until a read fails.
    """
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    while capture.isOpened():
        done, image = capture.read()
        if not done:
            return
        yield time.time(), image


def ffmpeg(url: str) -> Iterator[Seen]:
    """Read with ffmpeg's fastest options: it copies the camera's video to a pipe. If it decoded, it would hold back two
    pictures more (ffmpeg 5.1, with each of four sets of options). Yields arrival and picture.
    """
    probing = ["-probesize", "200000", "-analyzeduration", "200000"]
    copying = ["-c", "copy", "-flush_packets", "1", "-f", "h264", "-"]
    command = ["ffmpeg", "-v", "quiet", "-nostdin", "-rtsp_transport", "tcp", *probing, "-i", url, *copying]
    parser, decoder, arrived = av.CodecContext.create("h264", "r"), Decoder("h264"), 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        try:
            while data := os.read(program.stdout.fileno(), 1 << 20):
                # The parser returns a picture when the next one begins. So it arrived with the bytes before these.
                yield from [(arrived, gray(decoder.decode(bytes(packet)))) for packet in parser.parse(data)]
                arrived = time.time()
        finally:
            program.kill()  # after SIGTERM it would first write on into a pipe that nobody reads


READERS: dict[str, Callable[[str], Iterator[Seen]]] = {
    "opencv": opencv,
    "marker": marker,
    "opencv_decoded": opencv_decoded,
    "ffmpeg": ffmpeg,
}


@contextmanager
def reading(name: str, url: str, output: Path) -> Iterator[None]:
    """Run the reader `name` (a key of READERS) in a process of its own while the block lasts. It writes a line for each
    picture to `output`.
    """
    with output.open("wb") as file:
        program = subprocess.Popen([sys.executable, "-m", "bench.readers", name, url], cwd=ROOT, stdout=file)
        try:
            yield
        finally:
            program.terminate()
            program.wait()


def seen(output: Path) -> list[tuple[float, float]]:
    """Returns arrival and drawing of each picture in the output file of a reader, Unix milliseconds."""
    lines = [line.split() for line in output.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [(float(arrived), float(drawn)) for arrived, drawn in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("url")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        for arrived, image in READERS[options.reader](options.url):
            age = None if image is None else age_ms(image, arrived * 1000)
            if age is not None:
                print(f"{arrived * 1000:.1f} {arrived * 1000 - age:.1f}", flush=True)


if __name__ == "__main__":
    main()
