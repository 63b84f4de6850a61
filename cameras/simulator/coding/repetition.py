"""How a simulated camera repeats its parameter sets (SPS, PPS; of H.265 also VPS) in a stream: the choices, and
`InBandSets`, which adds the sets to the keyframes that one RTSP session sends."""

from collections.abc import Iterator
from enum import StrEnum

from ..stream import AccessUnit
from .nal import SYNTAX


class Repetition(StrEnum):
    """Where a stream repeats its parameter sets (SPS, PPS; of H.265 also VPS). The SDP description always has them."""

    KEYFRAME = "keyframe"
    """Before each keyframe."""
    SLICE = "slice"
    """Before each slice of each keyframe."""
    NONE = "none"
    """Never."""
    ONCE = "once"
    """Before the first keyframe after PLAY, and the first after a change of the parameter sets."""


class InBandSets:
    """Adds the parameter sets (SPS, PPS; of H.265 also VPS) to the keyframes of one RTSP session, as often as
    `repetition` says.
    """

    def __init__(self, repetition: Repetition) -> None:
        self._repetition = repetition
        self._sent: tuple[bytes, ...] = ()

    def begin(self) -> None:
        """Forget which parameter sets were sent. Called at each PLAY."""
        self._sent = ()

    def nals(self, unit: AccessUnit) -> tuple[bytes, ...]:
        """Returns the NAL units to send for an encoded picture, with its parameter sets if they are repeated here.
        Remembers these as sent: call it once for each picture to send, in order."""
        if not unit.key:
            return unit.parts
        match self._repetition:
            case Repetition.NONE:
                return unit.parts
            case Repetition.SLICE:
                return tuple(self._before_each_slice(unit))
            case Repetition.ONCE if unit.sets == self._sent:
                return unit.parts
        self._sent = unit.sets
        return unit.sets + unit.parts

    def _before_each_slice(self, unit: AccessUnit) -> Iterator[bytes]:
        syntax = SYNTAX[unit.stream.codec]
        for part in unit.parts:
            if syntax.is_slice(part):
                yield from unit.sets
            yield part
