"""Queries of the gate's data, and the few changes that need no Gate."""

import json
from collections.abc import Sequence
from typing import Any

from streaming.gate.leases import Rate, Usage
from streaming.store.keys import (
    DETAILS,
    EXPECTED,
    GENERATION,
    ORDINARY_SET,
    RATES,
    REPORTS,
    SERVER_SET,
    TOTALS,
    WORKERS,
)
from streaming.store.scripts import OnConnect, Store, run_now


def open_generation(url: str, grace: float) -> bool:
    """Make the generation of this Redis if it has none. The grace (seconds) then begins when the worker starts, not when the
    first viewer comes. Blocks for a second at most. Returns whether Redis answered. Raises RuntimeError if the user of the
    address may not call INFO."""
    complaint = run_now(url, *opening(grace)())
    if complaint is not None and complaint.code == "NOPERM" and "INFO" in complaint.text:
        raise RuntimeError(f"The gate cannot start. {complaint.in_full}")
    return complaint is None


def opening(grace: float) -> OnConnect:
    """Returns the `on_connect` of a gate's Store: each new connection may lead to a Redis that restarted with old data."""
    return lambda: ("gate/open", [GENERATION], [round(grace * 1000)])


async def read_usage(store: Store) -> Usage:
    """Returns the current holders and workers. Raises GateUnavailableError."""
    keys = [GENERATION, DETAILS, WORKERS, REPORTS, SERVER_SET, ORDINARY_SET, RATES]
    now, ready_at, holders, workers, ordinary, counted = await store.run("gate/usage", keys, [])
    return Usage(now, now < ready_at, _decoded(holders), _decoded(workers), ordinary, counted)


async def read_expected(store: Store, rate: Rate) -> int:
    """Returns the kbit/s that one more such stream is counted with. Raises GateUnavailableError."""
    return int(await store.call("HGET", EXPECTED, rate.field) or rate.kbps)


async def read_totals(store: Store) -> dict[str, float]:
    """Returns the totals of all workers by name (`reports/counters.py`). Raises GateUnavailableError."""
    pairs = await store.run("gate/totals", [TOTALS], [])
    return {name: float(amount) for name, amount in zip(pairs[::2], pairs[1::2], strict=True)}


async def revoke(store: Store, lease: str) -> None:
    """Remove a lease from the server's set. Its viewing ends at the next renewal. Raises GateUnavailableError."""
    await store.run("gate/release", [GENERATION, DETAILS, RATES, SERVER_SET], [lease])


def _decoded(pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {id: json.loads(text) for id, text in zip(pairs[::2], pairs[1::2], strict=True)}
