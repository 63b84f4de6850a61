"""A proxy on loopback between a camera and FFmpeg, one for each open camera.

FFmpeg follows any redirect of an RTSP camera, resolves host names itself and collects one picture without a size limit.
So FFmpeg never connects to a camera. It connects to this proxy, which connects only to an address that has been checked.
The proxy refuses redirects, disconnects a camera whose picture is too large, and knows why a camera cannot be opened.
It tells FFmpeg where a picture ends (picture_ends.py). It must never decode anything, nor keep more than one picture.
"""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from cameras.networks import Network
from cameras.sources import CameraSource
from streaming.ingest.camera_socket import NO_ANSWER, ConnectError, Connection, connect
from streaming.ingest.condition import Problem
from streaming.ingest.picture_ends import PictureEnds, video_types

MAX_HEAD_BYTES = 64 * 1024  # of a message's header lines
MAX_BODY_BYTES = 1024 * 1024  # of a session description
SEND_BUFFER = 256 * 1024  # bytes
IN_SOCKETS = 8_000_000  # bytes that may wait in sockets while FFmpeg is busy: Linux keeps up to 6 MB unread
READ_BYTES = 64 * 1024  # of one read
MAX_CONNECTIONS = 4  # of FFmpeg for one opening: an HTTP login takes two
KNOWN_AFTER = 50  # whole pictures, after which the next connection to this camera trusts its marker bits at once

PACKET = b"$"  # begins an interleaved packet of RTSP
# FFmpeg follows the first and unpacks the second without a limit. Both are renamed, wherever they are in a reply.
UNWANTED = re.compile(rb"(?i)(location|content-encoding):")

REDIRECT = "The camera answers with another address. Redirects are not followed: enter that address here."
TOO_LARGE = "The camera sent a picture that is larger than STREAM_MAX_PICTURE_MB."
NO_LOGIN = "The camera wants a user name and a password."
REASONS = {
    401: "The camera refused the user name or the password.",
    403: "The camera refused access to this address.",
    404: "No stream at this path.",
}
PROBLEMS = dict.fromkeys((REASONS[401], NO_LOGIN), Problem.WRONG_PASSWORD)
PROBLEMS |= {REASONS[404]: Problem.NO_SUCH_PATH, NO_ANSWER: Problem.UNREACHABLE}


def problem_of(reason: str) -> Problem:
    """Returns the failure's kind by `reason`, the text in `CameraProxy.reason`; NO_PICTURE if not in `PROBLEMS`."""
    return PROBLEMS.get(reason, Problem.NO_PICTURE)


class ProxyError(Exception):
    """The camera sent a redirect, something too large, or no RTSP or HTTP reply. Administrators see the message."""


known_cameras: set[str] = set()  # addresses of cameras whose marker bits were right, as this process has seen


class CameraProxy:
    """Connects to a camera, and forwards data between it and FFmpeg until `close`. Any thread may call its methods.

    `timeout`: seconds to connect, then for each reply. `largest_picture`: bytes; the proxy allows IN_SOCKETS more.
    `networks`, and errors of the constructor: see `connect`. `reason`: why the camera cannot be read, or ""."""

    def __init__(
        self, source: CameraSource, timeout: float, largest_picture: int, networks: tuple[Network, ...] = ()
    ) -> None:
        self._source, self._timeout, self._networks = source, timeout, networks
        self._most = largest_picture + IN_SOCKETS  # bytes without a picture
        self._passed = 0  # bytes since FFmpeg returned the last picture
        self.reason = ""  # why the camera cannot be read, for administrators, if the proxy knows
        self._parts = urlsplit(source.url)
        self._is_rtsp = self._parts.scheme.lower().startswith("rtsp")
        self._ends = PictureEnds({})
        self._camera: Connection | None = connect(source, timeout, networks)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._thread = threading.Thread(target=self._run, name="camera proxy", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The proxy's URL for FFmpeg. It contains the credentials: never log or show it."""
        host, port = self._listener.getsockname()
        scheme = "rtsp" if self._is_rtsp else "http"  # TLS ends here
        url = self._parts._replace(scheme=scheme, netloc=f"{host}:{port}").geturl()
        return replace(self._source, url=url).url_with_credentials()

    def picture_came(self) -> None:
        """Begin to count the bytes of the next picture, for the size limit. Called when FFmpeg has returned one."""
        self._passed = 0

    @property
    def returns_whole_pictures(self) -> bool:
        """Whether FFmpeg has returned each picture so far in one read. False also if that is not known."""
        return not self._ends.gave_up and (self._ends.trusted or self._ends.whole > 0)

    @property
    def splits_keyframes(self) -> bool:
        """Whether FFmpeg now returns keyframes in two reads: the proxy has stopped dropping repeated parameter sets."""
        return self._ends.gave_up and self._ends.has_dropped_repetitions

    @property
    def camera_delay(self) -> float | None:
        """Average ms from a picture's capture to its end's arrival. None: the camera's clock is unknown or wrong."""
        return self._ends.clock.delay

    def close(self) -> None:
        """Disconnect from the camera. Blocks for a second at most."""
        _shut(self._listener)
        if (camera := self._camera) is not None:
            _shut(camera)
        self._thread.join(1)
        self._listener.close()

    # In the proxy's thread.

    def _run(self) -> None:
        try:
            with contextlib.suppress(ProxyError, ConnectError, OSError):  # noted already, or closed
                for _ in range(1 if self._is_rtsp else MAX_CONNECTIONS):
                    self._accept()
        finally:
            self._listener.close()
            if self._camera is not None:
                self._camera.close()

    def _accept(self) -> None:
        """Serve a connection of FFmpeg to its end. Raises ProxyError, ConnectError, OSError (`close`, timeout)."""
        client, _ = self._listener.accept()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        with contextlib.suppress(ConnectionError), client, self._noted(), self._connection() as camera:
            self._serve(client, camera)

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        """If the block raises, update `reason`, which `Reader` reads once FFmpeg is disconnected, and re-raise."""
        try:
            yield
        except (ProxyError, ConnectError) as error:
            self.reason = str(error)
            raise
        except OSError as error:
            if self.reason == NO_ANSWER and not isinstance(error, TimeoutError):
                self.reason = ""  # it disconnected instead
            raise

    def _ask(self, camera: Connection, request: bytes) -> None:
        """Send a request. Until its reply, `reason` is "no answer": FFmpeg may time out before the proxy does."""
        self.reason = NO_ANSWER
        camera.sendall(request)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Yields the constructor's connection to the camera, or a new one. Closes it after. Raises ConnectError."""
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
        client.sendall(self._ends.push(begin(client, camera)))
        client.settimeout(None)
        camera.settimeout(None)
        try:
            self._pump(client, camera)
        finally:
            self._remember()

    def _remember(self) -> None:
        """Store for later connections whether the RTP marker bits of this camera tell where its pictures end."""
        if self._ends.gave_up:
            known_cameras.discard(self._source.url)
        elif self._ends.whole >= KNOWN_AFTER:
            known_cameras.add(self._source.url)

    def _set_up(self, client: socket.socket, camera: Connection) -> bytes:
        """Forward RTSP until PLAY is sent; FFmpeg ignores a redirect in its reply. Returns bytes not forwarded yet."""
        requests, replies = Messages(client), Messages(camera)
        while True:
            request = requests.next()
            if request.startswith(b"PLAY "):
                camera.sendall(request)
                return replies.rest
            self._ask(camera, request)
            while (reply := replies.next()).startswith(PACKET):
                client.sendall(reply)
            client.sendall(self._checked(reply))
            if request.startswith(b"DESCRIBE "):
                self._ends = PictureEnds(video_types(reply), trusted=self._source.url in known_cameras)

    def _fetch(self, client: socket.socket, camera: Connection) -> bytes:
        """Forward one HTTP request. Returns the head of its reply and what came with it of the body, not yet forwarded."""
        netloc, name = self._parts.netloc, self._parts.hostname or ""
        host = netloc if netloc.isascii() else name.encode("idna").decode()
        request = re.sub(rb"(?i)(\r\nHost: )[^\r]*", rb"\g<1>" + host.encode(), Messages(client).next(), count=1)
        self._ask(camera, request)
        replies = Messages(camera)
        return self._checked(replies.next_head()) + replies.rest

    def _checked(self, reply: bytes) -> bytes:
        """Set `reason` by the reply's status. Returns the reply, with Location and Content-Encoding renamed. Raises
        ProxyError if it is a redirect, or neither RTSP nor HTTP."""
        status = status_of(reply)
        if 300 <= status < 400:
            raise ProxyError(REDIRECT)
        self.reason = REASONS.get(status, "" if status < 400 else f"The camera answered with status {status}.")
        if status == 401 and not (self._source.username or self._source.password):
            self.reason = NO_LOGIN
        return UNWANTED.sub(rb"x-\1:", reply)

    def _pump(self, client: socket.socket, camera: Connection) -> None:
        """Forward data in both directions until one side disconnects."""
        back = threading.Thread(target=_pass_back, args=(client, camera), name="camera proxy, back", daemon=True)
        back.start()
        try:
            with self._noted():
                self._forward(client, camera)
        finally:
            _shut(client)
            back.join()

    def _forward(self, client: socket.socket, camera: Connection) -> None:
        buffer = memoryview(bytearray(READ_BYTES))
        while size := camera.recv_into(buffer):
            self._passed += size
            if self._passed > self._most:
                raise ProxyError(TOO_LARGE)
            if data := self._ends.push(buffer[:size]):
                client.sendall(data)


def _pass_back(client: socket.socket, camera: Connection) -> None:
    """Forward FFmpeg's messages to the camera during playback (keep-alives, TEARDOWN), then disconnect the camera."""
    with contextlib.suppress(OSError):
        while data := client.recv(READ_BYTES):
            camera.sendall(data)
    _shut(camera)


def _shut(connection: Connection) -> None:
    """Shut a connection down. This wakes a thread that reads from it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class Messages:
    """Reads RTSP or HTTP messages and packets. Raises ProxyError if one is too large, ConnectionResetError at the end."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._buffer = connection, memoryview(bytearray(READ_BYTES))
        self.rest = b""  # bytes after the last message

    def next(self) -> bytes:
        """Returns the next message with its body, or the next interleaved packet (RTP or RTCP among messages)."""
        self._need(1)
        if self.rest.startswith(PACKET):
            self._need(4)
            return self._take(4 + int.from_bytes(self.rest[2:4], "big"))
        head = self.next_head()
        announced = re.search(rb"(?i)\r?\ncontent-length:[ \t]*([0-9]{1,9})", head)
        length = int(announced[1]) if announced else 0
        if length > MAX_BODY_BYTES:
            raise ProxyError("The camera's answer is too large.")
        return head + self._take(length)

    def next_head(self) -> bytes:
        """Returns the head of the next message: first line, headers and empty line. `rest` keeps what follows it."""
        while (end := re.search(rb"\r?\n\r?\n", self.rest)) is None:
            if len(self.rest) > MAX_HEAD_BYTES:
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
    """Returns the status code of an RTSP or HTTP reply. Raises ProxyError if it is not a reply."""
    found = re.match(rb"(?:RTSP/|HTTP/|ICY)[^\s]*[ \t]+([0-9]{3})\s", reply)
    if found is None:
        raise ProxyError("The address answers, but not with video.")
    return int(found[1])
