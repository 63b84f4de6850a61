"""One simulated camera's thread: it draws and encodes pictures while a client plays."""

import logging
import threading
import time
from collections.abc import Callable

from ..coding.encoder import open_encoder
from ..picture.source import Source
from ..stream import AccessUnit
from .damage import Damage
from .pace import Pace

log = logging.getLogger(__name__)


class Feed:
    """A thread that draws and encodes the pictures of one camera. It starts paused, and runs no encoder while paused.

    All methods can be called from any other thread. The feed's thread calls `deliver` with each encoded picture, and
    `fail` after an error of drawing or encoding, which pauses the feed until the next `play`. `damage` truncates or
    loses pictures.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        damage: Damage,
        deliver: Callable[[AccessUnit], None],
        fail: Callable[[], None],
    ) -> None:
        self._source = source
        self._damage = damage
        self._deliver = deliver
        self._fail = fail
        self._state = threading.Condition()
        self._playing = False
        self._key_wanted = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"feed {name}", daemon=True)
        self._thread.start()

    def play(self, key: bool) -> None:
        """Start or continue to draw and encode. With `key` the next frame is a keyframe. Does nothing after `close`."""
        with self._state:
            self._playing = not self._closed  # a viewer may still call this while the camera is removed
            self._key_wanted |= key
            self._state.notify_all()

    def pause(self) -> None:
        with self._state:
            self._playing = False
            self._state.notify_all()

    def show(self, source: Source) -> None:
        """Switch to another source of pictures, with its own stream format. One more old frame may be delivered."""
        self._source = source

    def close(self) -> None:
        """End the thread. Waits until the frame that is being drawn or encoded is done."""
        with self._state:
            self._closed = True
            self._playing = False
            self._state.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while self._wait_for_play():
            try:
                while self._playing:
                    self._stream(self._source)
            except Exception:  # the supervisor of this thread: after any error, the camera can be played again
                log.exception("Feed stopped")
                self.pause()
                self._fail()

    def _wait_for_play(self) -> bool:
        with self._state:
            self._state.wait_for(lambda: self._playing or self._closed)
            return not self._closed

    def _stream(self, source: Source) -> None:
        """Draw and encode frames of one source, and deliver them, until the thread is paused or gets another source."""
        encoder = open_encoder(source.stream)
        pace = Pace(source.stream.rate)
        while self._source is source and self._rest(pace.advance()):
            drawn_at = time.time()
            picture = source.picture.draw(int(drawn_at * 1000))
            for unit in encoder.encode(picture, pace.ticks, drawn_at, self._take_key()):
                self._deliver(self._damage.inflict(unit))

    def _rest(self, seconds: float) -> bool:
        """Wait until the next frame is due, in `seconds`. Returns False, at once, if the feed is paused."""
        with self._state:
            self._state.wait_for(lambda: not self._playing, timeout=max(0.0, seconds))
            return self._playing

    def _take_key(self) -> bool:
        with self._state:
            wanted, self._key_wanted = self._key_wanted, False
            return wanted
