"""One open WebSocket of this worker process: which viewer's stream is on it."""

from streaming.errors import StreamError
from streaming.viewing.access import Login
from streaming.viewing.viewing import Viewing


class Stream:
    """One open WebSocket: `viewing` is the viewer's stream on it, `camera` and `user` are the ids of its camera and
    viewer, and `login` shows who the viewer is. Until `assign`, `viewing` is None, the ids are "" and `login`
    shows nobody.
    """

    def __init__(self) -> None:
        self.viewing: Viewing | None = None
        self.camera = self.user = ""
        self.login = Login()

    @property
    def admitted(self) -> bool:
        """Whether the viewer's stream has, or has had, a slot: the right to one of the limited concurrent streams."""
        return self.viewing is not None and self.viewing.slot is not None

    @property
    def is_handshake(self) -> bool:
        """Whether the viewer has neither been admitted nor joined the line of those who wait for a free stream."""
        return not self.admitted and not (self.viewing is not None and self.viewing.is_waiting)

    def assign(self, viewing: Viewing, *, user: str, login: Login) -> None:
        """Set the viewer's stream on this socket and whose it is. `user`: the user's id."""
        self.viewing, self.camera, self.user, self.login = viewing, viewing.holder.camera_id, user, login

    def stop(self, error: StreamError) -> None:
        """End the viewer's stream with `error`, which they are told. Does nothing if there is no stream yet."""
        if self.viewing is not None:
            self.viewing.stop(error)
