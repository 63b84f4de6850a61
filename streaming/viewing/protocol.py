"""The WebSocket protocol of a viewer's stream: messages, frame header and close codes.

docs/protocol.md describes it for authors of other clients. static/streaming/shared/protocol.js is the browser's half.
"""

import json
import re
import struct
import sys
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
FORMATS = {Format.JPEG: "jpeg", Format.H264: "h264", Format.H265: "h265"}  # their names in messages
WINDOW = {Format.JPEG: 2, Format.H264: 25, Format.H265: 25}  # frames in flight; of video, about one second
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
    """Returns the WebSocket close code of the error's class, or of its nearest base class that has one. Only
    StreamError itself has none, and raises StopIteration.
    """
    return next(CLOSE_CODES[kind] for kind in type(error).__mro__ if kind in CLOSE_CODES)


def error_message(error: errors.StreamError) -> dict[str, object]:
    return {"type": "error", "code": close_code(error), "reason": error.reason, "message": str(error), **error.facts}


def waiting_message(place: Place, resume: str) -> dict[str, object]:
    """Returns the message with the viewer's place in the line for a free stream, and the limit that refuses them.
    `resume`: a token with which they keep the place after a lost connection.
    """
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
    """Returns the names of the qualities that a camera offers; `sub` only if it has a substream."""
    return [quality for quality in QUALITIES if has_substream or quality != SUB]


def info_message(slot: Slot, resume: str, *, has_substream: bool, streams: object) -> dict[str, object]:
    """Returns the first message to a viewer who was admitted: they have `slot`, the right to stream. `resume`: a token
    with which they take back the slot after a lost connection. `has_substream`: the camera has one. `streams`: quality
    -> facts of the camera's own video, such as its codec and size.
    """
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
    """Returns the message with the state of the camera's connection. `reason`: what else has happened, such as
    "preempted"; None: nothing. `facts`: further fields.
    """
    return {"type": "status", "state": state.value, "reason": reason, **facts}


def pong_message(sent: float, camera_delay: float | None = None, **facts: object) -> dict[str, object]:
    """Returns the answer to a viewer's ping. `sent`: the time in the ping, which the answer repeats.
    `camera_delay`: average milliseconds from the camera's capture of a picture to its arrival at the worker that
    reads the camera, None if unknown. `facts`: further fields.
    """
    delay = None if camera_delay is None else round(camera_delay, 1)
    return {"type": "pong", "time": sent, "server_time": time.time() * 1000, "camera_delay": delay, **facts}


def camera_message(state: State, why: str) -> dict[str, object]:
    """Returns the status message for a change of the state, with the reason "camera_lost" while the camera is being
    reconnected. `why`: the cause of the loss, sent with that reason. "": send none, as to all but administrators.
    """
    is_lost = state is State.RECONNECTING
    return status_message(state, "camera_lost" if is_lost else None, **({"message": why} if is_lost and why else {}))


def format_message(quality: str, format: Format, codec: str, **facts: object) -> dict[str, object]:
    """Returns the message with the quality, format and codec of the next frame. `codec`: in WebCodecs syntax, "" for
    JPEG. `facts`: further fields.
    """
    return {"type": "quality_changed", **_format_facts(quality, format, codec), **facts}


def _format_facts(quality: str, format: Format, codec: str) -> dict[str, object]:
    return {"quality": quality, "format": FORMATS[format], "codec": codec or None, "window": WINDOW[format]}


def encode_header(frame: Frame, sequence: int, epoch: int) -> bytes:
    """Returns the binary header that precedes a frame's data. `sequence`: the frame's number in this viewer's stream,
    from 1. `epoch`: 0 to 255; a new one tells this viewer to restart the decoder.
    """
    return HEADER.pack(VERSION, frame.format, frame.flags, epoch, sequence, frame.read_at, frame.presented_at)


@dataclass(frozen=True)
class Ack:
    """A viewer's message: they have decoded all frames up to this sequence number."""

    seq: int


@dataclass(frozen=True)
class QualityChange:
    quality: str


@dataclass(frozen=True)
class Ping:
    """A viewer's message that asks for an answer. The answer repeats `time`, which may be any finite number.
    A missing or invalid time counts as 0."""

    time: float


@dataclass(frozen=True)
class StillWatching:
    """A viewer's message that somebody is there: the answer to the question whether they still watch, or sent when they
    touch the page.
    """


@dataclass(frozen=True)
class ConfirmCodec:
    """A viewer's message that they play this codec. The server asks about it before it sends H.265."""

    codec: str


ViewerMessage = Ack | QualityChange | Ping | StillWatching | ConfirmCodec


def parse_ack(text: str) -> int | None:
    """Returns the sequence number of an acknowledgement of frames. None: it is another message, or written in an
    unusual JSON form, which `parse` understands.
    """
    match = ACK.fullmatch(text)
    return int(match[1]) if match else None


def parse(text: str | None) -> ViewerMessage:
    """Returns the message in `text`, which a viewer sent. Raises ProtocolError if it is not valid. None stands for
    a binary message, which is never valid."""
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
            # Compared, not converted: an integer may be too large for a float.
            return Ping(time if isinstance(time, int | float) and abs(time) <= sys.float_info.max else 0)
        case {"type": "still_watching"}:
            return StillWatching()
        case {"type": "confirm_codec", "codec": str(codec)}:
            return ConfirmCodec(codec)
    raise errors.ProtocolError("The message is of an unknown type, or lacks a field.")


def known_formats(text: str) -> frozenset[Format]:
    """The formats in a list such as "jpeg,h264", without unknown names. JPEG is always among them."""
    names = {name.strip() for name in text.split(",")}
    return frozenset({Format.JPEG, *(format for format, name in FORMATS.items() if name in names)})


def is_one(name: str, value: str | None) -> bool:
    """Returns whether the parameter `name` is in the URL's query. `value`: None if it is missing. Raises ProtocolError
    for any other value than "1".
    """
    if value not in (None, "1"):
        raise errors.ProtocolError(f"The parameter {name} must be 1, or missing.")
    return value is not None


def known_quality(quality: str) -> str:
    """Returns `quality`, a name such as "low", if there is such a quality. Raises ProtocolError if not."""
    if quality not in QUALITIES:
        raise errors.ProtocolError(f"The quality must be one of {', '.join(QUALITIES)}.")
    return quality
