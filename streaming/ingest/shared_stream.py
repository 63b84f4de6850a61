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
    """Pictures of one opening. The first arrival of an opening begins with a keyframe if the GOP is kept."""

    opening: Opening
    units: list[AccessUnit]
    gap: bool = False  # pictures before `units` are missing, and `units` do not begin with a keyframe


@dataclass(frozen=True)
class Loss:
    """The reader could not open the camera, or lost it."""

    failures: int  # in a row
    cause: str  # for viewers
    reason: str = ""  # for administrators; a worker of an older release tells none


def drop_undecodable(entries: list[Fields], number: int) -> tuple[list[Fields], int, bool]:
    """Drops entries up to picture `number`, and those whose reference frames are missing.

    While the GOP is too long to be kept (`group` is 0), the next keyframe may be far: then nothing is dropped after a gap.
    Returns the remaining entries, the number of the last one, and whether a gap remains.
    """
    kept, gap = [], False
    for fields in entries:
        its_number, is_key, has_group = int(fields[b"number"]), fields[b"key"] == b"1", fields[b"group"] == b"1"
        if its_number <= number:
            continue
        follows = its_number == number + 1
        if follows or is_key or not has_group:
            gap = gap or not (follows or is_key)
            number = its_number
            kept.append(fields)
    return kept, number, gap


def fields_of(
    opening: Opening, number: int, unit: AccessUnit, has_group: bool, camera_delay: float | None = None
) -> Fields:
    """Returns the entry of a picture. `has_group`: the reader keeps the GOP of this picture. `camera_delay`: see Reader.

    In the entry, `codec` is FFmpeg's name, `name` that of WebCodecs.
    """
    fields = {
        b"opening": opening.id,
        b"codec": opening.codec.encode(),
        b"extradata": opening.extradata,
        b"number": b"%d" % number,
        b"group": b"%d" % has_group,
        b"key": b"%d" % unit.key,
        b"presented_at": repr(unit.presented_at).encode(),
        b"read_at": repr(unit.read_at).encode(),
        b"data": unit.data,
    }
    if unit.codec:
        fields |= {b"name": unit.codec.encode(), b"parameters": unit.parameters}
    if camera_delay is not None:
        fields[b"camera_delay"] = b"%.1f" % camera_delay
    return fields


def delay_of(fields: Fields) -> float | None:
    return float(fields[b"camera_delay"]) if b"camera_delay" in fields else None


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
