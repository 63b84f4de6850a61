"""One camera's thread: draws, encodes and hands over, as long as someone plays."""

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
    """Runs no encoder while paused. All methods are safe from any thread.

    `deliver` and `fail` are called on the feed's thread: with each access unit, and once when the picture
    or the encoder broke and the feed paused itself.
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
        """Start, or go on; with `key` the next frame is a key frame."""
        with self._state:
            self._playing = not self._closed  # a viewer may still ask while the camera goes off the air
            self._key_wanted |= key
            self._state.notify_all()

    def pause(self) -> None:
        with self._state:
            self._playing = False
            self._state.notify_all()

    def show(self, source: Source) -> None:
        """Go on with another picture, from the next frame."""
        self._source = source

    def close(self) -> None:
        """End the thread and wait for it, a frame's time at most."""
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
            except Exception:  # the supervisor of this thread: whatever broke, the camera stays usable
                log.exception("Feed stopped")
                self.pause()
                self._fail()

    def _wait_for_play(self) -> bool:
        with self._state:
            self._state.wait_for(lambda: self._playing or self._closed)
            return not self._closed

    def _stream(self, source: Source) -> None:
        """Send frames of one picture until the feed pauses or shows another."""
        encoder = open_encoder(source.stream)
        pace = Pace(source.stream.rate)
        while self._source is source and self._rest(pace.advance()):
            drawn_at = time.time()
            picture = source.picture.draw(int(drawn_at * 1000))
            for unit in encoder.encode(picture, pace.ticks, drawn_at, self._take_key()):
                self._deliver(self._damage.inflict(unit))

    def _rest(self, seconds: float) -> bool:
        """Wait for the next slot; False when the feed paused meanwhile."""
        with self._state:
            self._state.wait_for(lambda: not self._playing, timeout=max(0.0, seconds))
            return self._playing

    def _take_key(self) -> bool:
        with self._state:
            wanted, self._key_wanted = self._key_wanted, False
            return wanted
