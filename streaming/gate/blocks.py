"""Users that an administrator has blocked for a time: who they are, and how to unblock them."""

import json
import math
from dataclasses import dataclass

from streaming.store.keys import BLOCKED, BLOCKS
from streaming.store.scripts import Store


@dataclass(frozen=True)
class Block:
    user_id: str
    user: str  # name at the time of the block
    message: str  # to the user
    seconds_left: int
    by: str  # name of the administrator; empty if unknown


async def blocks(store: Store) -> list[Block]:
    """Returns the current blocks, the longest first. Raises GateUnavailableError."""
    answer = await store.run("gate/blocks", [BLOCKED], [BLOCKS])
    found = [
        Block(id, facts["user"], message, math.ceil(left / 1000), facts["by"])
        for id, left, message, text in zip(*(answer[part::4] for part in range(4)), strict=True)
        for facts in [json.loads(text)]
    ]
    return sorted(found, key=lambda block: (-block.seconds_left, block.user))


async def lift(store: Store, user_id: str) -> Block | None:
    """Remove the block of a user. Returns it, or None if there was none. Raises GateUnavailableError."""
    # Read first: if the reply to gate/unblock is lost, the retry finds nothing to remove.
    known = next((block for block in await blocks(store) if block.user_id == user_id), None)
    (removed,) = await store.run("gate/unblock", [BLOCKED, BLOCKS + user_id], [user_id])
    return known or (Block(user_id, user_id, "", 0, "") if removed else None)
