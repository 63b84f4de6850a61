"""Two workers that share cameras, and a follower of one of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cameras.sources import CameraSource
from streaming.ingest.access_units import AccessUnit
from streaming.ingest.relay import Relay
from streaming.ingest.shared_stream import Arrival, Loss
from streaming.ingest.sharing import Sharing
from tests.servers import RedisServer
from tests.streaming.ingest.simulated import until

SOURCE = CameraSource("rtsp://camera.example/yard")
KEY = AccessUnit(b"key", True, 1.5, "avc1.42C01F", b"sets", 1_700_000_000_123.25)
OTHER = AccessUnit(b"other", False, 2.5, read_at=1_700_000_000_163.25)


@contextmanager
def worker(redis_server: RedisServer, name: str) -> Iterator[Sharing]:
    sharing = Sharing(redis_server.url, name)
    try:
        yield sharing
    finally:
        sharing.close()


class Follower:
    """Follows a relay in a thread, and keeps what it hears."""

    def __init__(self, relay: Relay) -> None:
        self.news: list[Arrival | Loss] = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(relay,), name="follower")

    def __enter__(self) -> "Follower":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join(5)
        assert not self.thread.is_alive()

    def _run(self, relay: Relay) -> None:
        for news in relay.follow():
            self.news += [news] if news else []
            if self.stopped.is_set():
                return

    @property
    def units(self) -> list[AccessUnit]:
        return [unit for news in self.news if isinstance(news, Arrival) for unit in news.units]


@contextmanager
def followed(reader: Sharing, other: Sharing) -> Iterator[tuple[Relay, Follower]]:
    """A camera that `reader` has opened, and whose pictures a follower at `other` gets."""
    with reader.relay("1", SOURCE) as first, other.relay("1", SOURCE) as second, Follower(second) as follower:
        until(lambda: first.followed, "the reader is followed")
        first.opened("h264", b"")
        yield first, follower
