"""Splits H.264 and H.265 streams into NAL units and recognizes their types."""

import re
from dataclasses import dataclass

from ..stream import Codec


@dataclass(frozen=True)
class NalSyntax:
    """Where a codec's NAL unit header has the type, and the numbers of the types that the simulator needs to know."""

    shift: int  # bit position of the type in the first byte
    mask: int
    sets: tuple[int, ...]  # types of the parameter sets, in the order of sending
    pictures: range  # types of slices
    messages: int  # the type of supplemental information (SEI)
    header: int  # bytes

    def type_of(self, nal: bytes) -> int:
        return nal[0] >> self.shift & self.mask

    def is_set(self, nal: bytes) -> bool:
        return self.type_of(nal) in self.sets

    def is_slice(self, nal: bytes) -> bool:
        return self.type_of(nal) in self.pictures

    def is_banner(self, nal: bytes) -> bool:
        """Returns whether the NAL unit is the SEI "user data unregistered", in which the encoder names itself."""
        return self.type_of(nal) == self.messages and nal[self.header] == USER_DATA_UNREGISTERED


USER_DATA_UNREGISTERED = 5
"""A payload type of SEI, the same in both codecs."""

H264 = NalSyntax(shift=0, mask=0x1F, sets=(7, 8), pictures=range(1, 6), messages=6, header=1)
"""Types of H.264, table 7-1. The sets are SPS and PPS."""

H265 = NalSyntax(shift=1, mask=0x3F, sets=(32, 33, 34), pictures=range(32), messages=39, header=2)
"""Types of H.265, table 7-1. The sets are VPS, SPS and PPS."""

SYNTAX = {Codec.H264: H264, Codec.H265: H265}


def split(stream: bytes) -> tuple[bytes, ...]:
    """Split an Annex B stream into NAL units, without start codes."""
    return tuple(nal for nal in re.split(rb"\x00{2,3}\x01", stream) if nal)
