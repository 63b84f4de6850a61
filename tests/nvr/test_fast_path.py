"""The fast path of Daphne's WebSocket: it is taken where it may be."""

import logging
from functools import partial
from typing import Any

import pytest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from hypothesis import given, settings
from hypothesis import strategies as st

from nvr import websocket
from nvr.websocket import DirectProtocol, short_text, with_fast_path
from streaming.viewing.fast_path import EXTENSION
from tests.nvr.websocket_server import ACK, BINARY, CLOSE, TEXT, Viewer, Writes, frame
from tests.servers import ROOT


@pytest.fixture(autouse=True)
def nothing_logged_yet() -> None:
    websocket._warn_off.cache_clear()


async def test_a_message_goes_straight_to_the_socket(viewer: Viewer, writes: Writes) -> None:
    for size in (1, 125, 126, 50_000, 65_535, 65_536, 70_000):
        viewer.server.send(bytes(size))
        assert await viewer.receive() == (BINARY, bytes(size))
    assert not writes.count


async def test_autobahn_does_not_parse_an_acknowledgement(viewer: Viewer) -> None:
    await viewer.send(frame(ACK))
    assert await viewer.server.text() == ACK
    assert not viewer.server.parsed


async def test_a_message_in_parts_is_one_message(viewer: Viewer) -> None:
    for size in (1, 30_000, 900_000):
        assert viewer.server.send_at_once(b"header", bytes(size))
        assert await viewer.receive() == (BINARY, b"header" + bytes(size))


async def test_the_application_gets_each_short_text_and_texts_that_it_does_not_take_arrive_as_messages(
    viewer: Viewer,
) -> None:
    offers: list[str] = []

    def take(text: str) -> bool:
        offers.append(text)
        return text == ACK.decode()

    viewer.server.set_text_handler(take)
    viewer.server.last_ping = 0.0
    await viewer.send(frame(ACK))
    assert viewer.server.last_ping > 0  # it counts as alive
    await viewer.send(frame(b"other"), frame(b"l" * 200))
    assert [await viewer.server.text() for _ in range(2)] == [b"other", b"l" * 200]
    assert offers == [ACK.decode(), "other"]
    viewer.server.muted = True  # after an error of the application
    await viewer.send(frame(ACK))
    assert len(offers) == 2


async def test_a_socket_that_is_full_or_closing_takes_nothing_at_once(viewer: Viewer) -> None:
    while viewer.server.send_at_once(bytes(900_000)):
        pass  # the socket takes only a part of the last message; the rest waits
    viewer.server.send("then this")
    viewer.server.handle_reply({"type": "websocket.close", "code": 4429})
    assert not viewer.server.send_at_once(b"nor this")
    while (received := await viewer.receive())[0] == BINARY:
        assert received[1] == bytes(900_000)
    assert received == (TEXT, b"then this")
    assert await viewer.receive() == (CLOSE, (4429).to_bytes(2, "big"))


async def test_an_application_finds_the_websocket_in_its_scope_under_daphne_and_nothing_elsewhere() -> None:
    async def send(protocol: object, message: object) -> None:
        pass

    found: list[object] = []

    async def application(scope: dict[str, Any], receive: object, send: object) -> None:
        found.append(scope.get("extensions", {}))

    server = DirectProtocol()
    for way in (partial(send, server), partial(send, object()), send):
        await with_fast_path(application)({"extensions": {"other": {}}}, None, way)
    assert found == [{"other": {}, EXTENSION: server}, {"other": {}}, {"other": {}}]


def test_the_tested_versions_are_those_of_the_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    required = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line)
    assert websocket.TESTED_VERSIONS.items() <= required.items()
    monkeypatch.setattr(WebSocketFactory, "protocol", WebSocketProtocol)
    websocket.install()
    assert WebSocketFactory.protocol is DirectProtocol


def test_with_other_versions_daphne_stays_as_it_is_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(WebSocketFactory, "protocol", WebSocketProtocol)
    monkeypatch.setattr(websocket, "version", lambda name: "1.0" if name == "twisted" else "2.0")
    for _ in range(2):
        websocket.install()
    assert WebSocketFactory.protocol is WebSocketProtocol
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "installed are daphne 2.0, autobahn 2.0, twisted 1.0" in record.getMessage()


async def test_without_a_private_attribute_a_message_takes_the_ordinary_path_and_the_log_says_so_once(
    viewer: Viewer, writes: Writes, caplog: pytest.LogCaptureFixture
) -> None:
    del viewer.server._perMessageCompress
    for _ in range(2):
        assert not viewer.server.send_at_once(b"picture")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "_perMessageCompress" in record.getMessage()


@settings(deadline=None)
@given(
    first=st.sampled_from([0x81, 0x81, 0x81, 0x82, 0x01, 0x80, 0xC1, 0x89]),
    payload=st.one_of(st.just(ACK), st.text(max_size=200).map(str.encode), st.binary(max_size=130)),
    mask=st.binary(min_size=4, max_size=4),
    more=st.sampled_from([b"", b"", b"", b"\x81"]),
)
def test_the_fast_path_reads_only_a_whole_message_of_ascii_text(
    first: int, payload: bytes, mask: bytes, more: bytes
) -> None:
    short = first == 0x81 and 0 < len(payload) < 126 and payload.isascii() and not more
    assert short_text(frame(payload, first, mask) + more) == (payload if short else None)


@settings(deadline=None)
@given(st.binary(max_size=12))
def test_any_data_can_be_checked_for_a_short_text(data: bytes) -> None:
    text = short_text(data)
    assert text is None or frame(text, mask=data[2:6]) == data
