"""Simulated cameras in a process of their own, and the bytes that they have sent on each connection."""

import multiprocessing
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

from cameras.simulator import SimulatedCamera, Simulator

BYTES_ACKED = 120  # offset in Linux's struct tcp_info: what the other side has received


def camera(name: str = "bench", **settings: Any) -> SimulatedCamera:
    """1280x720 at 25 frames/s, 2 Mbit/s, a key picture each second; a scene with movement."""
    return SimulatedCamera(**{"name": name, "path": name, "scene": "car-park", **settings})


class Cameras:
    """On the air while the block lasts: `urls` in the order of `cameras`."""

    def __init__(self, *cameras: SimulatedCamera) -> None:
        self._cameras = cameras

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._cameras), daemon=True)
        self._process.start()
        theirs.close()
        self.urls: list[str] = self._pipe.recv()
        return self

    def sent(self) -> dict[int, int]:
        """The client's port of each connection -> bytes that it has received."""
        self._pipe.send("sent")
        answer: dict[int, int] = self._pipe.recv()
        return answer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_process(self._pipe, self._process)


def end_process(pipe: Connection, process: BaseProcess) -> None:
    """Hang up, which ends a process that serves a pipe; kill it after 10 s."""
    pipe.close()
    process.join(10)
    if process.is_alive():
        process.kill()
        process.join()


def _serve(pipe: Connection, cameras: tuple[SimulatedCamera, ...]) -> None:
    """The whole life of the process: until the one that started it hangs up, however it ended."""
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError), Simulator(port=0) as simulator:
        pipe.send([simulator.add(camera).url for camera in cameras])
        while pipe.recv():
            pipe.send({peer: _acknowledged(connection) for peer, connection in _connections(simulator.port)})


def _connections(port: int) -> Iterator[tuple[int, socket.socket]]:
    """This process's connections on its own `port`, with the port at the other end."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError), _duplicate(int(name)) as connection:
            if connection.family == socket.AF_INET and connection.getsockname()[1] == port:
                yield connection.getpeername()[1], connection  # raises OSError for the one that listens


@contextmanager
def _duplicate(descriptor: int) -> Iterator[socket.socket]:
    with socket.socket(fileno=os.dup(descriptor)) as connection:  # raises OSError for what is no socket
        yield connection


def _acknowledged(connection: socket.socket) -> int:
    facts = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_ACKED + 8)
    return int(struct.unpack_from("Q", facts, BYTES_ACKED)[0])
