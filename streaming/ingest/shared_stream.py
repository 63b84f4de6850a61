"""The entries of the Redis stream between a camera's reader and its followers."""

from dataclasses import dataclass

from streaming.ingest.access_units import AccessUnit

Fields = dict[bytes, bytes]


@dataclass(frozen=True)
class Opening:
    """One opening of a camera by its reader."""

    id: bytes
    codec: str  # FFmpeg's name
    extradata: bytes


@dataclass(frozen=True)
class Arrival:
    """Pictures of one opening. The first ones begin with a keyframe if the camera sends any."""

    opening: Opening
    units: list[AccessUnit]
    gap: bool = False  # pictures before them are missing, and they do not begin with a keyframe


@dataclass(frozen=True)
class Loss:
    """The reader could not open the camera, or lost it."""

    failures: int
    cause: str


def drop_undecodable(entries: list[Fields], number: int) -> tuple[list[Fields], int, bool]:
    """Drops entries up to picture `number`, and those whose reference frames are missing.

    Returns the remaining entries, the number of the last one, and whether there is a gap before them all the same. There can
    be one if the camera's GOP is too long to be kept.
    """
    kept, gap = [], False
    for fields in entries:
        its = int(fields[b"number"])
        if its <= number:
            continue
        if its == number + 1 or fields[b"key"] == b"1" or fields[b"group"] == b"0":
            gap = gap or (its > number + 1 and fields[b"key"] == b"0")
            number = its
            kept.append(fields)
    return kept, number, gap


def fields_of(opening: Opening, number: int, unit: AccessUnit, in_group: bool) -> Fields:
    fields = {
        b"opening": opening.id,
        b"codec": opening.codec.encode(),
        b"extradata": opening.extradata,
        b"number": b"%d" % number,
        b"group": b"%d" % in_group,
        b"key": b"%d" % unit.key,
        b"presented_at": repr(unit.presented_at).encode(),
        b"read_at": repr(unit.read_at).encode(),
        b"data": unit.data,
    }
    if unit.codec:
        fields |= {b"name": unit.codec.encode(), b"parameters": unit.parameters}
    return fields


def opening_of(fields: Fields) -> Opening:
    return Opening(fields[b"opening"], fields[b"codec"].decode(), fields[b"extradata"])


def unit_of(fields: Fields) -> AccessUnit:
    return AccessUnit(
        fields[b"data"],
        fields[b"key"] == b"1",
        float(fields[b"presented_at"]),
        fields.get(b"name", b"").decode(),
        fields.get(b"parameters", b""),
        float(fields[b"read_at"]),
    )
