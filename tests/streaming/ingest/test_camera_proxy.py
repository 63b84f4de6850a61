"""Between a camera and FFmpeg: where it leads, what it lets through, and what it says of a camera that cannot be read."""

import itertools
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cameras.networks import parse_networks
from cameras.simulator import SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.ingest import camera_proxy, camera_socket
from streaming.ingest.access_units import START
from streaming.ingest.camera_proxy import REDIRECT, TOO_LARGE, Messages, ProxyError
from streaming.ingest.camera_socket import NOT_ALLOWED
from streaming.ingest.capture import Allowance, CaptureError, Reader
from streaming.ingest.opencv import cv2
from tests.servers import free_port, wait_until
from tests.streaming.ingest.scripted import (
    SDP,
    SILENT,
    Script,
    Server,
    http,
    rtsp,
    rtsp_reply,
    server,
    silent,
    silent_before_accepting,
    with_tls,
)

ALLOWANCE = Allowance(2, 2, 1_000_000)


def why_not(url: str, allowance: Allowance = ALLOWANCE) -> str:
    """Read `url` until it fails: the reason."""
    with pytest.raises(CaptureError) as raised:
        reader = Reader(CameraSource(url), allowance)
        try:
            for _ in range(1000):
                reader.read()
        finally:
            reader.close()
    return raised.value.reason


@pytest.fixture
def canary() -> Iterator[Server]:
    """An address that no camera has: whoever connects to it was led there."""
    with server() as running:
        yield running
        assert running.connections == 0


# Redirects.


def moved(canary: Server, status: str = "302 Found") -> Callable[[bytes], bytes]:
    return lambda request: rtsp_reply(request, status, b"Location: rtsp://127.0.0.1:%d/\r\n" % canary.port)


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "SETUP"])
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "305 Use Proxy"])
def test_no_redirect_of_an_rtsp_camera_is_followed(canary: Server, method: str, status: str) -> None:
    with server(rtsp(**{method: moved(canary, status)})) as camera:
        assert why_not(f"rtsp://127.0.0.1:{camera.port}/") == REDIRECT


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("scheme", ["http", "rtsp", "file"])
def test_no_redirect_of_an_http_camera_is_followed(canary: Server, status: str, scheme: str) -> None:
    head = f"HTTP/1.1 {status}\r\nLocation: {scheme}://127.0.0.1:{canary.port}/\r\nContent-Length: 0\r\n\r\n"
    with server(http(head.encode())) as camera:
        assert why_not(f"http://127.0.0.1:{camera.port}/video") == REDIRECT


def test_a_redirect_is_not_followed_either_where_ffmpeg_takes_a_reply_for_shorter_than_the_proxy(
    canary: Server,
) -> None:
    def reply(request: bytes) -> bytes:
        hidden = moved(canary)(request)
        return rtsp_reply(request, headers=b"Content-Length: %d\r\nContent-Length: 0\r\n" % len(hidden)) + hidden

    with server(rtsp(DESCRIBE=reply)) as camera:
        why_not(f"rtsp://127.0.0.1:{camera.port}/")


def test_ffmpeg_by_itself_follows_no_redirect_of_http(canary: Server) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\n\r\n" % canary.port
    with server(http(head)) as camera:
        capture = cv2.VideoCapture(f"http://127.0.0.1:{camera.port}/", cv2.CAP_FFMPEG)
        assert not capture.isOpened()
        assert camera.connections == 1


# What is no camera's.

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n"
OTHERS = {
    "/pages.txt": ("text/plain", "internal page\n" * 4000),
    "/live?.txt": ("text/plain", "internal page\n" * 4000),
    "/live?.ans": ("text/plain", "internal page\n" * 4000),
    "/live.m3u8": ("application/vnd.apple.mpegurl", PLAYLIST),
    "/live": ("application/x-mpegurl", PLAYLIST),
    "/live.ffconcat": ("text/plain", "ffconcat version 1.0\nfile 'http://127.0.0.1:{port}/a.ts'\n"),
    "/live.mpd": (
        "application/dash+xml",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><Representation>'
        "<BaseURL>http://127.0.0.1:{port}/</BaseURL></Representation></AdaptationSet></Period></MPD>",
    ),
    "/live.sdp": ("application/sdp", SDP.decode().replace("video 0", "video {port}")),
    "/live.asx": ("video/x-ms-asf", "<asx><entry><ref href='http://127.0.0.1:{port}/'/></entry></asx>"),
    "/live.srt": ("text/plain", "1\n00:00:00,000 --> 00:00:09,000\nsecret\n"),
}


@pytest.mark.parametrize("path", OTHERS)
def test_texts_and_playlists_are_no_video_and_lead_nowhere(canary: Server, path: str) -> None:
    kind, text = OTHERS[path]
    body = text.replace("{port}", str(canary.port)).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with server(http(head, (body,))) as camera:
        why_not(f"http://127.0.0.1:{camera.port}{path}")


# Too much.


def endless(part: bytes) -> Iterator[bytes]:
    return itertools.repeat(part)


def nal_without_end(request: bytes) -> Iterator[bytes]:
    yield rtsp_reply(request, headers=b"Session: 1\r\n")
    for number in itertools.count():
        header = bytes((0x80, 96)) + (number % 65536).to_bytes(2, "big") + bytes(8)
        packet = header + bytes((0x7C, 0x85 if number == 0 else 0x05)) + b"\x55" * 1386
        yield b"$\x00" + len(packet).to_bytes(2, "big") + packet


def playing(media: Callable[[bytes], Iterator[bytes]]) -> Script:
    """A camera that answers PLAY with this."""
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
def test_a_picture_that_is_larger_than_it_may_be_ends_the_connection(
    scheme: str, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_proxy, "IN_SOCKETS", 2_000_000)
    with server(script) as camera:
        assert why_not(f"{scheme}://127.0.0.1:{camera.port}/", Allowance(20, 20, 1_000_000)) == TOO_LARGE


def test_a_reply_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a thousand times as much as the camera sends would be collected."""
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


def test_a_picture_that_fits_is_read_though_its_reader_pauses(simulator: Simulator) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 640, 360))
    reader = Reader(CameraSource(camera.url), Allowance(2, 2, 200_000))
    try:
        reader.read()
        time.sleep(1)
        assert all(reader.read() for _ in range(50))
    finally:
        reader.close()


# To whom it connects.


def test_an_address_that_no_camera_may_have_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[object] = []
    monkeypatch.setattr(camera_socket, "resolve", lambda host, port: [("169.254.169.254", port), ("fe80::1", port)])
    monkeypatch.setattr(socket, "create_connection", lambda *arguments: connected.append(arguments))
    assert why_not("http://metadata.example/latest") == NOT_ALLOWED
    assert not connected


def test_of_several_addresses_one_that_a_camera_may_have_is_taken(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 64, 64))
    monkeypatch.setattr(camera_socket, "resolve", lambda host, port: [("169.254.169.254", port), ("127.0.0.1", port)])
    Reader(CameraSource(camera.url.replace("127.0.0.1", "yard.example")), ALLOWANCE).close()


def test_networks_hold_for_the_resolved_address(simulator: Simulator) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 64, 64))
    url = camera.url.replace("127.0.0.1", "localhost")
    assert why_not(url, Allowance(2, 2, networks=parse_networks("10.0.0.0/8"))) == NOT_ALLOWED
    Reader(CameraSource(url), Allowance(2, 2, networks=parse_networks("127.0.0.0/8,::1/128"))).close()


def test_the_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch, canary: Server) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{canary.port}")
    with server(http(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")) as camera:
        assert why_not(f"http://127.0.0.1:{camera.port}/") == "No stream at this path."


def test_an_http_camera_is_asked_for_its_own_host() -> None:
    asked: list[bytes] = []

    def script(connection: socket.socket) -> None:
        asked.append(connection.recv(4096))

    with server(script) as camera:
        why_not(f"http://127.0.0.1:{camera.port}/video?channel=1", Allowance(0.5, 0.5))
    assert b"GET /video?channel=1 HTTP/1.1\r\n" in asked[0]
    assert b"\r\nHost: 127.0.0.1:%d\r\n" % camera.port in asked[0]


def test_an_http_camera_with_a_password_is_asked_again_with_it(simulator: Simulator) -> None:
    camera = SimulatedCamera("Yard", "yard", 64, 64, transport="http", codec="mjpeg", username="ada", password="p@ss:/")
    url = simulator.add(camera).url
    reader = Reader(CameraSource(url, "ada", "p@ss:/"), ALLOWANCE)
    try:
        assert reader.codec == "mjpeg"
        assert reader.read().startswith(b"\xff\xd8")
    finally:
        reader.close()
    assert why_not(url) == "The camera refused the user name or the password."


# Why a camera cannot be opened.


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("401 Unauthorized", "The camera refused the user name or the password."),
        ("403 Forbidden", "The camera refused access to this address."),
        ("404 Not Found", "No stream at this path."),
        ("503 Busy", "The camera answered with status 503."),
    ],
)
def test_what_the_camera_answered_is_the_reason(status: str, reason: str) -> None:
    with server(rtsp(DESCRIBE=lambda request: rtsp_reply(request, status))) as camera:
        assert why_not(f"rtsp://127.0.0.1:{camera.port}/") == reason


def test_who_does_not_listen_speak_or_exist_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not(f"rtsp://127.0.0.1:{free_port()}/") == "Connection refused. Check the address and port."
    with silent_before_accepting() as port:
        assert why_not(f"rtsp://127.0.0.1:{port}/", Allowance(0.5, 0.5)) == "The camera did not answer in time."
    with server(lambda connection: connection.sendall(b"220 mail\r\n\r\n")) as other:
        assert why_not(f"rtsp://127.0.0.1:{other.port}/") == "The address answers, but not with video."

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert why_not("rtsp://yard.example/") == "The host is not known."


# TLS.


def test_a_camera_with_tls_is_read(simulator: Simulator, tmp_path: Path) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 64, 64, username="ada", password="p@ss"))
    with server(with_tls(simulator.port, tmp_path)) as outside:
        url = camera.url.replace("rtsp:", "rtsps:").replace(f":{simulator.port}", f":{outside.port}")
        reader = Reader(CameraSource(url, "ada", "p@ss"), ALLOWANCE)
        try:
            assert all(reader.read().startswith(START) for _ in range(30))
        finally:
            reader.close()
        wait_until(lambda: not outside.open, 2, "the camera is left")


def test_a_camera_without_tls_at_an_address_with_it_is_told_so() -> None:
    with server(lambda connection: connection.sendall(b"RTSP/1.0 400 Bad Request\r\n\r\n")) as camera:
        assert why_not(f"rtsps://127.0.0.1:{camera.port}/") == "The camera does not speak TLS at this port."


# The end.


def test_closing_leaves_the_camera_and_no_thread(simulator: Simulator) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 64, 64))
    reader = Reader(CameraSource(camera.url), ALLOWANCE)
    reader.read()
    reader.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("camera proxy")]
    wait_until(lambda: camera.connections == 0, 1, "the camera is left")


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "PLAY"])
def test_a_camera_that_falls_silent_holds_nothing_up_when_it_is_given_up(method: str) -> None:
    with server(rtsp(**{method: lambda _: b""})) as camera:
        started = time.monotonic()
        why_not(f"rtsp://127.0.0.1:{camera.port}/", Allowance(0.5, 0.5))
        assert time.monotonic() - started < 2.5
        wait_until(lambda: not camera.open, 1, "the camera is left")


def seconds_to_first_picture(url: str) -> float:
    started = time.monotonic()
    reader = Reader(CameraSource(url), Allowance(10, 5))
    reader.read()
    seconds = time.monotonic() - started
    reader.close()
    return seconds


@pytest.mark.parametrize("kind", SILENT)
def test_cameras_that_accept_and_stay_silent_hold_up_no_other(simulator: Simulator, kind: str) -> None:
    healthy = simulator.add(SimulatedCamera("Yard", "yard", 320, 180)).url
    alone = seconds_to_first_picture(healthy)
    with silent(kind) as url, ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(why_not, url, Allowance(4, 4)) for _ in range(4)]
        time.sleep(0.3)  # so that they are being opened
        assert seconds_to_first_picture(healthy) < alone + 1
        assert not any(opening.done() for opening in waiting)


def test_messages_are_taken_apart_wherever_they_are_cut() -> None:
    sent = b"$\x00\x00\x03abcRTSP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nbodyRTSP/1.0 200 OK\n\nrest"
    for length in (1, 2, 3, 7, 50):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            messages = Messages(Slow(ours, length))
            theirs.sendall(sent)
            assert [messages.next() for _ in range(3)] == [
                b"$\x00\x00\x03abc",
                b"RTSP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nbody",
                b"RTSP/1.0 200 OK\n\n",
            ]


class Slow:
    """A connection that gives a few bytes at a time."""

    def __init__(self, connection: socket.socket, length: int) -> None:
        self._connection, self._length = connection, length

    def recv_into(self, buffer: memoryview) -> int:
        return self._connection.recv_into(buffer[: self._length])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def test_a_reply_that_ends_in_its_middle_is_no_reply() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(b"RTSP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nbod")
        theirs.close()
        with pytest.raises(ConnectionResetError):
            Messages(ours).next()


@pytest.mark.parametrize("reply", [b"", b"220 mail\r\n", b"RTSP/1.0 OK\r\n", b"HTTP/1.1 2000 OK\r\n"])
def test_what_is_no_reply_has_no_status(reply: bytes) -> None:
    with pytest.raises(ProxyError):
        camera_proxy.status_of(reply)
