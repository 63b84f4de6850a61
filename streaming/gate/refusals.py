"""Makes the errors for the refusals of `gate/lua/acquire.lua`."""

import math
from collections.abc import Sequence
from typing import Any

from streaming.errors import (
    BandwidthReachedError,
    LimitReachedError,
    LineFullError,
    StoppedByAdministratorError,
    StreamError,
)
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
    """Returns the error for the outcomes "blocked", "line_full", "full" and "budget"."""
    if outcome == "blocked":
        return StoppedByAdministratorError(facts[1], retry_after=math.ceil(facts[0] / 1000))
    if outcome == "line_full":
        return LineFullError(waiting=facts[0])
    return limit_reached(terms, outcome, facts)


def limit_reached(terms: Terms, outcome: str, facts: Sequence[Any]) -> LimitReachedError:
    """Returns the error for the outcomes "full" and "budget"."""
    waiting, *rest = facts
    if outcome == "budget":
        error: LimitReachedError = bandwidth(rest)
    else:
        position, in_use, limit, next_end = rest
        error = terms.limits[position - 1].refusal(in_use=in_use, limit=limit, retry_after=_retry_after(next_end))
    error.facts["waiting"] = waiting
    return error


def bandwidth(facts: Sequence[int]) -> BandwidthReachedError:
    in_use, budget, expected = (round(kbps / 1000, 2) for kbps in facts)
    return BandwidthReachedError(mbps=in_use, max_mbps=budget, expected_mbps=expected, retry_after=5)


def _retry_after(ms: int) -> int:
    """Returns the seconds after which a refused viewer should try again: 1 to 5, as slots often become free early."""
    return max(1, min(5, round(ms / 1000)))
