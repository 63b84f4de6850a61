"""The consumer, where no real viewer can cause the situation on demand."""

from typing import Any

from autobahn.exception import Disconnected

from streaming.web.consumer import StreamConsumer


async def test_a_message_that_crosses_the_close_is_no_error() -> None:
    """The answer cannot be sent any more. Daphne would log an exception of the application."""
    events: list[dict[str, Any]] = [
        {"type": "websocket.receive", "text": '{"type": "ping", "time": 1}'},
        {"type": "websocket.disconnect", "code": 1000},
    ]

    async def receive() -> dict[str, Any]:
        return events.pop(0)

    async def closed(message: Any) -> None:
        raise Disconnected

    await StreamConsumer()({}, receive, closed)
    assert not events
