"""The errors of streaming that viewers and API clients are told. `viewing/protocol.py` maps each class, or the nearest
class that it is derived from, to a WebSocket close code.

The docstring of a class is its message: viewers and API clients read it, so it is a contract, as `reason` is. `facts`
are sent to them as well.
"""

from typing import ClassVar

from streaming.complaints import SILENCE, Complaint


class StreamError(Exception):
    """The stream ended."""

    reason: ClassVar[str] = "stream_error"

    def __init__(self, message: str = "", **facts: object) -> None:
        """`message`: for the viewer; empty: the docstring of the class. `facts`: further fields that the viewer is
        sent.
        """
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.facts = facts


class CameraNotFoundError(StreamError):
    """Camera not found."""

    reason = "camera_not_found"


class NoStreamUrlError(StreamError):
    """Camera has no RTSP URL."""  # part of the contract, although pages say "stream address"

    reason = "no_stream_url"


class NotAuthenticatedError(StreamError):
    """Please log in."""

    reason = "not_authenticated"


class PermissionDeniedError(StreamError):
    """You don't have access to this camera."""

    reason = "permission_denied"


class ViewerUnresponsiveError(StreamError):
    """The viewer stopped acknowledging pictures."""

    reason = "viewer_unresponsive"  # also without an answer whether the viewer plays a codec


class SlotLostError(StreamError):
    """The stream was interrupted. Reconnect to continue."""

    reason = "slot_lost"


class StoppedByAdministratorError(StreamError):
    """An administrator stopped this stream."""

    reason = "stopped_by_administrator"


class ReplacedError(StreamError):
    """Continued in another window."""

    reason = "replaced"


class IdleError(ReplacedError):
    """Nobody answered whether this stream is still watched, and others wait."""

    reason = "idle"


class YieldedError(ReplacedError):
    """This stream of a wall has given its slot to a viewer who was waiting."""

    reason = "yielded"


class PreemptedError(ReplacedError):
    """An operator needed this stream."""

    reason = "preempted"


class ProtocolError(StreamError):
    """The viewer sent something that the protocol does not know."""

    reason = "protocol_error"


class LimitReachedError(StreamError):
    """Maximum concurrent streams reached. Please close another stream first."""

    reason = "limit_reached"


class BandwidthReachedError(LimitReachedError):
    """Not enough bandwidth for another stream. Please close another stream first, or choose a lower quality."""

    reason = "bandwidth_reached"


class CameraLimitReachedError(LimitReachedError):
    """This camera has reached its viewer limit. Please try again later."""

    reason = "camera_limit_reached"


class UserLimitReachedError(LimitReachedError):
    """You've reached your stream limit. Close one to open another."""

    reason = "user_limit_reached"


class AddressLimitReachedError(LimitReachedError):
    """Your network has reached its stream limit. Please close another stream first."""

    reason = "address_limit_reached"


class StillLimitReachedError(LimitReachedError):
    """You are asking for too many still pictures. Please try again later."""

    reason = "still_limit_reached"


class LineFullError(LimitReachedError):
    """Too many viewers are waiting already. Please try again later."""

    reason = "line_full"


class WaitExpiredError(LimitReachedError):
    """No stream became free in time. Please try again later."""

    reason = "wait_expired"


class UnavailableError(StreamError):
    """The stream is unavailable."""

    reason = "unavailable"


class CameraUnreachableError(UnavailableError):
    """The camera cannot be reached."""

    reason = "camera_unreachable"


class CameraLostError(UnavailableError):
    """The connection to the camera was lost."""

    reason = "camera_lost"


class GateUnavailableError(UnavailableError):
    """The stream limit cannot be checked right now."""

    reason = "gate_unavailable"

    def __init__(self, message: str = "", complaint: Complaint = SILENCE, **facts: object) -> None:
        """`message`: for the viewer; empty: the docstring of the class. `complaint`: why Redis did not answer or
        refused; viewers are not told. `facts`: further fields that the viewer is sent.
        """
        super().__init__(message, **facts)
        self.complaint = complaint


# Other causes than Redis: the database for a log-in or the limits, and the load of this worker. They share the reason
# of GateUnavailableError, and have a message of their own.


class LoginUncheckedError(GateUnavailableError):
    """Your log-in cannot be checked right now."""


class LimitsUnknownError(GateUnavailableError):
    """The limits cannot be read right now."""


class TooManyHandshakesError(GateUnavailableError):
    """Too many viewers are asking at once. Please try again."""


class DrainingError(UnavailableError):
    """This server is shutting down. Reconnecting reaches another one."""

    reason = "draining"
