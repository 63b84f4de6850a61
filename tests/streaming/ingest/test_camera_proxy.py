"""The proxy between a camera and FFmpeg: which addresses it connects to, and which replies it lets through."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cameras.networks import parse_networks
from cameras.simulator import SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.ingest import camera_socket
from streaming.ingest.access_units import START
from streaming.ingest.camera_proxy import NO_LOGIN, REDIRECT, CameraProxy
from streaming.ingest.camera_socket import NO_ANSWER, NOT_ALLOWED
from streaming.ingest.opencv import cv2
from streaming.ingest.reader import Allowance, Reader
from tests.servers import PATIENCE, free_port, wait_until
from tests.streaming.ingest.scripted import (
    ALLOWANCE,
    SDP,
    SILENT,
    Server,
    http,
    rtsp,
    rtsp_reply,
    server,
    silent,
    silent_before_accepting,
    why_not,
    with_tls,
)

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


def test_a_redirect_hidden_in_the_body_of_a_reply_is_not_followed(
    canary: Server,
) -> None:
    def reply(request: bytes) -> bytes:
        hidden = moved(canary)(request)
        return rtsp_reply(request, headers=b"Content-Length: %d\r\nContent-Length: 0\r\n" % len(hidden)) + hidden

    with server(rtsp(DESCRIBE=reply)) as camera:
        why_not(f"rtsp://127.0.0.1:{camera.port}/")


def test_ffmpeg_itself_follows_no_http_redirect(canary: Server) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\n\r\n" % canary.port
    with server(http(head)) as camera:
        capture = cv2.VideoCapture(f"http://127.0.0.1:{camera.port}/", cv2.CAP_FFMPEG)
        assert not capture.isOpened()
        assert camera.connections == 1


# Replies that are not video.

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
def test_texts_and_playlists_are_not_read_as_video(canary: Server, path: str) -> None:
    kind, text = OTHERS[path]
    body = text.replace("{port}", str(canary.port)).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with server(http(head, (body,))) as camera:
        why_not(f"http://127.0.0.1:{camera.port}{path}")


# The address it connects to.


def test_a_forbidden_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[object] = []
    monkeypatch.setattr(camera_socket, "resolve", lambda host, port: [("169.254.169.254", port), ("fe80::1", port)])
    monkeypatch.setattr(socket, "create_connection", lambda *arguments: connected.append(arguments))
    assert why_not("http://metadata.example/latest") == NOT_ALLOWED
    assert not connected


def test_an_allowed_address_is_chosen_among_several(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 64, 64))
    monkeypatch.setattr(camera_socket, "resolve", lambda host, port: [("169.254.169.254", port), ("127.0.0.1", port)])
    Reader(CameraSource(camera.url.replace("127.0.0.1", "yard.example")), ALLOWANCE).close()


def test_networks_are_checked_for_the_resolved_address(simulator: Simulator) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 64, 64))
    url = camera.url.replace("127.0.0.1", "localhost")
    assert why_not(url, Allowance(2, 2, networks=parse_networks("10.0.0.0/8"))) == NOT_ALLOWED
    Reader(CameraSource(url), Allowance(2, 2, networks=parse_networks("127.0.0.0/8,::1/128"))).close()


def test_the_proxy_of_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch, canary: Server) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{canary.port}")
    with server(http(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")) as camera:
        assert why_not(f"http://127.0.0.1:{camera.port}/") == "No stream at this path."


def test_an_http_camera_gets_its_own_host_header() -> None:
    asked: list[bytes] = []

    def script(connection: socket.socket) -> None:
        asked.append(connection.recv(4096))

    with server(script) as camera:
        why_not(f"http://127.0.0.1:{camera.port}/video?channel=1", Allowance(0.5, 0.5))
    assert b"GET /video?channel=1 HTTP/1.1\r\n" in asked[0]
    assert b"\r\nHost: 127.0.0.1:%d\r\n" % camera.port in asked[0]


def test_an_http_camera_with_a_password_is_read(simulator: Simulator) -> None:
    camera = SimulatedCamera("Yard", "yard", 64, 64, transport="http", codec="mjpeg", username="ada", password="p@ss:/")
    url = simulator.add(camera).url
    reader = Reader(CameraSource(url, "ada", "p@ss:/"), ALLOWANCE)
    try:
        assert reader.codec == "mjpeg"
        assert reader.read().startswith(b"\xff\xd8")
    finally:
        reader.close()
    assert why_not(url) == NO_LOGIN


# Why a camera cannot be opened.


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("401 Unauthorized", NO_LOGIN),
        ("403 Forbidden", "The camera refused access to this address."),
        ("404 Not Found", "No stream at this path."),
        ("503 Busy", "The camera answered with status 503."),
    ],
)
def test_the_camera_s_answer_is_the_reason(status: str, reason: str) -> None:
    with server(rtsp(DESCRIBE=lambda request: rtsp_reply(request, status))) as camera:
        assert why_not(f"rtsp://127.0.0.1:{camera.port}/") == reason


@pytest.mark.parametrize("kind", ["OPTIONS", "DESCRIBE", "GET"])
def test_a_camera_that_has_not_answered_yet_is_known_before_its_timeout(kind: str) -> None:
    with silent(kind) as url:
        proxy = CameraProxy(CameraSource(url), 60, 1_000_000)
        threading.Thread(target=cv2.VideoCapture, args=(proxy.url, cv2.CAP_FFMPEG), daemon=True).start()
        wait_until(lambda: proxy.reason == NO_ANSWER, PATIENCE, "the camera is asked")
        proxy.close()


def test_a_camera_that_disconnects_instead_of_an_answer_has_not_been_silent() -> None:
    with server(lambda connection: connection.shutdown(socket.SHUT_RDWR)) as camera:
        assert (
            why_not(f"rtsp://127.0.0.1:{camera.port}/")
            == "The camera refused the connection, the log-in or the address."
        )


def test_each_connection_error_has_its_own_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not(f"rtsp://127.0.0.1:{free_port()}/") == "Connection refused. Check the address and port."
    with silent_before_accepting() as port:
        assert why_not(f"rtsp://127.0.0.1:{port}/", Allowance(0.5, 0.5)) == "The camera did not answer in time."
    with server(lambda connection: connection.sendall(b"220 mail\r\n\r\n")) as other:
        assert why_not(f"rtsp://127.0.0.1:{other.port}/") == "The address answers, but not with video."

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert why_not("rtsp://yard.example/") == "The host name is not known. Check the address."


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
        wait_until(lambda: not outside.open, PATIENCE, "the camera is disconnected")


def test_a_camera_without_tls_at_an_rtsps_address_is_reported() -> None:
    with server(lambda connection: connection.sendall(b"RTSP/1.0 400 Bad Request\r\n\r\n")) as camera:
        assert why_not(f"rtsps://127.0.0.1:{camera.port}/") == "The camera does not speak TLS at this port."


# The end.


def test_close_disconnects_from_the_camera_and_ends_all_threads(simulator: Simulator) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 64, 64))
    reader = Reader(CameraSource(camera.url), ALLOWANCE)
    reader.read()
    reader.close()
    wait_until(
        lambda: not any(thread.name.startswith("camera proxy") for thread in threading.enumerate()),
        PATIENCE,
        "its threads end",
    )
    wait_until(lambda: camera.connections == 0, PATIENCE, "the camera is left")


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "PLAY"])
def test_a_silent_camera_is_disconnected_soon_after_the_timeout(method: str) -> None:
    with server(rtsp(**{method: lambda _: b""})) as camera:
        started = time.monotonic()
        why_not(f"rtsp://127.0.0.1:{camera.port}/", Allowance(0.5, 0.5))
        assert time.monotonic() - started < 5
        wait_until(lambda: not camera.open, PATIENCE, "the camera is left")


def seconds_to_first_picture(url: str) -> float:
    started = time.monotonic()
    reader = Reader(CameraSource(url), Allowance(10, 5))
    reader.read()
    seconds = time.monotonic() - started
    reader.close()
    return seconds


@pytest.mark.timing("measures how soon a picture comes beside silent cameras")
@pytest.mark.parametrize("kind", SILENT)
def test_silent_cameras_do_not_delay_others(simulator: Simulator, kind: str) -> None:
    healthy = simulator.add(SimulatedCamera("Yard", "yard", 320, 180)).url
    alone = seconds_to_first_picture(healthy)
    with ThreadPoolExecutor(4) as threads, silent(kind) as url:
        # The camera hangs up at the end of this block, which ends the openings.
        waiting = [threads.submit(why_not, url, Allowance(10, 10)) for _ in range(4)]
        time.sleep(0.3)  # until they are being opened
        assert seconds_to_first_picture(healthy) < alone + 1
        assert not any(opening.done() for opening in waiting)
