"""Users who are kept out for a while after an administrator has stopped them, and how they are let in again."""

import json
import math
from dataclasses import dataclass

from streaming.store.keys import BLOCKED, BLOCKS
from streaming.store.scripts import Store


@dataclass(frozen=True)
class Block:
    user_id: str
    user: str  # the name at the time of the block
    message: str  # to the user
    seconds_left: int
    by: str  # who set it; empty where that is not known


async def blocks(store: Store) -> list[Block]:
    """Those that last, the longest first. Raises GateUnavailableError."""
    answer = await store.run("gate/blocks", [BLOCKED], [BLOCKS])
    found = [
        Block(id, facts["user"], message, math.ceil(left / 1000), facts["by"])
        for id, left, message, text in zip(*(answer[part::4] for part in range(4)), strict=True)
        for facts in [json.loads(text)]
    ]
    return sorted(found, key=lambda block: (-block.seconds_left, block.user))


async def lift(store: Store, user_id: str) -> Block | None:
    """Lift a block and return it; None where there was none. Raises GateUnavailableError."""
    # Asked first: were the reply of what removes it lost, the second call would find nothing.
    known = next((block for block in await blocks(store) if block.user_id == user_id), None)
    (removed,) = await store.run("gate/unblock", [BLOCKED, BLOCKS + user_id], [user_id])
    return known or (Block(user_id, user_id, "", 0, "") if removed else None)
