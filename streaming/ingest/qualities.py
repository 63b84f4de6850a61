"""The qualities in which a camera is shown, and the largest message that carries a picture."""

from dataclasses import dataclass

ORIGINAL = "original"
MAX_FRAME_BYTES = 1_000_000  # bytes: Daphne cuts a connection that is sent more than 1 MiB in one message


@dataclass(frozen=True)
class Quality:
    """The largest picture of a quality, how often, and how finely encoded."""

    width: int  # pixels
    height: int
    rate: float  # frames/s
    jpeg: int  # 0 to 100


QUALITIES = {
    "low": Quality(640, 360, 5, 70),
    "medium": Quality(1280, 720, 10, 80),
    "high": Quality(1920, 1080, 15, 90),
    ORIGINAL: Quality(7680, 4320, 15, 90),  # where the camera's own video cannot be passed on
}
SMALLER = {ORIGINAL: "high", "high": "medium", "medium": "low"}  # `low` fits into a message, whatever it shows
