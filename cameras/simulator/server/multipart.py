"""Motion JPEG over HTTP: one endless multipart response, with a picture in each part (RFC 2046, 5.1)."""

from collections.abc import Iterator

from ..stream import AccessUnit

BOUNDARY = "picture"

CONTENT_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"


class MultipartStream:
    """A `Wire` for HTTP. It has no state and no reports."""

    def begin(self) -> None: ...

    def frames(self, unit: AccessUnit) -> Iterator[bytes]:
        (file,) = unit.parts
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(file)}\r\n\r\n"
        yield head.encode() + file + b"\r\n"

    def report(self, unit: AccessUnit) -> bytes:
        return b""
