"""A network between the browser and a worker that can be slow, silent, cut, or without WebSockets."""

import contextlib
import socket
import threading
import time

from playwright.sync_api import Page

from tests.proxy import TcpProxy
from tests.servers import wait_until

MEGABIT = 125_000  # bytes/s of a link of 1 Mbit/s
BUFFER = 8192  # bytes that each end of the link holds


class Link(TcpProxy):
    """Forwards to a port of loopback. `rate` limits all connections together, in bytes/s toward the browser."""

    def __init__(self, target: int) -> None:
        self.rate = 0.0  # 0: unlimited
        self.refuses_web_sockets = False
        self._web_sockets_pass = threading.Event()
        self._web_sockets_pass.set()
        self._web_sockets = set[socket.socket]()  # the browser's ends
        self._is_cut = False
        self._vanished = set[socket.socket]()
        self._line = threading.Lock()
        super().__init__(target)

    def hold_web_sockets(self) -> None:
        """Delays the handshake of new WebSockets until `let_web_sockets_through`."""
        self._web_sockets_pass.clear()

    def let_web_sockets_through(self) -> None:
        self._web_sockets_pass.set()

    def cut(self) -> None:
        """Ends all connections and refuses new ones."""
        self._is_cut = True
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def vanish(self) -> None:
        """Ends all connections for the browser but not for the worker, as when a phone changes networks."""
        for end in self._sockets:
            with contextlib.suppress(OSError):
                if end.getsockname()[1] == self.port:
                    self._vanished.add(end)
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._is_cut = False

    def leave(self, page: Page) -> None:
        """Closes a page, and waits until the worker has heard so: else it keeps the slot for some seconds."""
        page.close()
        with contextlib.suppress(AssertionError):  # a link that is silent
            wait_until(lambda: not self._web_sockets, 5, "its WebSockets have ended")

    def close(self) -> None:
        self._web_sockets_pass.set()
        super().close()

    def _connect(self) -> socket.socket:
        if self._is_cut:
            raise ConnectionRefusedError
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        try:
            server.connect(("127.0.0.1", self.target))
        except OSError:  # the worker is gone
            server.close()
            raise
        return server

    def _pump(self, source: socket.socket, sink: socket.socket, replies: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(BUFFER):
                self._flows.wait()
                if replies:
                    self._slow_down(len(data))
                elif b"upgrade: websocket" in data.lower():
                    self._web_sockets.add(source)
                    self._web_sockets_pass.wait()
                    if self.refuses_web_sockets:
                        break
                sink.sendall(data)
        self._web_sockets.discard(source)
        if not self._vanished.isdisjoint((source, sink)):
            return
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _slow_down(self, size: int) -> None:
        with self._line:
            rate = self.rate  # a test may change it meanwhile
            if rate:
                time.sleep(size / rate)
