"""The faults that a simulated camera can imitate, one at a time."""

from enum import StrEnum


class Fault(StrEnum):
    """A failure that a simulated camera imitates. It affects running connections at once.

    After it is cleared (set to NONE), connections that are still open continue from a keyframe.
    """

    NONE = "none"
    REFUSE = "refuse"
    """Closes running connections, and each new one at the first request that names the camera."""
    HANG = "hang"
    """Answers all requests, including PLAY, and sends no media."""
    SILENT = "silent"
    """Keeps the socket open, sends no media and no answers. Requests are answered after the fault is cleared."""
    TRICKLE = "trickle"
    """Sends media at 4 bytes per second: a frame takes many minutes. Requests wait while a packet is partly sent."""
    DROP = "drop"
    """Closes the connection two seconds into each play, or after the fault is set if it plays already."""
    UNAUTHORIZED = "unauthorized"
    """Answers 401 to any credentials and closes running connections."""


DROP_SECONDS = 2.0
"""Time that a camera with Fault.DROP plays."""
