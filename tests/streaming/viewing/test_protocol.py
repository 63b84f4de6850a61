"""The protocol: a frame's header as documented, errors and their close codes, viewers' messages, the mirror in JS."""

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming import conf, errors
from streaming.ingest import condition, qualities
from streaming.ingest.frames import Flag, Format, Frame
from streaming.ingest.qualities import ORIGINAL
from streaming.ingest.streams import SUB
from streaming.viewing import protocol
from tests.servers import ROOT

FRAME = Frame(Format.JPEG, "low", b"\xff\xd8 a picture \xff\xd9", 1_700_000_000_123.5, 40_000.0, 255, Flag(0))


def kinds(base: type[errors.StreamError] = errors.StreamError) -> Iterator[type[errors.StreamError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


KINDS = list(kinds())
RAISED = [kind for kind in KINDS if kind is not errors.UnavailableError]  # the base class of errors that are raised


@pytest.mark.parametrize(("format", "kind"), [(Format.JPEG, 1), (Format.H264, 2), (Format.H265, 3)])
@pytest.mark.parametrize(
    ("flags", "byte"),
    [(Flag(0), 0), (Flag.KEY, 1), (Flag.KEY | Flag.DISCONTINUITY, 3), (Flag.BACKLOG, 4), (~Flag(0), 7)],
)
def test_a_frame_begins_with_a_header_of_24_bytes_big_endian(format: Format, kind: int, flags: Flag, byte: int) -> None:
    header = protocol.encode_header(FRAME._replace(format=format, flags=flags), 4_000_000_000, FRAME.epoch)
    assert header[:8] == bytes([1, kind, byte, 255]) + (4_000_000_000).to_bytes(4, "big")
    assert struct.unpack(">dd", header[8:]) == (FRAME.read_at, FRAME.presented_at)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_close_code_that_browsers_let_applications_use(kind: type[errors.StreamError]) -> None:
    assert 4000 <= protocol.close_code(kind()) <= 4999


@pytest.mark.parametrize("kind", RAISED, ids=lambda kind: kind.__name__)
def test_every_error_has_a_sentence_and_a_reason_that_only_its_subclasses_share(kind: type[errors.StreamError]) -> None:
    message = protocol.error_message(kind())
    assert set(message) == {"type", "code", "reason", "message"}
    same = [other for other in KINDS if other.reason == kind.reason]
    assert all(issubclass(other, same[0]) for other in same)
    assert str(message["message"]).endswith(".") and "\n" not in str(message["message"])


def test_a_full_server_says_so_in_exactly_these_words_and_with_the_figures() -> None:
    message = protocol.error_message(errors.LimitReachedError(in_use=10, limit=10, retry_after=5))
    assert json.loads(json.dumps(message)) == {
        "type": "error",
        "code": 4429,
        "reason": "limit_reached",
        "message": "Maximum concurrent streams reached. Please close another stream first.",
        "in_use": 10,
        "limit": 10,
        "retry_after": 5,
    }


def test_a_cause_replaces_the_general_sentence() -> None:
    message = protocol.error_message(errors.CameraUnreachableError("The camera did not answer within 5 s."))
    assert (message["code"], message["message"]) == (4503, "The camera did not answer within 5 s.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"type": "ack", "seq": 7}', protocol.Ack(7)),
        ('{"type": "quality_change", "quality": "high"}', protocol.QualityChange("high")),
        ('{"type": "ping", "time": 12.5}', protocol.Ping(12.5)),
        ('{"type": "ping"}', protocol.Ping(0)),
        ('{"type": "confirm_codec", "codec": "hev1.1.6.L93.B0"}', protocol.ConfirmCodec("hev1.1.6.L93.B0")),
        ('{"type": "ping", "time": "noon", "more": [1]}', protocol.Ping(0)),
    ],
)
def test_each_message_of_a_viewer_is_parsed(text: str, expected: protocol.ViewerMessage) -> None:
    assert protocol.parse(text) == expected


@given(st.from_regex(r'\{"type": ?"ack", ?"seq": ?[-+ 0-9.eE]{0,12}\}?', fullmatch=True))
def test_the_fast_parser_of_acknowledgements_agrees_with_json(text: str) -> None:
    try:
        sequence = json.loads(text)["seq"]
    except ValueError:
        sequence = None
    if isinstance(sequence, int):
        assert protocol.parse(text) == protocol.Ack(sequence)
    else:
        with pytest.raises(errors.ProtocolError):
            protocol.parse(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "text messages only"),
        ("", "not valid JSON"),
        ("ack", "not valid JSON"),
        ("[" * 1000, "not valid JSON"),
        ("9" * 1024, "unknown type"),
        ("[]", "unknown type"),
        ("null", "unknown type"),
        ("{}", "unknown type"),
        ('{"type": ["ack"], "seq": 1}', "unknown type"),
        ('{"type": "ack"}', "lacks a field"),
        ('{"type": "ack", "seq": "1"}', "lacks a field"),
        ('{"type": "ack", "seq": 1.0}', "lacks a field"),
        ('{"type": "ack", "seq": true}', "lacks a field"),
        ('{"type": "quality_change", "quality": 1}', "lacks a field"),
        ('{"type": "confirm_codec", "codec": null}', "lacks a field"),
        ('{"type": "quality_change", "quality": "ultra"}', "one of low, medium, high, original"),
        ('{"type": "ping", "pad": "' + "x" * 1024 + '"}', "1024 bytes at most"),
        ('{"type": "ping", "pad": "' + "é" * 510 + '"}', "1024 bytes at most"),
    ],
)
def test_any_other_message_is_a_protocol_error_that_tells_why(text: str | None, why: str) -> None:
    with pytest.raises(errors.ProtocolError, match=why):
        protocol.parse(text)


@pytest.mark.parametrize("time", ["NaN", "Infinity", "1e999", "9" * 400])
def test_a_pong_is_valid_json_for_every_ping(time: str) -> None:
    """A browser's JSON.parse knows no NaN and no Infinity, and the pong repeats the ping's time."""
    try:
        answer = protocol.parse(f'{{"type": "ping", "time": {time}}}')
    except errors.ProtocolError:
        return
    assert isinstance(answer, protocol.Ping)
    json.dumps(protocol.pong_message(answer.time, None), allow_nan=False)


def test_a_pong_tells_the_cameras_delay_if_it_is_known() -> None:
    assert protocol.pong_message(1.0, 12.345)["camera_delay"] == 12.3
    assert protocol.pong_message(1.0, None)["camera_delay"] is None


def test_protocol_encoder_and_settings_have_the_same_qualities() -> None:
    assert (*qualities.QUALITIES, SUB) == protocol.QUALITIES
    # `original` is never the default: it takes as much bandwidth as the camera sends.
    assert (*conf.DEFAULT_QUALITY.choices, ORIGINAL, SUB) == protocol.QUALITIES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jpeg", {Format.JPEG}),
        ("jpeg,h264", {Format.JPEG, Format.H264}),
        (" h264 , h265 ", {Format.JPEG, Format.H264, Format.H265}),
        ("h265", {Format.JPEG, Format.H265}),
        ("", {Format.JPEG}),
        ("H264,vp8,,", {Format.JPEG}),
    ],
)
def test_a_viewer_plays_jpeg_and_the_known_formats_that_they_name(text: str, expected: set[Format]) -> None:
    assert protocol.known_formats(text) == expected


def test_every_format_has_a_name_and_a_window() -> None:
    assert set(protocol.FORMATS) == set(protocol.WINDOW) == set(Format)


# The other half, in JavaScript.


def table(name: str) -> dict[str, Any]:
    source = Path(ROOT / "streaming/static/streaming/shared/protocol.js").read_text()
    found = re.search(rf"export const {name} = Object.freeze\(\{{(.*?)\}}\)", source, re.DOTALL)
    assert found
    return {key: json.loads(value) for key, value in re.findall(r"(\w+): ([^,\s]+)", found[1])}


def test_the_browser_knows_the_close_codes_by_the_same_names() -> None:
    expected = {kind.reason.upper(): code for kind, code in protocol.CLOSE_CODES.items()}
    assert table("CloseCode") == {"NORMAL": 1000, **expected}


def test_the_browser_knows_every_reason() -> None:
    reasons = {kind.reason for kind in RAISED} | {"gate_recovering"}  # a status, not an error
    assert table("Reason") == {reason.upper(): reason for reason in reasons}


def test_the_browser_knows_the_camera_s_states_and_the_qualities() -> None:
    states = {state.name: state.value for state in condition.State}
    assert table("StreamState") == {"WAITING": "waiting", **states}  # in line: before there is a camera
    source = (ROOT / "streaming/static/streaming/shared/protocol.js").read_text()
    assert f"QUALITIES = Object.freeze({json.dumps(list(protocol.QUALITIES))})" in source


def test_the_browser_reads_the_header_of_the_same_size_kinds_and_flags() -> None:
    source = (ROOT / "streaming/static/streaming/shared/protocol.js").read_text()
    assert f"HEADER_BYTES = {protocol.HEADER.size};" in source
    assert f"VERSION = {protocol.VERSION};" in source
    assert table("FrameFlag") == {flag.name: flag.value for flag in Flag}
    assert table("FrameKind") == {format.name: format.value for format in Format}


@pytest.mark.parametrize("kind", [protocol.Ack, protocol.QualityChange, protocol.Ping, protocol.ConfirmCodec])
def test_the_browser_s_messages_are_those_that_the_server_reads(kind: type) -> None:
    fields = {"seq": 1, "quality": "low", "time": 1, "codec": "hev1.1.6.L93.B0"}
    answers = [protocol.parse(json.dumps({"type": type, **fields})) for type in table("ViewerMessage").values()]
    assert [isinstance(answer, kind) for answer in answers].count(True) == 1
