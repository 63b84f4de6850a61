"""The format of the pictures in a camera's Redis stream, one in each entry. The worker that reads the camera adds them,
and other workers take them (`sharing.py`). The entries without a picture (notices) are up to `relay.py`.
"""

from dataclasses import dataclass

from streaming.ingest.access_units import AccessUnit

Fields = dict[bytes, bytes]


@dataclass(frozen=True)
class Opening:
    """One connection to a camera by the worker that reads it. Each new connection has a new random id."""

    id: bytes
    codec: str  # FFmpeg's name
    extradata: bytes  # codec parameters from the session description


@dataclass(frozen=True)
class Arrival:
    """Pictures of one connection to a camera, as received from the worker that reads it.

    The first ones of a connection begin with a keyframe if that worker keeps the GOP in memory.
    """

    opening: Opening
    units: list[AccessUnit]  # one or more, oldest first
    gap: bool = False  # pictures are missing before one of `units` that is no keyframe


@dataclass(frozen=True)
class Loss:
    """A message from the worker that reads a camera to the others: it could not open the camera, or lost it."""

    failures: int  # in a row
    cause: str  # for viewers
    reason: str = ""  # for administrators; a worker of an older release tells none


def drop_undecodable(entries: list[Fields], number: int) -> tuple[list[Fields], int, bool]:
    """Selects from `entries` the new pictures, without those whose reference frames are missing.

    `entries`: of one connection to the camera, in order. `number`: of the last picture selected before; 0: none.
    While the GOP is too long to be kept (an entry's field `group` is 0), the next keyframe may be far: then nothing
    is dropped after a gap. Returns the selected entries, the number of the last one (or `number` if there is none),
    and whether one of them that is no keyframe follows missing pictures.
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
    """Returns the Redis stream entry of a picture. Its field `codec` has FFmpeg's name, `name` that of WebCodecs.

    `number`: counts the pictures since the camera was opened, from 1. Pictures lost in a row count as one, so a missing
    number tells of a loss. `has_group`: the GOP up to this picture is in memory; False: it is too long, or there is no
    keyframe yet. `camera_delay`: milliseconds from the camera's capture of a picture to its arrival; None: not known.
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
    """Returns the `camera_delay` in a picture's entry: the average ms from a picture's capture to its arrival, as the
    worker that reads the camera knew it then. None: not known."""
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
