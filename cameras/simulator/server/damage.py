"""Simulates a bad network: truncated and lost pictures."""

from dataclasses import replace

from ..stream import AccessUnit, Codec

SHORTEST = 4
"""Bytes that remain of a part, so that its header remains."""


class Damage:
    """Truncates every `truncate_every`-th picture and loses every `lose_every`-th. 0 means none.

    A picture to which both apply is lost. Keyframes stay unchanged and are not counted, except in MJPEG, where all
    pictures are keyframes.
    """

    def __init__(self, truncate_every: int, lose_every: int) -> None:
        self._truncate_every = truncate_every
        self._lose_every = lose_every
        self._count = 0

    def inflict(self, unit: AccessUnit) -> AccessUnit:
        """Returns the encoded picture unchanged, truncated or marked as lost. Call it once for each, in order."""
        if unit.key and unit.stream.codec is not Codec.MJPEG:
            return unit
        self._count += 1
        if self._lose_every and self._count % self._lose_every == 0:
            return replace(unit, lost=True)
        if self._truncate_every and self._count % self._truncate_every == 0:
            return _truncate(unit)
        return unit


def _truncate(unit: AccessUnit) -> AccessUnit:
    """Returns a copy without the second half of its last part (NAL unit or JPEG file). At least 4 bytes remain."""
    *whole, last = unit.parts
    return replace(unit, parts=(*whole, last[: max(SHORTEST, len(last) // 2)]))
