"""A running simulated camera: it passes the pictures of its encoder thread to the connections that play."""

from typing import Protocol

from ..camera import SimulatedCamera
from ..coding.encoder import parameter_sets
from ..coding.repetition import Repetition
from ..picture.source import Source, open_source
from ..stream import AccessUnit, Codec, StreamFormat
from .authentication import Authentication
from .damage import Damage
from .faults import Fault
from .feed import Feed
from .loop_thread import LoopThread
from .sdp import describe


class Viewer(Protocol):
    """A client's connection, as its camera uses it. The camera calls the methods on the simulator's loop thread.

    `is_set_up`: the client has asked for the stream; other threads read this as well. `is_playing`: it wants
    pictures now. `deliver` sends a picture if the client plays. `apply_fault` makes the connection imitate a new
    fault; Fault.NONE ends the imitation. `cut` closes the connection at once.
    """

    @property
    def is_set_up(self) -> bool: ...
    @property
    def is_playing(self) -> bool: ...
    def deliver(self, unit: AccessUnit) -> None: ...
    def apply_fault(self, fault: Fault) -> None: ...
    def cut(self) -> None: ...


class Broadcast:
    """A running simulated camera. It draws and encodes pictures only while a viewer (a client's connection) plays them.

    Call `join`, `leave`, `update` and `play` on the thread of `loop`, all other methods on any other thread. `url` is
    the camera's address. The camera's width, height and codec are set to those of the running stream. The constructor,
    `resize` and `change_codec` raise NotAVideo for an unreadable clip, and ValueError for a size that the codec cannot
    have.
    """

    def __init__(self, camera: SimulatedCamera, loop: LoopThread, url: str) -> None:
        self.camera = camera
        self.url = url
        self.connections_total = 0
        self._loop = loop
        self._viewers: set[Viewer] = set()
        self.authentication = Authentication(camera.username, camera.password)
        self.repetition = Repetition(camera.repeat_parameter_sets)
        source = open_source(camera, Codec(camera.codec), camera.width, camera.height)
        self._adopt(source.stream, self._describe(source.stream))
        damage = Damage(camera.truncate_every, camera.lose_every)
        self._feed = Feed(camera.path, source, damage, self._post_unit, self._post_cut)

    @property
    def connections(self) -> int:
        return sum(viewer.is_set_up for viewer in tuple(self._viewers))

    def join(self, viewer: Viewer) -> None:
        self._viewers.add(viewer)

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        self.update()

    def play(self) -> None:
        """Start or continue to draw and encode, for a client connection that needs a keyframe.

        The next frame is a keyframe if the encoder was paused, or if the camera has `idr_on_play` and neither
        `intra_refresh` nor `open_gop`. Otherwise the client waits for the next regular keyframe.
        """
        camera = self.camera
        self._feed.play(key=camera.idr_on_play and not (camera.intra_refresh or camera.open_gop))

    def update(self) -> None:
        """Stop drawing and encoding, until the next `play`, if no client plays any more."""
        if not any(viewer.is_playing for viewer in self._viewers):
            self._feed.pause()

    def apply_fault(self, fault: Fault) -> None:
        self._loop.call(self._apply_fault, fault)

    def drop_connections(self) -> None:
        self._loop.call(self._cut_all)

    def resize(self, width: int, height: int) -> None:
        self._restart(Codec(self.camera.codec), width, height, cut=self.repetition is Repetition.NONE)

    def change_codec(self, codec: Codec, width: int, height: int) -> None:
        self._restart(codec, width, height, cut=True)

    def close(self) -> None:
        """End the encoder thread, then close all client connections."""
        self._feed.close()
        self.drop_connections()

    def _restart(self, codec: Codec, width: int, height: int, cut: bool) -> None:
        source = open_source(self.camera, codec, width, height)
        self._loop.call(self._switch, source, self._describe(source.stream), cut)

    def _describe(self, stream: StreamFormat) -> bytes:
        return describe(self.camera.name, stream, parameter_sets(stream))

    def _switch(self, source: Source, description: bytes, cut: bool) -> None:
        """Replace the source of pictures and the SDP description. `cut` also closes all connections.

        Runs in one step of the event loop, so that a client's description always matches its stream.
        """
        self._adopt(source.stream, description)
        self._feed.show(source)
        if cut:
            self._cut_all()

    def _adopt(self, stream: StreamFormat, description: bytes) -> None:
        self._stream = stream
        self.description = description
        self.camera.width, self.camera.height = stream.width, stream.height
        self.camera.codec = stream.codec.value

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
        if unit.stream is not self._stream:
            return  # encoded before a switch
        for viewer in tuple(self._viewers):
            viewer.deliver(unit)
