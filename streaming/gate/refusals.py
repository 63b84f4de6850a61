"""Makes errors from the answers of the scripts `gate/lua/acquire.lua` (admits streams) and `change_rate.lua` (counts
another bandwidth): for viewers who are refused or wait in line. `would_refuse` is for a dry run, which refuses nobody."""

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
    """Returns the error with which the limits of a dry run (tested, not enforced) would refuse a stream, None if they
    would not.

    `position`: that of the full limit in `terms.limits`, from 1, with the facts streams in use and limit; or -1: the
    bandwidth budget, with the facts kbit/s in use, budget and kbit/s expected; or 0: no refusal.
    """
    if not position:
        return None
    if position < 0:
        return bandwidth(facts)
    in_use, limit = facts
    return terms.limits[position - 1].refusal(in_use=in_use, limit=limit)


def refusal(terms: Terms, outcome: str, facts: Sequence[Any]) -> StreamError:
    """Returns the error for a refusal by acquire.lua, the script that admits streams. `outcome` and `facts`:

    "blocked": ms that are left of the user's block, message to the user
    "line_full": viewers in line
    "full": viewers in line, position in `terms.limits` (from 1), streams in use, limit, ms until one of them may end
    "budget": viewers in line, kbit/s in use, budget, kbit/s expected of the new stream
    """
    if outcome == "blocked":
        return StoppedByAdministratorError(facts[1], retry_after=math.ceil(facts[0] / 1000))
    if outcome == "line_full":
        return LineFullError(waiting=facts[0])
    return limit_reached(terms, outcome, facts)


def limit_reached(terms: Terms, outcome: str, facts: Sequence[Any]) -> LimitReachedError:
    """Returns the error of the limit that refuses a stream or lets its viewer wait in line. `outcome` and `facts`,
    from acquire.lua, the script that admits streams:

    "full": viewers in line, position in `terms.limits` (from 1), streams in use, limit, ms until one may end
    "budget": viewers in line, kbit/s in use, budget, kbit/s expected of the new stream
    """
    waiting, *rest = facts
    if outcome == "budget":
        error: LimitReachedError = bandwidth(rest)
    else:
        position, in_use, limit, next_end = rest
        error = terms.limits[position - 1].refusal(in_use=in_use, limit=limit, retry_after=_retry_after(next_end))
    error.facts["waiting"] = waiting
    return error


def bandwidth(facts: Sequence[int]) -> BandwidthReachedError:
    """Returns the error for an exhausted bandwidth budget. `facts`: kbit/s in use, budget, kbit/s of the new stream."""
    in_use, budget, expected = (round(kbps / 1000, 2) for kbps in facts)
    return BandwidthReachedError(mbps=in_use, max_mbps=budget, expected_mbps=expected, retry_after=5)


def _retry_after(ms: int) -> int:
    """Returns the seconds after which a refused viewer should try again: 1 to 5, as slots often become free early.
    `ms`: until the next lease may end; rounded to the nearest second.
    """
    return max(1, min(5, round(ms / 1000)))
