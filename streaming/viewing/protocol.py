"""The protocol of a stream: messages, the header of a frame, close codes, and which error closes with which.

docs/protocol.md describes it for the writers of other clients; static/streaming/shared/protocol.js mirrors it.
"""

import json
import math
import re
import struct
from dataclasses import dataclass
from typing import Any

from streaming import errors
from streaming.ingest.frames import Format, Frame

VERSION = 1
QUALITIES = ("low", "medium", "high", "original")
FORMATS = {Format.JPEG: "jpeg", Format.H264: "h264"}  # what a viewer may be able to play
WINDOW = {Format.JPEG: 2, Format.H264: 25}  # frames in flight; of video about a second
MAX_VIEWER_MESSAGE_BYTES = 1024  # bytes of a viewer's message
MAX_VIEWER_MESSAGES_PER_SECOND = 60  # of a viewer in a second, besides those that acknowledge a frame

ACK = re.compile(r'\{"type": ?"ack", ?"seq": ?(0|[1-9][0-9]{0,9})\}')  # as JSON encoders write it
HEADER = struct.Struct("!BBBBIdd")  # version, kind, flags, epoch, sequence, read at (ms), presented at (us)


CLOSE_CODES: dict[type[errors.StreamError], int] = {
    errors.CameraNotFoundError: 4004,
    errors.NoStreamUrlError: 4400,
    errors.NotAuthenticatedError: 4401,
    errors.PermissionDeniedError: 4403,
    errors.ViewerUnresponsiveError: 4408,
    errors.SlotLostError: 4409,
    errors.StoppedByAdministratorError: 4410,
    errors.ProtocolError: 4422,
    errors.LimitReachedError: 4429,
    errors.UnavailableError: 4503,
}


def close_code(error: errors.StreamError) -> int:
    """The close code of an error: its own, or that of the nearest class above it."""
    return next(CLOSE_CODES[kind] for kind in type(error).__mro__ if kind in CLOSE_CODES)


def error_message(error: errors.StreamError) -> dict[str, object]:
    return {"type": "error", "code": close_code(error), "reason": error.reason, "message": str(error), **error.facts}


def encode_header(frame: Frame, sequence: int) -> bytes:
    """What comes before the payload in a binary message: each viewer has its own sequence."""
    return HEADER.pack(VERSION, frame.format, frame.flags, frame.epoch, sequence, frame.read_at, frame.presented_at)


@dataclass(frozen=True)
class Ack:
    seq: int


@dataclass(frozen=True)
class QualityChange:
    quality: str


@dataclass(frozen=True)
class Ping:
    time: float


ViewerMessage = Ack | QualityChange | Ping


def parse_ack(text: str) -> int | None:
    """What an acknowledgement in its usual form acknowledges; None where it is something else, or in another form."""
    match = ACK.fullmatch(text)
    return int(match[1]) if match else None


def parse(text: str | None) -> ViewerMessage:
    """Read a viewer's message; raises ProtocolError for what is none."""
    if text is None:
        raise errors.ProtocolError("Viewers send text messages only.")
    if (seq := parse_ack(text)) is not None:  # nearly all that comes, at a quarter of the cost
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
    raise errors.ProtocolError("The message is of an unknown type, or lacks a field.")


def known_formats(text: str) -> frozenset[Format]:
    """What the viewer can play, of a list such as "jpeg,h264"; JPEG always, what is not known never."""
    names = {name.strip() for name in text.split(",")}
    return frozenset({Format.JPEG, *(format for format, name in FORMATS.items() if name in names)})


def known_quality(quality: str) -> str:
    if quality not in QUALITIES:
        raise errors.ProtocolError(f"The quality must be one of {', '.join(QUALITIES)}.")
    return quality
