"""Stops running streams for an administrator, on any worker, within a second.

The order waits in Redis until the stream's worker reports to Redis next. An event over the channel layer makes all
workers report at once.
"""

from streaming.gate import blocks
from streaming.store import worker_events
from streaming.store.keys import BLOCKED, BLOCKS, CAMERA_SET, DETAILS, LINE, ORDERS, SERVER_SET, TOTALS, USER_SET
from streaming.store.scripts import Argument, Store

MESSAGE = 200  # characters at most
BLOCK = 86_400  # seconds at most
ORDER_EXPIRY = 60_000  # ms for which an order waits for its worker


async def stop(store: Store, viewing_id: str, message: str = "", block_seconds: int = 0, by: str = "") -> bool:
    """Let the worker of the stream with the id `viewing_id` end it, within a second, and send `message` to its
    viewer: the first 200 characters; empty: the text of StoppedByAdministratorError. `block_seconds`, unless 0,
    also blocks the user for that time, cut to a day, and ends the user's other streams. `by`: name of the
    administrator, which the list of blocks shows. Returns False if the stream holds no slot: then nothing ends,
    and nobody is blocked. Raises GateUnavailableError if Redis fails: the stream may end or not. With a block,
    raises django.db.Error if the database fails: the streams end even so."""
    return bool(await _order(store, viewing_id, "", message, block_seconds, by))


async def stop_camera(
    store: Store, camera_id: str, message: str = "", block_seconds: int = 0, by: str = "", spared: str = ""
) -> int:
    """Let the workers end all streams of a camera, within a second, and send `message` to their viewers: the first 200
    characters; empty: the text of StoppedByAdministratorError. `block_seconds`, unless 0, also blocks their users for
    that time, cut to a day, and ends all streams of these users. `by`: name of the administrator, which the list of
    blocks shows. The user with the id `spared` is not blocked, but their streams of the camera end. Returns how many
    streams end, those of other cameras included. Raises GateUnavailableError if Redis fails: the streams may end or
    not. With a block, raises django.db.Error if the database fails: the streams end even so."""
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
