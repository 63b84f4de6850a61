"""Motion JPEG over HTTP: one endless multipart response, with a picture in each part (RFC 2046, 5.1)."""

from collections.abc import Iterator

from ..stream import AccessUnit

BOUNDARY = "picture"

CONTENT_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"


class MultipartStream:
    """Formats pictures as parts of a multipart HTTP response, for a Sender.

    It has the interface of RTP streams (sender.Wire), but no state and no reports: `report` returns no bytes.
    """

    def begin(self) -> None: ...

    def frames(self, unit: AccessUnit) -> Iterator[bytes]:
        (file,) = unit.parts
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(file)}\r\n\r\n"
        yield head.encode() + file + b"\r\n"

    def report(self, unit: AccessUnit) -> bytes:
        return b""
