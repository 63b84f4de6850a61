"""Lets one of all worker processes do a periodic task that is enough once."""

import secrets

from streaming.store.scripts import Store


async def claim_turn(store: Store, key: str, seconds: float) -> bool:
    """Returns whether this worker shall do a task now. If so, no worker gets True again for the next `seconds`.

    `key`: the task's key in Redis. Raises GateUnavailableError if Redis fails.
    """
    (mine,) = await store.run("reports/claim_turn", [key], [secrets.token_hex(8), round(seconds * 1000)])
    return bool(mine)
