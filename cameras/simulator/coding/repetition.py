"""When a camera sends its parameter sets within the stream."""

from collections.abc import Iterator
from enum import StrEnum

from ..stream import AccessUnit
from .nal import SYNTAX


class Repetition(StrEnum):
    """Whatever the choice, the description carries the sets."""

    KEYFRAME = "keyframe"
    """Before each key picture."""
    SLICE = "slice"
    """Before each slice of each key picture."""
    NONE = "none"
    """Never."""
    ONCE = "once"
    """Before the first key picture of a play, and again where they have changed."""


class InBandSets:
    """One session's decision for each picture."""

    def __init__(self, repetition: Repetition) -> None:
        self._repetition = repetition
        self._sent: tuple[bytes, ...] = ()

    def begin(self) -> None:
        """A play starts."""
        self._sent = ()

    def nals(self, unit: AccessUnit) -> tuple[bytes, ...]:
        """The NAL units of the picture, with the parameter sets that go with it."""
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
