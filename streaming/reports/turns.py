"""Turns: of all workers, one does what is enough once."""

import secrets

from streaming.store.scripts import Store


async def claim_turn(store: Store, key: str, seconds: float) -> bool:
    """Returns whether it is this worker's turn. Then it is nobody's for `seconds`. Raises GateUnavailableError."""
    (mine,) = await store.run("reports/claim_turn", [key], [secrets.token_hex(8), round(seconds * 1000)])
    return bool(mine)
