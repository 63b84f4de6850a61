"""Reads and changes the line of viewers who wait for a slot (the right to one stream). Also lists running streams that
may end for others: a user's own ones, and the youngest."""

import json
from collections.abc import Callable
from typing import Any

from streaming.errors import (
    AddressLimitReachedError,
    BandwidthReachedError,
    CameraLimitReachedError,
    LimitReachedError,
    UserLimitReachedError,
)
from streaming.gate.leases import Kind
from streaming.gate.readings import read_holders, read_leases, read_summary
from streaming.gate.stop_orders import ORDER_EXPIRY
from streaming.store import worker_events
from streaming.store.keys import ADDRESS_SET, CAMERA_SET, LINE, ORDERS, ORDINARY_SET, USER_SET
from streaming.store.scripts import Store

MOST = 1_000  # viewers in line that are read

REFUSALS: dict[str, type[LimitReachedError]] = {
    USER_SET: UserLimitReachedError,
    CAMERA_SET: CameraLimitReachedError,
    ADDRESS_SET: AddressLimitReachedError,
    "budget:": BandwidthReachedError,
}


async def read_line(store: Store) -> list[dict[str, Any]]:
    """Returns the viewers who wait in line for a slot, the next one first, 1,000 at most. Each row has id (that of the
    stream they wait for), user (name), user_id, camera (name), camera_id, quality, address, worker (id), since (Unix
    ms), class (lower-case name of `Kind`), and reason (`reason` of the error in streaming/errors.py for the limit that
    holds the viewer up). Raises GateUnavailableError if Redis fails."""
    _, listed = await store.run("gate/waiting", [LINE], [0, MOST - 1])
    return [
        _row(id, json.loads(text), queue) for id, text, queue in zip(*(listed[n::3] for n in range(3)), strict=True)
    ]


async def count_held_up(store: Store, counts: Callable[[Kind], bool]) -> int:
    """Returns how many viewers wait because all slots that they may use are in use (only operators may use reserved
    ones), not because of another limit. Returns 0 while Redis recovers from a loss of data: there may be room.
    `counts`: whether to count a class of viewers. Considers the first 1,000 in line. Raises GateUnavailableError if
    Redis fails."""
    line = await read_line(store)
    count = sum(row["reason"] == LimitReachedError.reason and counts(Kind[row["class"].upper()]) for row in line)
    return 0 if count and (await read_summary(store, rates=False)).recovering else count


async def move_to_front(store: Store, id: str) -> bool:
    """Move a viewer to the front of the line of those who wait for a slot. `id`: as in `read_line`. Returns False if
    they do not wait. Raises GateUnavailableError if Redis fails."""
    return await _change(store, id, "front")


async def remove(store: Store, id: str, message: str = "") -> bool:
    """Remove a viewer from the line of those who wait for a slot, and send them `message` (empty: that of
    StoppedByAdministratorError). `id`: as in `read_line`. Returns False if they do not wait. Raises
    GateUnavailableError if Redis fails."""
    removed = await _change(store, id, "remove", message)
    if removed:
        await worker_events.send({"type": worker_events.Kind.ORDERS})
    return removed


async def read_youngest_ordinary(store: Store, count: int) -> list[str]:
    """Returns the ids of the youngest streams of users who may not use the reserved slots, `count` at most. The
    stream whose viewer asked for it last (`Holder.since`) comes first. Raises GateUnavailableError if Redis
    fails."""
    holders = await read_holders(store, await read_leases(store, ORDINARY_SET))
    return sorted(holders, key=lambda id: (-float(holders[id]["since"]), id))[:count]


async def forbid_return(store: Store, id: str) -> None:
    """Let no viewer take over the slot of a stream that is about to end, by its resume token or as a replacement, or
    use the token to get to the front of the waiting line. `id`: of the stream. Holds for a minute. Raises
    GateUnavailableError if Redis fails."""
    await store.call("SET", f"{LINE}:heir:{id}", "", "PX", ORDER_EXPIRY)


async def read_own(store: Store, user_id: str) -> list[dict[str, Any]]:
    """Returns a user's streams that hold slots, the oldest first: viewing_id (the lease's id), camera (id), name (of
    the camera), since (Unix ms). Raises GateUnavailableError if Redis fails."""
    holders = await read_holders(store, await read_leases(store, USER_SET + user_id))
    rows = [
        {"viewing_id": id, "camera": holder["camera_id"], "name": holder["camera"], "since": holder["since"]}
        for id, holder in holders.items()
    ]
    return sorted(rows, key=lambda row: float(row["since"]))


async def _change(store: Store, id: str, change: str, message: str = "") -> bool:
    (changed,) = await store.run("gate/change_ticket", [LINE], [id, change, ORDERS, message, ORDER_EXPIRY])
    return bool(changed)


def _row(id: str, ticket: dict[str, Any], queue: str) -> dict[str, Any]:
    error = next((error for start, error in REFUSALS.items() if queue.startswith(start)), LimitReachedError)
    return {
        **json.loads(ticket["details"]),
        "id": id,
        "since": ticket["since"],
        "class": Kind(ticket["class"]).name.lower(),
        "reason": error.reason,
    }
