"""Queries of the gate's data, and the few changes that need no Gate.

No query holds up admissions: one that reads all leases or all reports asks for a few at a time.
"""

import json
from collections.abc import Sequence
from typing import Any

from streaming.gate.lease_scripts import STORE_KEYS
from streaming.gate.leases import Rate, Summary, Usage
from streaming.store.keys import (
    CHECKED,
    DETAILS,
    EXPECTED,
    GENERATION,
    LINE,
    ORDINARY_SET,
    RATES,
    REPORTS,
    SERVER_SET,
    STILLS,
    TOTALS,
    WORKERS,
)
from streaming.store.scripts import OnConnect, Store, run_now

CHUNK = 200  # fields in one call: some 50 kB of details, or a megabyte of reports


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


async def check_writes(store: Store) -> None:
    """Raises GateUnavailableError unless Redis accepts a write: a full Redis answers reads only."""
    await store.run("gate/check_writes", [CHECKED], [])


async def read_summary(store: Store, worker: str = "", *, rates: bool) -> Summary:
    """Returns the slots in use. `rates`: also the kbit/s that they are counted with. Raises GateUnavailableError."""
    keys = [GENERATION, SERVER_SET, ORDINARY_SET, RATES, STILLS, LINE]
    now, ready_at, *figures = await store.run("gate/summary", keys, [worker, int(rates)])
    return Summary(now, now < ready_at, *figures)


async def count_leases(store: Store, sets: Sequence[str]) -> list[int]:
    """Returns how many leases each set has. Raises GateUnavailableError."""
    counts: list[int] = []
    for start in range(0, len(sets), CHUNK):
        counts += await store.run("gate/count_leases", sets[start : start + CHUNK], [])
    return counts


async def read_leases(store: Store, limited_set: str = SERVER_SET) -> list[str]:
    """Returns the ids of all leases in a limited set. Raises GateUnavailableError."""
    members: list[str] = await store.run("gate/unexpired", [limited_set], [])
    return members[::2]


async def read_holders(store: Store, leases: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns the Holder's fields of each lease that has details. Raises GateUnavailableError."""
    return await _read_fields(store, DETAILS, leases)


async def read_reports(store: Store, workers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns the reports of some workers. Raises GateUnavailableError."""
    return await _read_fields(store, REPORTS, workers)


async def read_workers(store: Store) -> dict[str, dict[str, Any]]:
    """Returns the reports of all workers. `seen`: when a worker reported last. Raises GateUnavailableError."""
    members: list[str] = await store.run("gate/unexpired", [WORKERS], [])
    ends = dict(zip(members[::2], map(float, members[1::2]), strict=True))
    reports = await read_reports(store, list(ends))
    for worker, report in reports.items():
        if "lease" in report:  # otherwise the worker sends each report whole
            report["seen"] = ends[worker] - report["lease"]
    return reports


async def read_usage(store: Store) -> Usage:
    """Returns all holders and workers. Raises GateUnavailableError."""
    summary, workers = await read_summary(store, rates=True), await read_workers(store)
    leases = await read_leases(store)
    found = await read_holders(store, leases)
    holders = {id: found.get(id, {}) for id in leases}
    return Usage(summary.time, summary.recovering, holders, workers, summary.ordinary, summary.counted)


async def read_expected(store: Store, rate: Rate) -> int:
    """Returns the kbit/s that one more such stream is counted with. Raises GateUnavailableError."""
    return int(await store.call("HGET", EXPECTED, rate.field) or rate.kbps)


async def read_totals(store: Store) -> dict[str, float]:
    """Returns the totals of all workers by name (`reports/counters.py`). Raises GateUnavailableError."""
    pairs = await store.run("gate/totals", [TOTALS], [])
    return {name: float(amount) for name, amount in zip(pairs[::2], pairs[1::2], strict=True)}


async def revoke(store: Store, lease: str) -> None:
    """Remove a lease from the server's set. Its viewing ends at the next renewal. Raises GateUnavailableError."""
    await store.run("gate/release", [*STORE_KEYS, SERVER_SET], [0, 0, lease])


async def _read_fields(store: Store, key: str, fields: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(fields), CHUNK):
        chunk = fields[start : start + CHUNK]
        texts = await store.read("HMGET", key, *chunk)
        found |= {field: json.loads(text) for field, text in zip(chunk, texts, strict=True) if text is not None}
    return found
