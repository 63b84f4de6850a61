"""A camera that sends more than a picture or a reply may have is disconnected."""

import itertools
import socket
import time
import zlib
from collections.abc import Callable, Iterator

import pytest

from cameras.simulator import SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.ingest import camera_proxy
from streaming.ingest.camera_proxy import TOO_LARGE
from streaming.ingest.camera_socket import Connection
from streaming.ingest.reader import Allowance, Reader
from tests.streaming.ingest.scripted import Script, failure_of, http, rtsp, rtsp_reply, server, why_not


def endless(part: bytes) -> Iterator[bytes]:
    return itertools.repeat(part)


def nal_without_end(request: bytes) -> Iterator[bytes]:
    yield rtsp_reply(request, headers=b"Session: 1\r\n")
    for number in itertools.count():
        header = bytes((0x80, 96)) + (number % 65536).to_bytes(2, "big") + bytes(8)
        packet = header + bytes((0x7C, 0x85 if number == 0 else 0x05)) + b"\x55" * 1386
        yield b"$\x00" + len(packet).to_bytes(2, "big") + packet


def playing(media: Callable[[bytes], Iterator[bytes]]) -> Script:
    """A camera that answers PLAY with these bytes."""
    held: list[bytes] = []

    def keep(request: bytes) -> bytes:
        held.append(request)
        return b""

    begin = rtsp(PLAY=keep)

    def script(connection: socket.socket) -> None:
        begin(connection)
        for data in media(held[-1]):
            connection.sendall(data)

    return script


MULTIPART = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n"
PART = b"--b\r\nContent-Type: image/jpeg\r\n"


def bomb() -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield packer.compress(PART + b"\r\n\xff\xd8")
    while True:
        yield packer.compress(bytes(10_000_000)) + packer.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize(
    ("scheme", "script"),
    [
        ("rtsp", playing(nal_without_end)),
        ("http", http(MULTIPART + b"\r\n" + PART + b"\r\n\xff\xd8", endless(b"\x55" * 65536))),
        (
            "http",
            http(MULTIPART + b"\r\n" + PART + b"Content-Length: 300000000\r\n\r\n\xff\xd8", endless(bytes(65536))),
        ),
        (
            "http",
            http(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n", endless(b"\x47\x01\x00\x10" + bytes(184))),
        ),
    ],
    ids=["a NAL unit without an end", "a part without an end", "a part of 300 MB", "MPEG-TS without a picture"],
)
def test_a_picture_above_the_limit_ends_the_connection(
    scheme: str, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_proxy, "IN_SOCKETS", 2_000_000)
    with server(script) as camera:
        failure = failure_of(f"{scheme}://127.0.0.1:{camera.port}/", Allowance(20, 20, 1_000_000))
    assert (failure.cause, failure.reason) == ("The camera's pictures cannot be read.", TOO_LARGE)


def test_the_reason_is_known_before_the_connection_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a reader that is quicker than the proxy's thread is told another reason."""
    shut = camera_proxy._shut

    def shut_slowly(connection: Connection) -> None:
        shut(connection)
        time.sleep(0.3)

    monkeypatch.setattr(camera_proxy, "_shut", shut_slowly)
    with server(http(MULTIPART + b"\r\n" + PART + b"\r\n\xff\xd8", endless(b"\x55" * 65536))) as camera:
        assert why_not(f"http://127.0.0.1:{camera.port}/", Allowance(20, 20, 1_000_000)) == TOO_LARGE


def test_a_compressed_reply_is_not_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would become a thousand times as large."""
    parts = itertools.islice(bomb(), 30)
    with server(http(MULTIPART + b"Content-Encoding: gzip\r\n\r\n", parts)) as camera:
        why_not(f"http://127.0.0.1:{camera.port}/")


@pytest.mark.parametrize(
    "reply",
    [
        lambda request: rtsp_reply(request, headers=b"Content-Length: 40000000\r\n"),
        lambda request: rtsp_reply(request)[:-2] + b"X-More: 1\r\n" * 100_000,
    ],
    ids=["a session description of 40 MB", "header lines without an end"],
)
def test_a_reply_that_is_too_large_ends_the_connection(reply: Callable[[bytes], bytes]) -> None:
    with server(rtsp(DESCRIBE=reply)) as camera:
        assert why_not(f"rtsp://127.0.0.1:{camera.port}/") == "The camera's answer is too large."


def test_a_pause_of_the_reader_does_not_count_as_a_large_picture(simulator: Simulator) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 640, 360))
    reader = Reader(CameraSource(camera.url), Allowance(2, 2, 200_000))
    try:
        reader.read()
        time.sleep(1)
        assert all(reader.read() for _ in range(50))
    finally:
        reader.close()
