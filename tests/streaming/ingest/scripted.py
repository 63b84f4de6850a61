"""Cameras on loopback that run a script, for answers that the simulator never sends."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cameras.sources import CameraSource
from streaming.ingest.condition import Failure
from streaming.ingest.reader import Allowance, CaptureError, Reader
from tests.certificates import make_certificate
from tests.servers import PATIENCE, wait_until

SDP = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t\r\n"

ALLOWANCE = Allowance(2, 2, 1_000_000)

Script = Callable[[socket.socket], None]


class Server:
    """Runs `script` for each connection, and counts them."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self._open: set[socket.socket] = set()
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    @property
    def open(self) -> int:
        return len(self._open)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.add(connection)
                threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            self._script(connection)
            while connection.recv(65536):
                pass
        self._open.discard(connection)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: not self._open, PATIENCE, "the scripts have ended")


@contextmanager
def server(script: Script = lambda _: None) -> Iterator[Server]:
    """A server. By default it accepts connections and stays silent."""
    running = Server(script)
    try:
        yield running
    finally:
        running.close()


@contextmanager
def silent_before_accepting() -> Iterator[int]:
    """The port of a listener with a full queue: SYN packets get no answer."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port: int = listener.getsockname()[1]
        while True:
            filler = held.enter_context(socket.socket())
            filler.settimeout(0.2)
            try:
                filler.connect(("127.0.0.1", port))
            except TimeoutError:
                break
        yield port


def request_of(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        more = connection.recv(4096)
        if not more:
            raise ConnectionResetError
        data += more
    return data


def rtsp_reply(request: bytes, status: str = "200 OK", headers: bytes = b"", body: bytes = b"") -> bytes:
    sequence = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"cseq"))
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return b"RTSP/1.0 " + status.encode() + b"\r\n" + sequence + b"\r\n" + headers + length + b"\r\n" + body


def rtsp(**replies: Callable[[bytes], bytes]) -> Script:
    """A camera that answers correctly, except for the named methods. A reply of b"" means silence from then on."""
    plain = {
        b"DESCRIBE": lambda request: rtsp_reply(request, headers=b"Content-Type: application/sdp\r\n", body=SDP),
        b"SETUP": lambda request: rtsp_reply(
            request, headers=b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        ),
    }
    special = {name.encode(): reply for name, reply in replies.items()}

    def script(connection: socket.socket) -> None:
        while True:
            request = request_of(connection)
            method = request.split(b" ", 1)[0]
            reply = special.get(method) or plain.get(method, rtsp_reply)
            if not (data := reply(request)):
                return
            connection.sendall(data)
            if method == b"PLAY":
                return

    return script


def http(head: bytes, body: Iterator[bytes] | tuple[bytes, ...] = ()) -> Script:
    def script(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(head)
        for part in body:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)

    return script


SILENT = ("SYN", "OPTIONS", "DESCRIBE", "PLAY", "GET")  # the request after which a camera stays silent


@contextmanager
def silent(kind: str) -> Iterator[str]:
    """The URL of a camera that never answers the request `kind`. With SYN it accepts no connection."""
    if kind == "SYN":
        with silent_before_accepting() as port:
            yield f"rtsp://127.0.0.1:{port}/"
    elif kind == "GET":
        with server() as camera:
            yield f"http://127.0.0.1:{camera.port}/"
    else:
        with server(rtsp(**{kind: lambda _: b""})) as camera:
            yield f"rtsp://127.0.0.1:{camera.port}/"


def with_tls(port: int, folder: Path) -> Script:
    """A TLS proxy for `port`, with its certificate in `folder`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(folder))

    def script(connection: socket.socket) -> None:
        with (
            context.wrap_socket(connection.dup(), server_side=True) as outer,
            socket.create_connection(("127.0.0.1", port)) as inner,
        ):
            outer.settimeout(0.005)
            inner.settimeout(0.005)
            while True:
                for source, sink in ((outer, inner), (inner, outer)):
                    with contextlib.suppress(TimeoutError):
                        if not (data := source.recv(65536)):
                            return
                        sink.settimeout(5)
                        sink.sendall(data)
                        sink.settimeout(0.005)
                time.sleep(0.001)

    return script


def why_not(url: str, allowance: Allowance = ALLOWANCE) -> str:
    """Read `url` until that fails. Returns the reason."""
    return failure_of(url, allowance).reason


def failure_of(url: str, allowance: Allowance) -> Failure:
    with pytest.raises(CaptureError) as raised:
        reader = Reader(CameraSource(url), allowance)
        try:
            for _ in range(1000):
                reader.read()
        finally:
            reader.close()
    return raised.value.failure
