"""The faults of a simulated camera, one at a time."""

from enum import StrEnum


class Fault(StrEnum):
    """Each fault affects running connections at once. After it is cleared, they continue from a keyframe."""

    NONE = "none"
    REFUSE = "refuse"
    """Closes the connection at the first request that names the camera."""
    HANG = "hang"
    """Answers all requests, including PLAY, and sends no media."""
    SILENT = "silent"
    """Keeps the socket open, sends no media and no answers. Requests are answered after the fault is cleared."""
    TRICKLE = "trickle"
    """Sends media at a few bytes per second, so that no frame is ever complete."""
    DROP = "drop"
    """Closes the connection two seconds into each play."""
    UNAUTHORIZED = "unauthorized"
    """Answers 401 to any credentials and closes running connections."""


DROP_SECONDS = 2.0
"""Time that a camera with Fault.DROP plays."""
