"""Stops viewings for an administrator, on any worker, within a second.

The order waits in Redis for the next report of the viewing's worker. A control event makes the worker report at once.
"""

from streaming.gate import blocks
from streaming.store import worker_events
from streaming.store.keys import BLOCKED, BLOCKS, CAMERA_SET, DETAILS, LINE, ORDERS, SERVER_SET, TOTALS, USER_SET
from streaming.store.scripts import Argument, Store

MESSAGE = 200  # characters at most
BLOCK = 86_400  # seconds at most
ORDER_EXPIRY = 60_000  # ms for which an order waits for its worker


async def stop(store: Store, viewing_id: str, message: str = "", block_seconds: int = 0, by: str = "") -> bool:
    """End one viewing and send `message` to its viewer. `block_seconds` also blocks the user, in the name of `by`, and ends
    the user's other viewings. Returns whether the viewing exists. Raises GateUnavailableError."""
    return bool(await _order(store, viewing_id, "", message, block_seconds, by))


async def stop_camera(
    store: Store, camera_id: str, message: str = "", block_seconds: int = 0, by: str = "", spared: str = ""
) -> int:
    """End all viewings of a camera, as `stop` does. The user with the id `spared` is not blocked. Returns how many viewings
    were stopped. Raises GateUnavailableError."""
    return len(await _order(store, "", CAMERA_SET + camera_id, message, block_seconds, by, spared))


async def _order(
    store: Store, viewing_id: str, camera_set: str, message: str, block_seconds: int, by: str, spared: str = ""
) -> list[str]:
    arguments: list[Argument] = [
        ORDERS,
        BLOCKS,
        ORDER_EXPIRY,
        viewing_id,
        camera_set,
        message[:MESSAGE],
        min(block_seconds, BLOCK) * 1000,
        by,
        spared,
        USER_SET,
    ]
    ordered: list[str] = await store.run("gate/stop_viewings", [DETAILS, SERVER_SET, TOTALS, BLOCKED, LINE], arguments)
    if ordered:
        await worker_events.send({"type": worker_events.Kind.ORDERS})
    if ordered and block_seconds:
        await blocks.save(store)
    return ordered
