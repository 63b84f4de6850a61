"""What of the consumer no viewer can bring about on demand."""

from typing import Any

from autobahn.exception import Disconnected

from streaming.web.consumer import Flood, StreamConsumer


async def test_a_message_that_crosses_the_close_is_no_error() -> None:
    """Its answer cannot be sent any more, which Daphne would log as an exception of the application."""

    async def closed(message: Any) -> None:
        raise Disconnected

    consumer = StreamConsumer()
    consumer.base_send, consumer._flood = closed, Flood(60)
    await consumer.receive('{"type": "ping", "time": 1}')
