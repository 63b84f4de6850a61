"""What an administrator does to running viewings. Each takes effect at whichever worker holds them, within a second: the
order waits in Redis for the worker's next report, and a control event hastens it."""

from streaming.store import worker_events
from streaming.store.keys import BLOCKED, BLOCKS, DETAILS, ORDERS, SERVER_SET, TOTALS
from streaming.store.scripts import Argument, Store

MESSAGE = 200  # characters at most
BLOCK = 86_400  # seconds at most
KEPT = 60_000  # ms for which an order waits for its worker


async def stop(store: Store, viewing_id: str, message: str = "", block_seconds: int = 0, by: str = "") -> bool:
    """End one viewing with `message` to its viewer. With `block_seconds` the user is blocked, in the name of `by`, and the
    user's other viewings end too. Returns whether there is such a viewing. Raises GateUnavailableError."""
    return bool(await _order(store, "id", viewing_id, message, block_seconds, by))


async def stop_camera(
    store: Store, camera_id: str, message: str = "", block_seconds: int = 0, by: str = "", spared: str = ""
) -> int:
    """The same for all viewings of a camera; returns how many have ended. The user with the key `spared` is not blocked.
    Raises GateUnavailableError."""
    return len(await _order(store, "camera_id", camera_id, message, block_seconds, by, spared))


async def _order(
    store: Store, field: str, value: str, message: str, block_seconds: int, by: str, spared: str = ""
) -> list[str]:
    arguments: list[Argument] = [
        ORDERS,
        BLOCKS,
        KEPT,
        field,
        value,
        message[:MESSAGE],
        min(block_seconds, BLOCK) * 1000,
        by,
        spared,
    ]
    told: list[str] = await store.run("gate/stop_viewings", [DETAILS, SERVER_SET, TOTALS, BLOCKED], arguments)
    if told:
        await worker_events.send({"type": "orders"})
    return told
