"""The protocol of a stream: messages, frame header and close codes.

docs/protocol.md describes it for authors of other clients. static/streaming/shared/protocol.js is its other half.
"""

import json
import math
import re
import struct
import time
from dataclasses import dataclass
from typing import Any

from streaming import errors
from streaming.gate.leases import Place, Slot
from streaming.ingest.condition import State
from streaming.ingest.frames import Format, Frame
from streaming.ingest.streams import SUB

VERSION = 1
QUALITIES = ("low", "medium", "high", "original", SUB)
FORMATS = {Format.JPEG: "jpeg", Format.H264: "h264"}  # their names in messages
WINDOW = {Format.JPEG: 2, Format.H264: 25}  # frames in flight; of video, about one second
MAX_VIEWER_MESSAGE_BYTES = 1024
MAX_VIEWER_MESSAGES_PER_SECOND = 60  # acknowledgements of frames are not counted

ACK = re.compile(r'\{"type": ?"ack", ?"seq": ?(0|[1-9][0-9]{0,9})\}')  # as JSON encoders usually write it
HEADER = struct.Struct("!BBBBIdd")  # version, kind, flags, epoch, sequence, read at (ms), presented at (us)

CLOSE_CODES: dict[type[errors.StreamError], int] = {
    errors.CameraNotFoundError: 4004,
    errors.NoStreamUrlError: 4400,
    errors.NotAuthenticatedError: 4401,
    errors.PermissionDeniedError: 4403,
    errors.ViewerUnresponsiveError: 4408,
    errors.SlotLostError: 4409,
    errors.StoppedByAdministratorError: 4410,
    errors.ReplacedError: 4411,
    errors.ProtocolError: 4422,
    errors.LimitReachedError: 4429,
    errors.UnavailableError: 4503,
}


def close_code(error: errors.StreamError) -> int:
    """The close code of the error's class, or of its nearest base class that has one."""
    return next(CLOSE_CODES[kind] for kind in type(error).__mro__ if kind in CLOSE_CODES)


def error_message(error: errors.StreamError) -> dict[str, object]:
    return {"type": "error", "code": close_code(error), "reason": error.reason, "message": str(error), **error.facts}


def waiting_message(place: Place, resume: str) -> dict[str, object]:
    """The viewer's place in the line, and the limit that refuses them. `resume`: a token."""
    facts = {name: value for name, value in place.refusal.facts.items() if name != "retry_after"}
    return {
        "type": "status",
        "state": "waiting",
        "reason": place.refusal.reason,
        **facts,
        "position": place.position,
        "waiting": place.waiting,
        "since": place.since,
        "resume": resume,
    }


def qualities_of(*, has_substream: bool) -> list[str]:
    """The qualities of a camera."""
    return [quality for quality in QUALITIES if has_substream or quality != SUB]


def info_message(slot: Slot, resume: str, *, has_substream: bool, streams: object) -> dict[str, object]:
    """The first message to a viewer who has a slot. `resume`: a token. `streams`: the facts of the camera's own video."""
    return {
        "type": "info",
        "viewing_id": slot.id,
        "camera": slot.holder.camera_id,
        "name": slot.holder.camera,
        "qualities": qualities_of(has_substream=has_substream),
        "streams": streams,
        **_format_facts(slot.holder.quality, Format.JPEG, ""),
        "in_use": slot.in_use,
        "limit": slot.limits[0].maximum,
        "server_time": time.time() * 1000,
        "resume": resume,
    }


def status_message(state: State, reason: str | None = None, **facts: object) -> dict[str, object]:
    """The camera's state."""
    return {"type": "status", "state": state.value, "reason": reason, **facts}


def format_message(quality: str, format: Format, codec: str, **facts: object) -> dict[str, object]:
    """The quality, format and codec of the next frame."""
    return {"type": "quality_changed", **_format_facts(quality, format, codec), **facts}


def _format_facts(quality: str, format: Format, codec: str) -> dict[str, object]:
    return {"quality": quality, "format": FORMATS[format], "codec": codec or None, "window": WINDOW[format]}


def encode_header(frame: Frame, sequence: int, epoch: int) -> bytes:
    """The header of a frame's message. Each viewer has their own sequence and epochs."""
    return HEADER.pack(VERSION, frame.format, frame.flags, epoch, sequence, frame.read_at, frame.presented_at)


@dataclass(frozen=True)
class Ack:
    seq: int


@dataclass(frozen=True)
class QualityChange:
    quality: str


@dataclass(frozen=True)
class Ping:
    time: float


@dataclass(frozen=True)
class StillWatching:
    """Somebody is there: the answer to the question, or a touch of the page."""


ViewerMessage = Ack | QualityChange | Ping | StillWatching


def parse_ack(text: str) -> int | None:
    """The sequence number of an acknowledgement. None: another message, or JSON in an unusual form."""
    match = ACK.fullmatch(text)
    return int(match[1]) if match else None


def parse(text: str | None) -> ViewerMessage:
    """Parse a viewer's message. Raises ProtocolError if it is not valid."""
    if text is None:
        raise errors.ProtocolError("Viewers send text messages only.")
    if (seq := parse_ack(text)) is not None:  # nearly all messages, at a quarter of the cost of parsing JSON
        return Ack(seq)
    if len(text.encode()) > MAX_VIEWER_MESSAGE_BYTES:
        raise errors.ProtocolError(f"A message has {MAX_VIEWER_MESSAGE_BYTES} bytes at most.")
    try:
        message = json.loads(text)
        return _parse_object(message if isinstance(message, dict) else {})
    except (ValueError, RecursionError) as error:
        raise errors.ProtocolError("The message is not valid JSON.") from error


def _parse_object(message: dict[str, Any]) -> ViewerMessage:
    match message:
        case {"type": "ack", "seq": int(seq)} if not isinstance(seq, bool):
            return Ack(seq)
        case {"type": "quality_change", "quality": str(quality)}:
            return QualityChange(known_quality(quality))
        case {"type": "ping"}:
            time = message.get("time", 0)
            return Ping(time if isinstance(time, int | float) and math.isfinite(time) else 0)
        case {"type": "still_watching"}:
            return StillWatching()
    raise errors.ProtocolError("The message is of an unknown type, or lacks a field.")


def known_formats(text: str) -> frozenset[Format]:
    """The formats in a list such as "jpeg,h264", without unknown names. JPEG is always among them."""
    names = {name.strip() for name in text.split(",")}
    return frozenset({Format.JPEG, *(format for format, name in FORMATS.items() if name in names)})


def is_one(name: str, value: str | None) -> bool:
    """Returns whether a parameter of the query is given. Raises ProtocolError if it is neither missing nor "1"."""
    if value not in (None, "1"):
        raise errors.ProtocolError(f"The parameter {name} must be 1, or missing.")
    return value is not None


def known_quality(quality: str) -> str:
    """Returns `quality`. Raises ProtocolError if there is no such quality."""
    if quality not in QUALITIES:
        raise errors.ProtocolError(f"The quality must be one of {', '.join(QUALITIES)}.")
    return quality
