"""Clients for these tests: OpenCV, decoded or raw, and an RTSP socket that sees every byte."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import cv2
import numpy as np
import numpy.typing as npt

TIMEOUT_MS = 2000
SOCKET_TIMEOUT = 5.0


@contextmanager
def watch(url: str, raw: bool = False, timeout_ms: int = TIMEOUT_MS) -> Iterator[cv2.VideoCapture]:
    """Open the camera with OpenCV, which may fail, and release it at the end. With `raw` it returns packets."""
    settings = [
        *([cv2.CAP_PROP_FORMAT, -1] if raw else []),
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        timeout_ms,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        timeout_ms,
        cv2.CAP_PROP_N_THREADS,
        1,
    ]
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, settings)
    try:
        yield capture
    finally:
        capture.release()


def read(capture: cv2.VideoCapture) -> npt.NDArray[Any]:
    """Returns the next frame. Fails without one."""
    ok, image = capture.read()
    assert ok
    return np.asarray(image)


@dataclass(frozen=True)
class RawRead:
    """The result of one read of a raw capture."""

    data: bytes
    key: bool  # FFmpeg's flag, which recovery points have too
    milliseconds: float

    @property
    def nals(self) -> list[bytes]:
        return [nal for nal in re.split(rb"\x00{2,3}\x01", self.data) if nal]

    @property
    def types(self) -> list[int]:
        """NAL unit types of H.264."""
        return [nal[0] & 0x1F for nal in self.nals]

    @property
    def types_of_h265(self) -> list[int]:
        return [nal[0] >> 1 & 0x3F for nal in self.nals]


def read_raw(capture: cv2.VideoCapture, count: int) -> list[RawRead]:
    """Returns the next `count` reads. Fails without them."""
    reads = []
    for _ in range(count):
        data = read(capture).tobytes()
        key = bool(capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME))
        reads.append(RawRead(data, key, capture.get(cv2.CAP_PROP_POS_MSEC)))
    return reads


def fourcc(capture: cv2.VideoCapture) -> str:
    return int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode()


def read_to_the_end(capture: cv2.VideoCapture) -> float:
    """Read until a read fails. Returns the seconds that the failed read took."""
    while True:
        started = time.monotonic()
        if not capture.read()[0]:
            return time.monotonic() - started


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll a condition that another thread changes. Fails after `SOCKET_TIMEOUT`."""
    deadline = time.monotonic() + SOCKET_TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


class RtspSocket:
    """An RTSP client that sends any request, right or wrong."""

    def __init__(self, url: str) -> None:
        self.url = url
        place = urlsplit(url)
        self._socket = socket.create_connection((place.hostname, place.port), timeout=SOCKET_TIMEOUT)
        self._stream = self._socket.makefile("rb")
        self._sequence = 0
        self.session = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def request(self, method: str, url: str = "", **headers: str) -> int:
        """Send a request. Returns the status, and keeps the reply's `headers` and `body`."""
        self.ask(method, url, **headers)
        return self.reply()

    def ask(self, method: str, url: str = "", **headers: str) -> None:
        self._sequence += 1
        fields = {"CSeq": str(self._sequence), "Session": self.session, **headers}
        lines = [f"{method} {url or self.url} RTSP/1.0"]
        lines += [f"{name}: {value}" for name, value in fields.items() if value]
        self.send("\r\n".join((*lines, "", "")).encode())

    def reply(self) -> int:
        first = self._next_line()
        pairs = [line.partition(":") for line in iter(self._next_line, "")]
        self.headers = [(name.lower(), value.strip()) for name, _, value in pairs]
        known = dict(self.headers)
        self.body = self._stream.read(int(known.get("content-length", "0"))).decode()
        assert int(known["cseq"]) == self._sequence
        return int(first.split()[1])

    def header(self, name: str) -> str:
        return dict(self.headers)[name.lower()]

    def play(self) -> None:
        """Send all requests from DESCRIBE to PLAY."""
        assert self.request("DESCRIBE") == 200
        assert self.request("SETUP", f"{self.url}/track1", Transport="RTP/AVP/TCP;interleaved=0-1") == 200
        self.session = self.header("Session").partition(";")[0]
        assert self.request("PLAY") == 200

    def packet(self) -> tuple[int, bytes]:
        """Channel and bytes of the next interleaved packet."""
        mark, channel, *length = self._stream.read(4)
        assert mark == ord("$")
        return channel, self._stream.read(int.from_bytes(length, "big"))

    def rtp(self) -> bytes:
        """The next packet of media."""
        while True:
            channel, packet = self.packet()
            if channel == 0:
                return packet

    def access_unit(self) -> list[bytes]:
        """The packets up to the next marker."""
        packets = [self.rtp()]
        while not packets[-1][1] & 0x80:
            packets.append(self.rtp())
        return packets

    def sequence(self) -> int:
        """The sequence number of the next packet of media."""
        return int.from_bytes(self.rtp()[2:4], "big")

    def take(self, count: int) -> bytes:
        """Returns the next `count` bytes from the socket."""
        return self._stream.read(count)

    def is_quiet(self, seconds: float) -> bool:
        """Whether nothing arrives for that time, after data that is already sent."""
        self._socket.settimeout(seconds)
        try:
            while self._socket.recv(65536):
                pass
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(SOCKET_TIMEOUT)
        return False

    def shrink_buffer(self) -> None:
        """Shrink the kernel's buffer, so that the server soon notices that the client does not read."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def is_closed(self) -> bool:
        """Whether the server closes the connection. Skips data before that."""
        try:
            while self._stream.read(1):
                pass
        except ConnectionResetError:
            pass
        return True

    def _next_line(self) -> str:
        while self._stream.peek(1)[:1] == b"$":
            self.packet()
        return self._stream.readline().decode().rstrip("\r\n")


def sprop_sets(description: str) -> list[str]:
    found = re.search(r"sprop-parameter-sets=(\S+)", description)
    assert found
    return found[1].split(",")
