"""The open sockets of this worker."""

from streaming.errors import StreamError
from streaming.viewing.access import Login
from streaming.viewing.viewing import Viewing


class Stream:
    """An open socket: the viewing on it, once there is one, and whose it is."""

    def __init__(self) -> None:
        self.viewing: Viewing | None = None
        self.camera = self.user = ""
        self.login = Login()

    @property
    def admitted(self) -> bool:
        """Whether it has, or has had, a slot. Until then it is a handshake in progress."""
        return self.viewing is not None and self.viewing.slot is not None

    @property
    def is_handshake(self) -> bool:
        """Whether it has neither a slot nor a place in the line yet."""
        return not self.admitted and not (self.viewing is not None and self.viewing.is_waiting)

    def assign(self, viewing: Viewing, *, user: str, login: Login) -> None:
        self.viewing, self.camera, self.user, self.login = viewing, viewing.holder.camera_id, user, login

    def stop(self, error: StreamError) -> None:
        if self.viewing is not None:
            self.viewing.stop(error)
