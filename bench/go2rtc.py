"""go2rtc beside this product: it sends the camera's own video as fragments of MP4 over a WebSocket."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import av

from bench.clients import Arrival, Record, Watch
from bench.meter import Meter
from bench.peers import program
from bench.pictures import gray
from bench.results import NotInstalledError
from cameras.simulator import age_ms
from streaming.ingest.pictures import Decoder
from tests.servers import free_port

VARIABLE = "GO2RTC"  # the environment variable with the path of its program


def installed(path: str) -> str:
    """Returns `path`, of go2rtc's program. Raises NotInstalledError if it is no executable file."""
    if not (path and os.access(path, os.X_OK)):
        raise NotInstalledError(f"go2rtc: build it (go build), and give its path as --go2rtc or in {VARIABLE}")
    return path


@contextmanager
def serving(path: str, urls: Sequence[str], folder: Path) -> Iterator[tuple[Meter, list[Watch]]]:
    """Run go2rtc (the program `path`) for the cameras at `urls` while the block lasts. Yields the meter of its CPU, and
    the request of a viewer for each camera. Raises NotInstalledError.
    """
    port = free_port()
    configuration = {
        "app": {"modules": ["api", "ws", "http", "rtsp", "mp4"]},
        "api": {"listen": f"127.0.0.1:{port}"},
        "rtsp": {"listen": ""},
        "streams": {f"camera{number}": url for number, url in enumerate(urls)},
    }
    (file := folder / "go2rtc.json").write_text(json.dumps(configuration))
    with program([installed(path), "-config", str(file)], folder / "go2rtc.log", port) as meter:
        base = f"http://127.0.0.1:{port}"
        yield meter, [Watch(base, f"/api/ws?src=camera{number}", kind="go2rtc") for number in range(len(urls))]


def ages(record: Record, arrivals: Sequence[Arrival]) -> list[float]:
    """Returns the milliseconds from the camera's drawing to the viewer's socket of the pictures in `arrivals`, some of
    those in `record`. The viewer must have kept its messages.
    """
    wanted, decoder, found = set(arrivals), Decoder("h264"), []
    with av.open(BytesIO(b"".join(record.kept)), "r", format="mp4") as container:
        sets = bytes(container.streams.video[0].codec_context.extradata or b"")
        to_annex_b = av.BitStreamFilterContext("h264_mp4toannexb", container.streams.video[0])
        packets = [unit for packet in container.demux(video=0) if packet.size for unit in to_annex_b.filter(packet)]
    assert sets
    for arrival, packet in zip(record.arrivals, packets, strict=False):
        image = gray(decoder.decode(bytes(packet)))
        age = None if image is None else age_ms(image, arrival.at * 1000)
        if age is not None and arrival in wanted:
            found.append(age)
    return found
