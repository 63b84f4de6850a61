"""The benchmark measures what it says it does, and a part that fails leaves the rest alone."""

import asyncio
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from bench import report
from bench.clients import Client, MjpegClient, StreamClient, Watch
from bench.results import NotInstalledError, Results
from streaming.ingest.frames import Flag, Format
from streaming.viewing.protocol import HEADER
from tests.servers import ROOT


class Wire(asyncio.Transport):
    """Where a client under test writes to."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: "bytes | bytearray | memoryview[int]") -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return False


def fed(client: Client, data: bytes, step: int) -> Client:
    """`client` after it got `data`, `step` bytes at a time."""
    client.connection_made(Wire())
    for start in range(0, len(data), step):
        client.data_received(data[start : start + step])
    return client


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
    client = fed(StreamClient(Watch("http://x", "/", keeps=True)), b"HTTP/1.1 101 Y\r\n\r\n" + b"".join(frames), step)
    record = client.record
    assert [arrival.read_at for arrival in record.arrivals] == [1001.0, 1002.0, 1003.0]
    assert sum(arrival.size for arrival in record.arrivals) == sum(map(len, frames))
    assert record.kept[2].endswith(b"p" * 200)
    assert record.first == record.arrivals[2].at, "what is only decoded is no first picture"
    client.connection_lost(None)


@pytest.mark.parametrize("step", [1, 13, 100_000])
async def test_parts_of_mjpeg_are_counted_however_the_network_cuts_them(step: int) -> None:
    part = b"--B\r\nContent-type: image/jpeg\r\nContent-Length:    5\r\n\r\nabcde\r\n"
    client = fed(MjpegClient(Watch("http://x", "/", keeps=True)), b"HTTP/1.0 200 OK\r\n\r\n" + part * 3, step)
    assert client.record.kept == [b"abcde"] * 3


async def test_a_refusal_is_no_picture() -> None:
    client = StreamClient(Watch("http://x", "/"))
    client.connection_made(Wire())
    client.connection_lost(None)
    with pytest.raises(ConnectionError):
        await client.picture()


def test_a_part_that_fails_keeps_its_other_rows_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(SystemExit), Results("part", tmp_path) as results:
        results.add(value=1)
        with results.attempt("second"):
            raise ConnectionError("refused")
        results.add(value=3)
    rows = json.loads((tmp_path / "part.json").read_text())["rows"]
    assert [row.get("value") for row in rows] == [1, None, 3]
    assert rows[1]["left_out"] == "second"


def test_what_is_not_installed_is_no_failure(tmp_path: Path) -> None:
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
    assert "Provisional" in filled, "figures of a busy machine say that they are"
    assert place("peers", filled) == place("peers", text)


def place(name: str, text: str) -> str:
    return text.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]


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
    subprocess.run([*command, "--results", str(tmp_path)], cwd=ROOT, check=True, timeout=50, stdout=subprocess.DEVNULL)
    alone, both = json.loads((tmp_path / "viewers.json").read_text())["rows"]
    assert (alone["viewers"], both["viewers"]) == (1, 2)
    assert both["delivered"] > alone["delivered"] > 5
    assert both["cpu_ms_per_frame"] > 0
    assert 0 < both["since_read_ms_p50"] < both["age_ms_p50"] < 5000
