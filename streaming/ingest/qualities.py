"""The picture qualities that viewers can choose, except "sub" (streams.py), and the largest frame sent to them."""

from dataclasses import dataclass

ORIGINAL = "original"
MAX_FRAME_BYTES = 1_000_000  # Daphne closes a connection that is sent a message of more than 1 MiB


@dataclass(frozen=True)
class Quality:
    """The limits of a quality that viewers can choose, such as "low": picture size, frame rate and JPEG quality.

    Smaller pictures are not scaled up.
    """

    width: int  # pixels
    height: int
    rate: float  # frames/s
    jpeg: int  # quality of JPEG, 0 to 100


QUALITIES = {
    "low": Quality(640, 360, 5, 70),
    "medium": Quality(1280, 720, 10, 80),
    "high": Quality(1920, 1080, 15, 90),
    ORIGINAL: Quality(7680, 4320, 15, 90),  # as JPEG, if the camera's own video cannot be passed on
}
SMALLER = {ORIGINAL: "high", "high": "medium", "medium": "low"}  # `low` always fits into a frame
