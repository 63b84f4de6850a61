"""Motion JPEG as HTTP cameras send it: one answer without an end, each picture a part of it (RFC 2046, 5.1)."""

from collections.abc import Iterator

from ..stream import AccessUnit

BOUNDARY = "picture"

CONTENT_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"


class MultipartStream:
    """Nothing to count and nothing to report, so nothing to remember."""

    def begin(self) -> None: ...

    def frames(self, unit: AccessUnit) -> Iterator[bytes]:
        (file,) = unit.parts
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(file)}\r\n\r\n"
        yield head.encode() + file + b"\r\n"

    def report(self, unit: AccessUnit) -> bytes:
        return b""
