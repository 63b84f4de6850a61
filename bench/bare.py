"""A minimal ASGI application: it sends each WebSocket messages of equal size at a steady rate, and reads.

The query string has `bytes`, the size of a message, and `rate`, messages/s. The CPU time of a message is the cost
of the ASGI server alone. If the product needs more for an equal message under the same server, the difference is
the cost of the product's code.
"""

import asyncio
from typing import Any
from urllib.parse import parse_qs


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"ok"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        query = parse_qs(scope["query_string"].decode())
        message, pause = bytes(int(query["bytes"][0])), 1 / float(query["rate"][0])
        sending = asyncio.create_task(_send(send, message, pause))
        while (await receive())["type"] != "websocket.disconnect":
            pass
        sending.cancel()


async def _send(send: Any, message: bytes, pause: float) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        await send({"type": "websocket.send", "bytes": message})
        due += pause
        await asyncio.sleep(due - loop.time())
