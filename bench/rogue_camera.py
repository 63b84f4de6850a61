"""A camera that misbehaves over RTSP and HTTP. The path of its address names the way to do so. Beside it run
canaries, servers that must get no request.

All run together in one child process, on loopback. An address of the camera: `rtsp://127.0.0.1:port/endless-unit`.
Playlists, redirects and descriptions name the canaries' addresses. The canaries report each connection.
"""

import multiprocessing
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from bench import rogue_http, rogue_rtsp, rogue_video
from bench.cameras import end_process
from bench.rogue_connection import RogueConnection, Throttle

CANARIES = ("127.0.0.1", "127.0.0.2")
PICTURELESS = ("redirect-", "playlist", "text")  # these cameras have no picture: one from them would be a leak


def modes() -> list[str]:
    """Returns all ways to misbehave, such as "rtsp endless-unit"."""
    return [f"rtsp {mode}" for mode in rogue_rtsp.MODES] + [f"http {mode}" for mode in rogue_http.MODES]


class RogueCamera:
    """A misbehaving camera, which runs in a process of its own while the block lasts. It sends at most about `most`
    bytes on a connection, and `rate` bytes/s on all of them. RTSP pictures at their frame rate are not limited.
    """

    def __init__(self, most: int, rate: float) -> None:
        self._bounds = most, rate

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, *self._bounds), daemon=True)
        self._process.start()
        theirs.close()
        self._port: int = self._pipe.recv()
        return self

    def address(self, mode: str) -> str:
        scheme, _, path = mode.partition(" ")
        return f"{scheme}://127.0.0.1:{self._port}/{path}{'?.txt' if path == 'text' else ''}"

    def touched(self) -> list[str]:
        """Returns the first line of each request so far to a canary, a server that must get none. A connection without
        a request has the line "a connection".
        """
        self._pipe.send("touched")
        answer: list[str] = self._pipe.recv()
        return answer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_process(self._pipe, self._process)


def _serve(pipe: Connection, most: int, rate: float) -> None:
    """Run the camera and the canaries in this process. Sends the camera's port through `pipe`, and after each message
    the requests to the canaries. Returns when the parent closes the pipe or dies.
    """
    for size in rogue_video.SIZES:  # cached before threads need them
        rogue_video.units(*size)
    rogue_http.jpeg()
    touched: list[str] = []
    canaries = [_canary(host, touched) for host in CANARIES]
    throttle, number = Throttle(rate), iter(range(1 << 60))
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:

        def talk(client: socket.socket) -> None:
            connection = RogueConnection(client, throttle, most)
            first = connection.request()
            elsewhere = canaries[next(number) % len(canaries)]
            speak = rogue_rtsp.converse if b"rtsp://" in first.partition(b"\r\n")[0] else rogue_http.converse
            if first:
                speak(connection, first, elsewhere)

        _accept(listener, talk)
        with suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
            pipe.send(listener.getsockname()[1])
            while pipe.recv():
                pipe.send(list(touched))


def _canary(host: str, touched: list[str]) -> str:
    """Start a canary, a server that must get no request. It adds the first line of each to `touched`. Returns its host
    and port.
    """
    listener = socket.create_server((host, 0))

    def note(connection: socket.socket) -> None:
        touched.append("a connection")  # counts without a request, too
        place = len(touched) - 1
        connection.settimeout(2)
        touched[place] = connection.recv(200).partition(b"\r\n")[0].decode("latin-1") or touched[place]

    _accept(listener, note)
    return f"{host}:{listener.getsockname()[1]}"


def _accept(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    """Begin to serve each connection to `listener` in a thread of its own. Returns at once."""

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError, IndexError):  # a hang-up, or a malformed request
            serve(connection)

    def run() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
