"""The benchmark measures correctly, and a part that fails does not affect the others."""

import asyncio
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from bench import report
from bench.clients import Client, MjpegClient, StreamClient, Watch
from bench.counting_viewer import CountingViewer
from bench.results import NotInstalledError, Results
from streaming.ingest.frames import Flag, Format
from streaming.viewing.protocol import HEADER
from tests.servers import ROOT

SWITCHED = b"HTTP/1.1 101 Y\r\n\r\n"


class FakeTransport(asyncio.Transport):
    """Keeps the bytes that a client under test writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: "bytes | bytearray | memoryview[int]") -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass


def fed(client: Client, data: bytes, step: int) -> Client:
    """`client` after it received `data`, `step` bytes at a time."""
    client.connection_made(FakeTransport())
    for start in range(0, len(data), step):
        client.data_received(data[start : start + step])
    return client


def text(message: dict[str, str]) -> bytes:
    data = json.dumps(message).encode()
    return bytes((0x81, len(data))) + data


def frame(sequence: int, flags: Flag, payload: bytes) -> bytes:
    message = HEADER.pack(1, Format.H264, flags, 0, sequence, 1000.0 + sequence, 0.0) + payload
    return b"\x82\x7e" + struct.pack("!H", len(message)) + message


@pytest.mark.parametrize("step", [1, 7, 100_000])
async def test_frames_are_counted_however_the_network_cuts_them(step: int) -> None:
    frames = [
        frame(1, Flag.KEY | Flag.BACKLOG, b"k" * 300),
        frame(2, Flag.BACKLOG, b"p" * 200),
        frame(3, Flag(0), b"p" * 200),
    ]
    client = fed(StreamClient(Watch("http://x", "/", keeps=True)), SWITCHED + b"".join(frames), step)
    record = client.record
    assert [arrival.read_at for arrival in record.arrivals] == [1001.0, 1002.0, 1003.0]
    assert sum(arrival.size for arrival in record.arrivals) == sum(map(len, frames))
    assert record.kept[2].endswith(b"p" * 200)
    assert record.first == record.arrivals[2].at, "backlog, which is only decoded, is no first picture"
    client.connection_lost(None)


@pytest.mark.parametrize("step", [1, 13, 100_000])
async def test_parts_of_mjpeg_are_counted_however_the_network_cuts_them(step: int) -> None:
    part = b"--B\r\nContent-type: image/jpeg\r\nContent-Length:    5\r\n\r\nabcde\r\n"
    client = fed(MjpegClient(Watch("http://x", "/", keeps=True)), b"HTTP/1.0 200 OK\r\n\r\n" + part * 3, step)
    assert client.record.kept == [b"abcde"] * 3


async def test_a_counting_viewer_counts_frames_and_keeps_none() -> None:
    viewer = CountingViewer(Watch("http://x", "/"))
    fed(viewer, SWITCHED + text({"type": "info"}) + frame(1, Flag.KEY, b"k" * 300) + frame(2, Flag(0), b"p" * 200), 7)
    assert (viewer.frames, viewer.record.arrivals) == (2, [])
    assert viewer.is_admitted
    assert 0 < viewer.longest_gap < 5
    viewer.count_from_now()
    assert viewer.frames == 0
    viewer.connection_lost(None)


async def test_a_counting_viewer_that_is_refused_has_code_and_reason() -> None:
    viewer = CountingViewer(Watch("http://x", "/"))
    refusal = text({"type": "error", "reason": "limit_reached"}) + b"\x88\x02" + struct.pack("!H", 4429)
    fed(viewer, SWITCHED + refusal, 100_000)
    assert not viewer.answered.is_set()
    viewer.connection_lost(None)
    assert viewer.answered.is_set()
    assert not viewer.is_admitted
    assert (viewer.close_code, viewer.record.ended) == (4429, "limit_reached")


async def test_a_refusal_is_no_picture() -> None:
    client = StreamClient(Watch("http://x", "/"))
    client.connection_made(FakeTransport())
    client.connection_lost(None)
    with pytest.raises(ConnectionError):
        await client.picture()


def test_a_part_that_fails_keeps_its_other_rows_and_reports_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit), Results("part", tmp_path) as results:
        results.add(value=1)
        with results.attempt("second"):
            raise ConnectionError("refused")
        results.add(value=3)
    rows = json.loads((tmp_path / "part.json").read_text())["rows"]
    assert [row.get("value") for row in rows] == [1, None, 3]
    assert rows[1]["left_out"] == "second"


def test_a_program_that_is_not_installed_is_no_failure(tmp_path: Path) -> None:
    with Results("part", tmp_path) as results, results.attempt("motion"):
        raise NotInstalledError("motion is not installed")
    assert json.loads((tmp_path / "part.json").read_text())["rows"][0]["why"] == "motion is not installed"


def test_the_document_has_a_place_for_each_table_and_keeps_those_without_results() -> None:
    text = report.DOCUMENT.read_text()
    assert text.count("<!-- /") == len(report.TABLES)
    rows = [{"what": "INCR", "cores": 2, "us_p50": 70.0, "us_p95": 90.0, "ratio": 1.0, "rounds": 3}]
    about = {"processor": "A", "cores": 2, "memory_gb": 1, "system": "S", "load_before": 9.0}
    part = {"rows": rows, "date": "2000-01-01", "machine": about, "versions": {"python": "3"}, "commit": "c"}
    filled = report.fill(text, {"admission": part})
    assert "| INCR | 2 | 70 | 90 | 1.00 | 3 |" in filled
    assert "Provisional" in filled, "figures of a busy machine are marked"
    assert place("peers", filled) == place("peers", text)


def place(name: str, text: str) -> str:
    return text.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]


@pytest.mark.timing("compares the frames of two windows of one second")
def test_a_short_run_measures_viewers_and_leaves_no_process(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "bench.viewers",
        "--viewers",
        "1",
        "2",
        "--seconds",
        "1",
        "--qualities",
        "original",
    ]
    subprocess.run([*command, "--results", str(tmp_path)], cwd=ROOT, check=True, timeout=110, stdout=subprocess.DEVNULL)
    alone, both = json.loads((tmp_path / "viewers.json").read_text())["rows"]
    assert (alone["viewers"], both["viewers"]) == (1, 2)
    assert both["delivered"] > alone["delivered"] > 5
    assert both["cpu_ms_per_frame"] > 0
    assert 0 < both["since_read_ms_p50"] < both["age_ms_p50"] < 5000
