"""Messages that the fast path does not send or read are handled as Daphne and autobahn handle them."""

import asyncio
import contextlib

import pytest
from autobahn.exception import Disconnected

from tests.nvr.websocket_server import (
    ACK,
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Ordinary,
    Viewer,
    Watched,
    Writes,
    connected,
    frame,
)


async def test_a_slow_viewer_gets_each_message_whole_and_in_order(viewer: Viewer, writes: Writes) -> None:
    messages = [bytes([number]) * 900_000 for number in range(40)]
    for message in messages:
        viewer.server.send(message)
    viewer.server.send("the end")
    assert writes.count
    assert [await viewer.receive() for _ in messages] == [(BINARY, message) for message in messages]
    assert await viewer.receive() == (TEXT, b"the end")
    writes.count = 0
    viewer.server.send(b"again")  # everything is written: the fast path is used again
    assert await viewer.receive() == (BINARY, b"again")
    assert not writes.count


async def test_messages_of_all_kinds_keep_their_order(viewer: Viewer) -> None:
    """Text and pings wait for Twisted's next turn. The bytes that a full socket did not take wait for several."""
    sent: list[tuple[int, bytes]] = []

    async def say() -> None:
        for number in range(60):
            text, picture = f"text {number}", bytes([number]) * (900_000 if number % 3 else 50)
            viewer.server.send(text)
            viewer.server.send(picture)
            viewer.server.sendPing(picture[:5])
            viewer.server.send(picture)
            sent.extend([(TEXT, text.encode()), (BINARY, picture), (PING, picture[:5]), (BINARY, picture)])
            await asyncio.sleep(0)

    saying = asyncio.create_task(say())
    received = [await viewer.receive() for _ in range(240)]
    await saying
    assert received == sent


async def test_after_a_close_nothing_is_sent(viewer: Viewer) -> None:
    viewer.server.send("the end")
    viewer.server.handle_reply({"type": "websocket.close", "code": 4429})
    with pytest.raises(Disconnected):
        viewer.server.send(b"one more")
    assert await viewer.receive() == (TEXT, b"the end")
    assert await viewer.receive() == (CLOSE, (4429).to_bytes(2, "big"))
    with pytest.raises(Disconnected):
        viewer.server.send(b"with an empty write buffer")


async def test_messages_that_arrive_together_in_pieces_or_in_fragments_are_all_received(viewer: Viewer) -> None:
    await viewer.send(frame(ACK) + frame(b"two"), frame(b"three")[:9], frame(b"three")[9:] + frame(b"four"))
    await viewer.send(frame(b"fi", first=TEXT), frame(b"ve", first=0x80), frame(b"six"))
    received = [await viewer.server.text() for _ in range(6)]
    assert received == [ACK, b"two", b"three", b"four", b"five", b"six"]


async def test_a_ping_within_a_fragmented_message_is_answered_and_the_message_goes_on(viewer: Viewer) -> None:
    await viewer.send(frame(b"one ", first=TEXT), frame(b"?", first=0x80 | PING), frame(b"message", first=0x80))
    assert await viewer.receive() == (PONG, b"?")
    assert await viewer.server.text() == b"one message"


WRONG = {
    "no UTF-8": [frame(b"\xff\xfe")],
    "not masked": [b"\x81\x02ok"],
    "within another": [frame(b"one", first=TEXT) + frame(ACK)],
    "within another, alone": [frame(b"one", first=TEXT), frame(ACK)],
    "after a close": [frame((1000).to_bytes(2, "big"), first=0x80 | CLOSE), frame(ACK)],
}


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)
async def test_a_wrong_frame_ends_the_connection_as_autobahn_ends_it(sent: list[bytes]) -> None:
    codes = []
    for kind in (Watched, Ordinary):
        async with connected(kind) as viewer:
            with contextlib.suppress(ConnectionError):
                await viewer.send(*sent)
            codes.append(await asyncio.wait_for(viewer.server.closed, 5))
            assert viewer.server.texts.empty()
    assert codes[0] == codes[1]


async def test_a_viewer_that_acknowledges_is_alive_even_without_its_pong(viewer: Viewer) -> None:
    viewer.server.autoPingTimeout = 30
    viewer.server._sendAutoPing()
    assert (await viewer.receive())[0] == PING
    assert viewer.server.autoPingTimeoutCall
    await viewer.send(frame(ACK))
    assert await viewer.server.text() == ACK
    assert not viewer.server.autoPingTimeoutCall


async def test_sending_to_a_viewer_that_is_gone_does_nothing(viewer: Viewer) -> None:
    viewer.writer.transport.abort()
    for _ in range(3):
        viewer.server.send(bytes(100_000))
    await asyncio.wait_for(viewer.server.closed, 5)
