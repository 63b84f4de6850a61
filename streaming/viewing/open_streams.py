"""The open sockets of this worker: whose each is, and how to end it."""

from streaming.errors import StreamError
from streaming.viewing.viewing import Viewing


class Stream:
    """What the worker knows of an open socket: whose it is, and how to end it."""

    def __init__(self) -> None:
        self.viewing: Viewing | None = None
        self.camera = self.user = ""
        self.session: str | None = None
        self.admitted = False  # holds a slot; until then it is a handshake in progress

    def belongs_to(self, viewing: Viewing, *, user: str, session: str | None) -> None:
        self.viewing, self.camera, self.user, self.session = viewing, viewing.holder.camera_id, user, session

    def stop(self, error: StreamError) -> None:
        if self.viewing is not None:
            self.viewing.stop(error)
