"""Every exception of streaming. A class's docstring is its message; facts ride as attributes and go to the viewer.

`protocol.py` maps each to its close code.
"""

from typing import ClassVar

from streaming.complaints import SILENCE, Complaint


class StreamError(Exception):
    """The stream ended."""

    reason: ClassVar[str] = "stream_error"

    def __init__(self, message: str = "", **facts: object) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.facts = facts


class CameraNotFoundError(StreamError):
    """Camera not found."""

    reason = "camera_not_found"


class NoStreamUrlError(StreamError):
    """Camera has no RTSP URL."""

    reason = "no_stream_url"


class NotAuthenticatedError(StreamError):
    """Please log in."""

    reason = "not_authenticated"


class PermissionDeniedError(StreamError):
    """You may not watch this camera."""

    reason = "permission_denied"


class ViewerUnresponsiveError(StreamError):
    """The viewer stopped acknowledging pictures."""

    reason = "viewer_unresponsive"


class SlotLostError(StreamError):
    """The stream's slot was lost. Reconnect to take a new one."""

    reason = "slot_lost"


class StoppedByAdministratorError(StreamError):
    """An administrator stopped this stream."""

    reason = "stopped_by_administrator"


class ProtocolError(StreamError):
    """The viewer sent something that the protocol does not know."""

    reason = "protocol_error"


class LimitReachedError(StreamError):
    """Maximum concurrent streams reached. Please close another stream first."""

    reason = "limit_reached"


class BandwidthReachedError(LimitReachedError):
    """The bandwidth for streams is used up. Please close another stream first, or choose a lower quality."""

    reason = "bandwidth_reached"


class CameraLimitReachedError(LimitReachedError):
    """This camera is watched by as many viewers as it may. Please try again later."""

    reason = "camera_limit_reached"


class UserLimitReachedError(LimitReachedError):
    """You are watching as many streams as one user may. Please close another stream first."""

    reason = "user_limit_reached"


class AddressLimitReachedError(LimitReachedError):
    """Your address is watching as many streams as one may. Please close another stream first."""

    reason = "address_limit_reached"


class StillLimitReachedError(LimitReachedError):
    """You are asking for too many still pictures. Please try again later."""

    reason = "still_limit_reached"


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
        """`complaint`: what Redis answered; for administrators, so it is not among the facts for the viewer."""
        super().__init__(message, **facts)
        self.complaint = complaint


class DrainingError(UnavailableError):
    """This server is shutting down. Reconnecting reaches another one."""

    reason = "draining"
