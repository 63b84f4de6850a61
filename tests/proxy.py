"""A TCP proxy on loopback that simulates faults of a network: a lost reply, silence."""

import contextlib
import select
import socket
import threading
from typing import Self


class TcpProxy:
    """Forwards to `target` (a port, or the path of a Unix socket) in its own threads, until `close`."""

    def __init__(self, target: int | str) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._flows = threading.Event()  # while cleared, connections stay open but nothing is forwarded
        self._flows.set()
        self._lose_replies = 0
        self._sockets: list[socket.socket] = []
        self._closed = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def silence(self) -> None:
        """Stops forwarding in both directions, and sends neither FIN nor RST."""
        self._flows.clear()

    def restore(self) -> None:
        self._flows.set()

    def lose_replies(self, count: int) -> None:
        """Forwards the next `count` requests, but closes the connections instead of forwarding the replies."""
        self._lose_replies = count

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            if self._closed:
                client.close()
                return
            try:
                server = self._connect()
            except OSError:  # the target is gone
                client.close()
                continue
            self._sockets.append(server)
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _connect(self) -> socket.socket:
        if isinstance(self.target, int):
            return socket.create_connection(("127.0.0.1", self.target))
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.target)
        except OSError:
            server.close()
            raise
        return server

    def _pump(self, source: socket.socket, sink: socket.socket, replies: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                if self._closed:
                    return
                if replies and self._lose_replies:
                    self._lose_replies -= 1
                    break
                sink.sendall(data)
        self._flows.wait()  # while silent, the end of a connection is not forwarded either
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closed = True
        self._flows.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread that accepts
        self._accepting.join(5)
        self._listener.close()
        for end in self._sockets:
            end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FailoverProxy:
    """Forwards each connection to `target` (a port), and keeps it when the target changes, as some proxies of Redis do."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Requests and replies take turns: a client that waits for each reply."""
        target, server = 0, socket.socket()
        with contextlib.suppress(OSError), client:
            while True:
                ready, _, _ = select.select([client, server] if target else [client], [], [])
                if client in ready:
                    request = client.recv(65536)
                    if not request:
                        break
                    if target != self.target:
                        server.close()
                        target, server = self.target, socket.create_connection(("127.0.0.1", self.target))
                    server.sendall(request)
                if server in ready:
                    client.sendall(server.recv(65536))
        server.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
