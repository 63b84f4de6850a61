"""The way from a camera to FFmpeg: a proxy on loopback, one for each open camera.

FFmpeg follows any redirect of an RTSP camera, resolves the host's name by itself, and collects what belongs to one picture
without a bound. So it never connects to a camera: it is given an address on loopback, and this proxy connects to the address
that was resolved and checked, and to no other. It refuses redirects, ends a camera that sends more than a picture may have,
and knows why a camera could not be opened. It must never decode anything, nor keep more than one read.
"""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

from cameras.networks import Network
from cameras.sources import CameraSource
from streaming.ingest.camera_socket import NO_ANSWER, ConnectError, Connection, connect

LARGEST_HEAD = 64 * 1024  # bytes of a message's header lines
LARGEST_BODY = 1024 * 1024  # bytes of a session description
SEND_BUFFER = 256 * 1024  # bytes
IN_SOCKETS = 8_000_000  # bytes that may wait between here and FFmpeg while it is busy: Linux lets it have 6 MB unread
AT_ONCE = 64 * 1024  # bytes of one read
MOST_CONNECTIONS = 4  # of FFmpeg for one opening: an HTTP log-in takes two

PACKET = b"$"  # begins an interleaved packet of RTSP
# Followed by FFmpeg, and unpacked by it without a bound; renamed wherever the words stand.
UNWANTED = re.compile(rb"(?i)(location|content-encoding):")

REDIRECT = "The camera answers with another address. Redirects are not followed: enter that address here."
TOO_LARGE = "The camera sent a picture that is larger than STREAM_MAX_PICTURE_MB."
REASONS = {
    401: "The camera refused the user name or the password.",
    403: "The camera refused access to this address.",
    404: "No stream at this path.",
}


class ProxyError(Exception):
    """The camera sent what it may not. The message is fit to be shown to who runs the camera."""


class CameraProxy:
    """Connects when it is made, and passes on until it is closed. All methods may be called from any thread.

    Raises ConnectError when the camera cannot be reached within `timeout` seconds, or may not be.
    """

    def __init__(
        self, source: CameraSource, timeout: float, largest_picture: int, networks: tuple[Network, ...] = ()
    ) -> None:
        self._source, self._timeout, self._networks = source, timeout, networks
        self._most = largest_picture + IN_SOCKETS
        self._passed = 0  # bytes since the last picture that FFmpeg gave
        self.problem = ""  # what stands against the camera, as far as it is known here
        self._parts = urlsplit(source.url)
        self._is_rtsp = self._parts.scheme.lower().startswith("rtsp")
        self._camera: Connection | None = connect(source, timeout, networks)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._thread = threading.Thread(target=self._run, name="camera proxy", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where FFmpeg finds the camera, with the credentials in it: never for a log or a page."""
        credentials = ""
        if self._source.username or self._source.password:
            credentials = f"{quote(self._source.username, safe='')}:{quote(self._source.password, safe='')}@"
        host, port = self._listener.getsockname()
        scheme = "rtsp" if self._is_rtsp else "http"  # TLS ends here
        return self._parts._replace(scheme=scheme, netloc=f"{credentials}{host}:{port}").geturl()

    def picture_came(self) -> None:
        """FFmpeg has given a picture: the next one begins."""
        self._passed = 0

    def close(self) -> None:
        """Disconnect from the camera. Blocks until that is done, a second at most."""
        _shut(self._listener)
        if (camera := self._camera) is not None:
            _shut(camera)
        self._thread.join(1)
        self._listener.close()

    # In the thread.

    def _run(self) -> None:
        try:
            for _ in range(1 if self._is_rtsp else MOST_CONNECTIONS):
                self._accept()
        except (ProxyError, ConnectError) as error:
            self.problem = str(error)
        except TimeoutError:
            self.problem = NO_ANSWER
        except OSError:  # closed
            pass
        finally:
            self._listener.close()
            if self._camera is not None:
                self._camera.close()

    def _accept(self) -> None:
        """One connection of FFmpeg's, from its beginning to its end. Raises OSError when there will be none."""
        client, _ = self._listener.accept()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        with contextlib.suppress(ConnectionError), client, self._connection() as camera:
            self._serve(client, camera)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        """The connection that was made first, or another one."""
        self._camera = camera = self._camera or connect(self._source, self._timeout, self._networks)
        try:
            yield camera
        finally:
            self._camera = None
            camera.close()

    def _serve(self, client: socket.socket, camera: Connection) -> None:
        client.settimeout(self._timeout)
        camera.settimeout(self._timeout)
        begin = self._set_up if self._is_rtsp else self._fetch
        client.sendall(begin(client, camera))
        client.settimeout(None)
        camera.settimeout(None)
        self._pump(client, camera)

    def _set_up(self, client: socket.socket, camera: Connection) -> bytes:
        """Requests and replies until media are asked for: only until then FFmpeg follows redirects."""
        requests, replies = Messages(client), Messages(camera)
        while True:
            request = requests.next()
            camera.sendall(request)
            if request.startswith(b"PLAY "):
                return replies.rest
            while (reply := replies.next()).startswith(PACKET):
                client.sendall(reply)
            client.sendall(self._checked(reply))

    def _fetch(self, client: socket.socket, camera: Connection) -> bytes:
        """One request, and the head of its reply."""
        host = (
            self._parts.netloc if self._parts.netloc.isascii() else (self._parts.hostname or "").encode("idna").decode()
        )
        request = re.sub(rb"(?i)(\r\nHost: )[^\r]*", rb"\g<1>" + host.encode(), Messages(client).next(), count=1)
        camera.sendall(request)
        replies = Messages(camera)
        return self._checked(replies.next_head()) + replies.rest

    def _checked(self, reply: bytes) -> bytes:
        """The reply without what FFmpeg must not act on, however else it reads the rest. Raises ProxyError."""
        status = status_of(reply)
        if 300 <= status < 400:
            raise ProxyError(REDIRECT)
        self.problem = REASONS.get(status, "" if status < 400 else f"The camera answered with status {status}.")
        return UNWANTED.sub(rb"x-\1:", reply)

    def _pump(self, client: socket.socket, camera: Connection) -> None:
        """Pass on what comes, both ways, until one side has gone."""
        back = threading.Thread(target=_pass_back, args=(client, camera), name="camera proxy, back", daemon=True)
        back.start()
        try:
            buffer = memoryview(bytearray(AT_ONCE))
            while size := camera.recv_into(buffer):
                self._passed += size
                if self._passed > self._most:
                    raise ProxyError(TOO_LARGE)
                client.sendall(buffer[:size])
        finally:
            _shut(client)
            back.join()


def _pass_back(client: socket.socket, camera: Connection) -> None:
    """What FFmpeg says while media come: that it goes on, and its end."""
    with contextlib.suppress(OSError):
        while data := client.recv(AT_ONCE):
            camera.sendall(data)
    _shut(camera)


def _shut(connection: Connection) -> None:
    """Wakes up who reads from it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class Messages:
    """RTSP or HTTP messages from a connection: header lines, and what Content-Length announces. Raises ProxyError."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._buffer = connection, memoryview(bytearray(AT_ONCE))
        self.rest = b""  # what has come beyond the last message

    def next(self) -> bytes:
        """A whole message, or an interleaved packet."""
        self._need(1)
        if self.rest.startswith(PACKET):
            self._need(4)
            return self._take(4 + int.from_bytes(self.rest[2:4], "big"))
        head = self.next_head()
        announced = re.search(rb"(?i)\r?\ncontent-length:[ \t]*([0-9]{1,9})", head)
        length = int(announced[1]) if announced else 0
        if length > LARGEST_BODY:
            raise ProxyError("The camera's answer is too large.")
        return head + self._take(length)

    def next_head(self) -> bytes:
        while (end := re.search(rb"\r?\n\r?\n", self.rest)) is None:
            if len(self.rest) > LARGEST_HEAD:
                raise ProxyError("The camera's answer is too large.")
            self._read()
        return self._take(end.end())

    def _take(self, length: int) -> bytes:
        self._need(length)
        taken, self.rest = self.rest[:length], self.rest[length:]
        return taken

    def _need(self, length: int) -> None:
        while len(self.rest) < length:
            self._read()

    def _read(self) -> None:
        size = self._connection.recv_into(self._buffer)
        if not size:
            raise ConnectionResetError
        self.rest += self._buffer[:size]


def status_of(reply: bytes) -> int:
    """Of an RTSP or HTTP reply. Raises ProxyError when it is none."""
    found = re.match(rb"(?:RTSP/|HTTP/|ICY)[^\s]*[ \t]+([0-9]{3})\s", reply)
    if found is None:
        raise ProxyError("The address answers, but not with video.")
    return int(found[1])
