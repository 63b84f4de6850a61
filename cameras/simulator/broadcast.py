"""One camera on the air: its feed, and everyone who watches it."""

from typing import Protocol

from .camera import SimulatedCamera
from .encoder import AccessUnit, parameter_sets
from .faults import Fault
from .feed import Feed
from .loop_thread import LoopThread
from .sdp import describe
from .source import Source, open_source


class Viewer(Protocol):
    """A connection, as its camera sees it. Called on the loop."""

    @property
    def is_set_up(self) -> bool: ...
    @property
    def is_playing(self) -> bool: ...
    def deliver(self, unit: AccessUnit) -> None: ...
    def apply_fault(self, fault: Fault) -> None: ...
    def cut(self) -> None: ...


class Broadcast:
    """Starts the feed with the first viewer that plays and pauses it with the last.

    `join`, `leave`, `update` and `play` belong to the loop; the rest, to any other thread.
    """

    def __init__(self, camera: SimulatedCamera, loop: LoopThread, url: str) -> None:
        self.camera = camera
        self.url = url
        self.connections_total = 0
        self._loop = loop
        self._viewers: set[Viewer] = set()
        source = open_source(camera, camera.width, camera.height)
        self._adopt(source)
        self._feed = Feed(camera.path, source, self._post_unit, self._post_cut)

    @property
    def connections(self) -> int:
        return sum(viewer.is_set_up for viewer in tuple(self._viewers))

    def join(self, viewer: Viewer) -> None:
        self._viewers.add(viewer)

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        self.update()

    def play(self) -> None:
        """A viewer has begun, or begins again."""
        self._feed.play(key=self.camera.idr_on_play)

    def update(self) -> None:
        """Pause the feed when nobody plays any more."""
        if not any(viewer.is_playing for viewer in self._viewers):
            self._feed.pause()

    def apply_fault(self, fault: Fault) -> None:
        self._loop.call(self._apply_fault, fault)

    def drop_connections(self) -> None:
        self._loop.call(self._cut_all)

    def resize(self, width: int, height: int) -> None:
        source = open_source(self.camera, width, height)
        self._adopt(source)
        self._feed.show(source)

    def close(self) -> None:
        """End the feed, then the connections."""
        self._feed.close()
        self.drop_connections()

    def _adopt(self, source: Source) -> None:
        stream = source.stream
        self.camera.width, self.camera.height = stream.width, stream.height
        self.description = describe(self.camera.name, stream, parameter_sets(stream))

    def _apply_fault(self, fault: Fault) -> None:
        for viewer in tuple(self._viewers):
            viewer.apply_fault(fault)
        if any(viewer.is_playing for viewer in self._viewers):
            self.play()

    def _cut_all(self) -> None:
        for viewer in tuple(self._viewers):
            viewer.cut()

    def _post_cut(self) -> None:
        self._loop.post(self._cut_all)

    def _post_unit(self, unit: AccessUnit) -> None:
        self._loop.post(self._deliver, unit)

    def _deliver(self, unit: AccessUnit) -> None:
        for viewer in tuple(self._viewers):
            viewer.deliver(unit)
