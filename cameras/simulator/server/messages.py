"""Parses the requests of RTSP (RFC 2326) and HTTP, and encodes the responses."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MAX_HEAD = 16_384
MAX_BODY = 65_536
"""Bytes. A request is malformed if its body is larger, or its head is larger and still incomplete."""

SERVER = ("Server", "Camera simulator")

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    501: "Not Implemented",
}


class MalformedRequest(Exception):
    """The received bytes are not a request of RTSP or HTTP, or the request is too large."""


@dataclass(frozen=True)
class Request:
    protocol: str  # "rtsp" or "http"
    method: str
    path: str  # the camera's path: the first segment of the URL's path
    headers: dict[str, str]  # names in lower case


@dataclass(frozen=True)
class Response:
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def encode(self, sequence: str) -> bytes:
        """Returns the bytes of this response in RTSP. `sequence` is the value of the request's CSeq header."""
        length = (("Content-Length", str(len(self.body))),) if self.body else ()
        return self._encode("RTSP/1.0", (("CSeq", sequence), SERVER, *self.headers, *length))

    def encode_http(self) -> bytes:
        """Returns the bytes of this response in HTTP, without Content-Length: closing the connection ends the body."""
        return self._encode("HTTP/1.1", (SERVER, ("Connection", "close"), *self.headers))

    def _encode(self, version: str, headers: tuple[tuple[str, str], ...]) -> bytes:
        first = f"{version} {self.status} {REASONS[self.status]}"
        lines = (first, *(f"{name}: {value}" for name, value in headers), "", "")
        return "\r\n".join(lines).encode() + self.body


@dataclass
class RequestReader:
    """Parses the bytes received on one connection into RTSP or HTTP requests.

    It skips RTP and RTCP packets that an RTSP client sends between its requests.
    """

    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[Request]:
        """Add received bytes and yield the requests that are complete now. Adds nothing until the caller iterates.

        Raises MalformedRequest for bytes that are no request or too large a one. The reader cannot be used afterwards.
        """
        self._buffer += data
        while True:
            self._skip_interleaved()
            request = self._take_request()
            if request is None:
                return
            yield request

    def _skip_interleaved(self) -> None:
        while self._buffer[:1] == b"$" and len(self._buffer) >= 4:
            end = 4 + int.from_bytes(self._buffer[2:4], "big")
            if len(self._buffer) < end:
                return
            del self._buffer[:end]

    def _take_request(self) -> Request | None:
        if self._buffer[:1] == b"$":
            return None
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise MalformedRequest
            return None
        request = _parse(self._buffer[:head_end].decode("latin-1"))
        end = head_end + 4 + _body_length(request)
        if len(self._buffer) < end:
            return None
        del self._buffer[:end]
        return request


def _parse(head: str) -> Request:
    first, *lines = head.lstrip("\r\n").split("\r\n")
    match first.split(" "):
        case [method, url, version] if version.startswith(("RTSP/1.", "HTTP/1.")):
            pairs = (line.partition(":") for line in lines)
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            return Request(version[:4].lower(), method, _first_segment(url), headers)
    raise MalformedRequest


def _first_segment(url: str) -> str:
    try:
        return urlsplit(url).path.strip("/").partition("/")[0]
    except ValueError as error:
        raise MalformedRequest from error


def _body_length(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY:
        raise MalformedRequest
    return int(length)
