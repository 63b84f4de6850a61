"""The camera simulator: one thread with an event loop serves all cameras, by RTSP and HTTP, on one port."""

import asyncio
import socket
from typing import Self

from ..camera import SimulatedCamera
from .broadcast import Broadcast
from .connection import Connection
from .loop_thread import LoopThread


class Simulator:
    """Serves simulated cameras from its construction until `close`, or to the end of a `with` block.

    `port` 0 means any free port; the attribute `port` has the actual one. `host` is the address to listen at. Raises
    OSError if it cannot listen, and OverflowError for a port that is not 0 to 65535.
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self._socket = socket.create_server((host, port))
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._cameras: list[SimulatedCamera] = []
        self._broadcasts: dict[str, Broadcast] = {}
        self._opened: set[Connection] = set()
        self._loop = LoopThread("camera simulator")
        self._server = self._loop.run(self._listen())
        self._closed = False

    def add(self, camera: SimulatedCamera) -> SimulatedCamera:
        """Start the camera, which clients then find at `camera.url`. Returns the same camera.

        Add a camera to one simulator at a time, which is not checked. A removed one can be added again. Raises
        ValueError for a path in use here or a clip with an invalid size (see stream.check_format), and NotAVideo for an
        unreadable file.
        """
        if camera.path in self._broadcasts:
            raise ValueError(f"Another camera has the path {camera.path!r}")
        url = f"{camera.transport}://{self.host}:{self.port}/{camera.path}"
        broadcast = Broadcast(camera, self._loop, url)
        self._broadcasts[camera.path] = broadcast
        self._cameras.append(camera)
        camera.attach(broadcast)
        return camera

    def remove(self, camera: SimulatedCamera) -> None:
        """Stop the camera and close its connections. Requests for its path are answered with 404 then.

        Does nothing for a camera that was not added.
        """
        if camera not in self._cameras:
            return
        self._cameras.remove(camera)
        self._broadcasts.pop(camera.path).close()
        camera.attach(None)

    def close(self) -> None:
        """Remove all cameras, and close all sockets, encoders and threads. Another call does nothing."""
        if self._closed:
            return
        self._closed = True
        for camera in tuple(self._cameras):
            self.remove(camera)
        self._loop.run(self._hang_up())
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Connection(self._broadcasts, self._opened), sock=self._socket)

    async def _hang_up(self) -> None:
        while accepting := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.gather(*accepting, return_exceptions=True)
        self._server.close()  # asyncio would never close a connection that is being accepted now
        connections = tuple(self._opened)
        for connection in connections:
            connection.cut()
        await asyncio.gather(*(connection.lost for connection in connections))
