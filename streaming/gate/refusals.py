"""Makes the errors for the refusals of `gate/lua/acquire.lua`."""

import math
from collections.abc import Sequence
from typing import Any

from streaming.errors import BandwidthReachedError, LimitReachedError, StoppedByAdministratorError, StreamError
from streaming.gate.leases import Terms


def would_refuse(terms: Terms, position: int, *facts: int) -> LimitReachedError | None:
    """Returns the refusal of the dry run, None if it refuses nothing."""
    if not position:
        return None
    if position < 0:
        return bandwidth(facts)
    in_use, limit = facts
    return terms.limits[position - 1].refusal(in_use=in_use, limit=limit)


def refusal(terms: Terms, outcome: str, facts: Sequence[Any]) -> StreamError:
    """Returns the error for an outcome other than "granted" and "wait"."""
    if outcome == "budget":
        return bandwidth(facts)
    if outcome == "blocked":
        return StoppedByAdministratorError(facts[1], retry_after=math.ceil(facts[0] / 1000))
    position, in_use, limit, next_end = facts
    error: type[StreamError] = terms.limits[position - 1].refusal
    return error(in_use=in_use, limit=limit, retry_after=_retry_after(next_end))


def bandwidth(facts: Sequence[int]) -> BandwidthReachedError:
    in_use, budget, expected = (round(kbps / 1000, 2) for kbps in facts)
    return BandwidthReachedError(mbps=in_use, max_mbps=budget, expected_mbps=expected, retry_after=5)


def _retry_after(ms: int) -> int:
    """Returns the seconds after which a refused viewer should try again: 1 to 5, as slots often become free early."""
    return max(1, min(5, round(ms / 1000)))
