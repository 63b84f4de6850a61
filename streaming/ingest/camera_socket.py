"""Connects to a camera (TLS for rtsps and https). Resolves its host once, and connects to allowed addresses only."""

import contextlib
import select
import socket
import ssl
import threading
import time
from typing import Protocol
from urllib.parse import urlsplit

from cameras.networks import Network, may_hold_cameras
from cameras.sources import CameraSource

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}

NO_ANSWER = "The camera did not answer in time."
NOT_ALLOWED = "The address is not in a network where cameras may be (CAMERA_NETWORKS)."


class ConnectError(Exception):
    """The camera cannot be reached, or its address is not allowed. Administrators see the message."""


class Connection(Protocol):
    """The methods that a socket and a `TlsSocket` share. One thread may read while another one writes."""

    def recv_into(self, buffer: memoryview, /) -> int: ...
    def sendall(self, data: bytes | memoryview, /) -> None: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...


def connect(source: CameraSource, seconds: float, networks: tuple[Network, ...]) -> Connection:
    """Connect to the first of the host's addresses that is allowed and answers. Uses TLS for rtsps and https.

    `networks`: those that cameras may be in; empty: all except cameras.networks.REFUSED_NETWORKS. Raises ConnectError
    if the host is unknown, or no allowed address can be connected to within about `seconds` in total, or if TLS fails,
    which may take as long again. Resolving the host has its own timeout. The caller must set the connection's timeout.
    """
    parts = urlsplit(source.url)
    scheme, host = parts.scheme.lower(), parts.hostname or ""
    ends_at = time.monotonic() + seconds
    problem = NOT_ALLOWED
    for address in resolve(host, parts.port or PORTS[scheme]):
        if not may_hold_cameras(address[0], networks):
            continue
        try:
            connection = socket.create_connection(address, max(ends_at - time.monotonic(), 0.1))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return TlsSocket(connection, host) if scheme in ("rtsps", "https") else connection
        except OSError as error:
            problem = _problem(error)
    raise ConnectError(problem)


def resolve(host: str, port: int) -> list[tuple[str, int]]:
    """Returns a host's IP addresses, each with `port`, allowed or not.

    Raises ConnectError if it has none, or the system's resolver gives up, which has its own timeout.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConnectError("The host name is not known. Check the address.") from error
    return [(str(address[0]), int(address[1])) for *_, address in found]


def _problem(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return NO_ANSWER
    if isinstance(error, ConnectionRefusedError):
        return "Connection refused. Check the address and port."
    if isinstance(error, ssl.SSLError):
        return "The camera does not speak TLS at this port."
    return "The host cannot be reached."


class TlsSocket:
    """TLS on a connected socket. One thread may read while another one writes. Certificates are not checked.

    OpenSSL allows one thread at a time, so a lock guards reads and writes. No thread holds this lock while it waits
    for the network. `host`: the name for SNI. If the handshake fails, the constructor closes the socket and raises
    the error, usually an OSError.
    """

    def __init__(self, connection: socket.socket, host: str) -> None:
        # Cameras have self-signed certificates, and old ones support old versions of TLS only.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        self._seconds = connection.gettimeout()
        self._lock = threading.Lock()
        try:
            self._socket = context.wrap_socket(connection, server_hostname=host)
        except BaseException:
            connection.close()
            raise
        self._socket.setblocking(False)

    def recv_into(self, buffer: memoryview, /) -> int:
        while True:
            with self._lock, contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return self._socket.recv_into(buffer)
            self._wait(writing=False)

    def sendall(self, data: bytes | memoryview, /) -> None:
        rest = memoryview(data)
        while rest:
            with self._lock, contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                rest = rest[self._socket.send(rest) :]
                continue
            self._wait(writing=True)

    def _wait(self, *, writing: bool) -> None:
        ready = select.select([] if writing else [self._socket], [self._socket] if writing else [], [], self._seconds)
        if not any(ready):
            raise TimeoutError

    def settimeout(self, seconds: float | None, /) -> None:
        self._seconds = seconds

    def shutdown(self, how: int, /) -> None:
        self._socket.shutdown(how)

    def close(self) -> None:
        self._socket.close()
