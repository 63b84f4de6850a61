"""What can be wrong with a camera, one fault at a time."""

from enum import StrEnum


class Fault(StrEnum):
    """Every fault acts on running connections at once; clearing it lets them carry on from a key frame."""

    NONE = "none"
    REFUSE = "refuse"
    """Closes the connection at the first request that names the camera."""
    HANG = "hang"
    """Answers every request, PLAY included, and sends no media."""
    SILENT = "silent"
    """Keeps the socket open, sends no media and answers nothing; requests are answered when it clears."""
    TRICKLE = "trickle"
    """Sends media at a few bytes per second, so that no frame is ever complete."""
    DROP = "drop"
    """Closes the connection two seconds into each play."""
    UNAUTHORIZED = "unauthorized"
    """Answers 401 whatever the credentials; a running connection is closed."""


DROP_SECONDS = 2.0
"""How long a camera with Fault.DROP plays."""
