"""Limits size and time of HTTP requests, because Daphne has no such limits.

A worker behind the nginx of deploy/nginx.conf does not reach them: nginx refuses bodies above 1 MB itself, and passes
on a request only when it has all of it.
"""

from typing import Any

from daphne.http_protocol import HTTPFactory
from twisted.web.http import HTTPChannel

MAX_BODY = 1_048_576  # bytes; the largest body that the product needs is an import of cameras, 1 MB
TIMEOUT = 30  # seconds from the first byte of a request to its last, and until the next request's first byte


class BoundedChannel(HTTPChannel):
    """An HTTP connection of Twisted, which closes if the body of a request exceeds `MAX_BODY` (with status 413). It
    also closes, without an answer, if a request is not complete `TIMEOUT` seconds after its first byte. An idle
    connection closes `TIMEOUT` seconds after it opened, or after the response to the previous request.
    """

    transport: Any  # Twisted's types have only the interface
    _begun = False  # a request has started to arrive
    _chunked = 0  # bytes of a body without a Content-Length
    _refused = False

    def connectionMade(self) -> None:
        self.timeOut = TIMEOUT
        super().connectionMade()  # type: ignore[no-untyped-call]

    def resetTimeout(self) -> None:
        # Twisted calls this for each piece of data, so that a slow request would never time out.
        if not self._begun:
            self._begun = True
            super().resetTimeout()  # type: ignore[no-untyped-call]

    def allHeadersReceived(self) -> None:
        self._chunked = 0
        headers = self.requests[-1].requestHeaders
        if not all(value.isascii() for value in headers.getRawHeaders(b"Daphne-Root-Path", [])):
            headers.removeHeader(b"Daphne-Root-Path")  # otherwise, Daphne logs a traceback
        if self.length is not None and self.length > MAX_BODY:
            self._refuse()
        else:
            super().allHeadersReceived()  # type: ignore[no-untyped-call]

    def rawDataReceived(self, data: bytes) -> None:
        if self.length is None:
            self._chunked += len(data)
        if self._chunked > MAX_BODY:
            self._refuse()
        if not self._refused:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        self._begun = False
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def _refuse(self) -> None:
        if not self._refused:
            self._refused = True
            self.transport.write(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.loseConnection()  # type: ignore[no-untyped-call]


def install() -> None:
    """Make Daphne use `BoundedChannel`."""
    HTTPFactory.protocol = BoundedChannel
