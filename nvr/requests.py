"""Bounds on what a client sends over HTTP, as Daphne has none: without a proxy in front it takes what comes.

deploy/nginx.conf has limits as tight, so behind it these are never met.
"""

from typing import Any

from daphne.http_protocol import HTTPFactory
from twisted.web.http import HTTPChannel

MAX_BODY = 1_048_576  # bytes; the largest body that is wanted is an import of cameras, 1 MB
SECONDS = 30  # for a whole request, from its first byte to its last; also for the next one's first byte


class BoundedChannel(HTTPChannel):
    """Ends a connection whose request is too large (413) or takes too long (without a word)."""

    transport: Any  # Twisted's types know the interface only
    _begun = False  # a request has begun to come
    _chunked = 0  # bytes of a body that came without its length
    _refused = False

    def connectionMade(self) -> None:
        self.timeOut = SECONDS
        super().connectionMade()  # type: ignore[no-untyped-call]

    def resetTimeout(self) -> None:
        # Twisted calls this for each piece of data, by which a request that drips never ends.
        if not self._begun:
            self._begun = True
            super().resetTimeout()  # type: ignore[no-untyped-call]

    def allHeadersReceived(self) -> None:
        self._chunked = 0
        headers = self.requests[-1].requestHeaders
        if not all(value.isascii() for value in headers.getRawHeaders(b"Daphne-Root-Path", [])):
            headers.removeHeader(b"Daphne-Root-Path")  # Daphne would log a traceback
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
    """Have Daphne read HTTP by this."""
    HTTPFactory.protocol = BoundedChannel
