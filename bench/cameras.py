"""Simulated cameras in a process of their own. `Cameras` also counts the bytes that each connection has received."""

import multiprocessing
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cameras.simulator import SimulatedCamera, Simulator
from tests.servers import Process, wait_until

SMALL = ("--width", "640", "--height", "360", "--fps", "10")
BYTES_ACKED = 120  # offset in Linux's struct tcp_info


def camera(name: str = "bench", **settings: Any) -> SimulatedCamera:
    """Returns a simulated camera of 1280x720 at 25 frames/s, 2 Mbit/s, with a keyframe each second and a scene with
    movement. `settings`: other values for the fields of SimulatedCamera.
    """
    return SimulatedCamera(**{"name": name, "path": name, "scene": "car-park", **settings})


class Cameras:
    """Simulated cameras in a process of their own, which runs while the block lasts. `urls` has their addresses, in the
    order of `cameras`.
    """

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
        """Returns the client's port of each open connection -> bytes that the client has received (acknowledged)."""
        self._pipe.send("sent")
        answer: dict[int, int] = self._pipe.recv()
        return answer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_process(self._pipe, self._process)


def start_cameras(
    stack: ExitStack, folder: Path, environment: dict[str, str], number: int, *shape: str
) -> tuple[list[str], Process]:
    """Run `manage.py simulate` with `number` cameras until `stack` ends; `shape`: its options, such as SMALL. Returns
    the cameras' addresses and the process.
    """
    command = [sys.executable, "manage.py", "simulate", "--port", "0", "--cameras", str(number), *shape]
    process = Process(command, environment, folder / "cameras.txt")
    stack.callback(process.end)
    wait_until(lambda: process.log.read_text().count("rtsp://") == number, 30, "the cameras run")
    return [line.rpartition(" ")[2] for line in process.log.read_text().splitlines() if "rtsp://" in line], process


def end_process(pipe: Connection, process: BaseProcess) -> None:
    """Close the pipe, which ends the process that serves it. Kill the process after 10 s."""
    pipe.close()
    process.join(10)
    if process.is_alive():
        process.kill()
        process.join()


def _serve(pipe: Connection, cameras: tuple[SimulatedCamera, ...]) -> None:
    """Run the cameras in this process. Sends their addresses through `pipe`, and after each message the bytes that each
    connection has received. Returns when the parent closes the pipe or dies.
    """
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError), Simulator(port=0) as simulator:
        pipe.send([simulator.add(camera).url for camera in cameras])
        while pipe.recv():
            pipe.send({peer: _acknowledged(connection) for peer, connection in _connections(simulator.port)})


def _connections(port: int) -> Iterator[tuple[int, socket.socket]]:
    """Yields each connection that a client has to `port` of this process, with the client's port."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError), _duplicate(int(name)) as connection:
            if connection.family == socket.AF_INET and connection.getsockname()[1] == port:
                yield connection.getpeername()[1], connection  # raises OSError for the listening socket


@contextmanager
def _duplicate(descriptor: int) -> Iterator[socket.socket]:
    with socket.socket(fileno=os.dup(descriptor)) as connection:  # raises OSError if it is no socket
        yield connection


def _acknowledged(connection: socket.socket) -> int:
    facts = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_ACKED + 8)
    return int(struct.unpack_from("Q", facts, BYTES_ACKED)[0])
