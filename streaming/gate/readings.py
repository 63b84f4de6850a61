"""Queries of Redis about streams and workers, and the few changes that need no Gate, which admits a worker's streams.

The details of leases and the reports of workers are read in chunks, so that no query delays admissions.
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
    """Prepare Redis before the first viewer comes. If Redis is new, or may have lost leases, it then admits only
    streams that already had a lease. This lasts for `grace` seconds, or the longest grace of any worker if longer.

    Blocks for a second at most, with Sentinels longer. Returns whether Redis accepted the call. Raises RuntimeError
    if the Redis user of `url` may not call INFO.
    """
    complaint = run_now(url, *opening(grace)())
    if complaint is not None and complaint.code == "NOPERM" and "INFO" in complaint.text:
        raise RuntimeError(f"The gate cannot start. {complaint.in_full}")
    return complaint is None


def opening(grace: float) -> OnConnect:
    """Returns the `on_connect` of the Gate's stores: it lets each new connection check whether Redis is new, or has
    started again and may have older data. If so, for `grace` seconds only streams that had a lease are admitted."""
    return lambda: ("gate/open", [GENERATION], [round(grace * 1000)])


async def check_writes(store: Store) -> None:
    """Raises GateUnavailableError unless Redis accepts a write: a full Redis answers reads only."""
    await store.run("gate/check_writes", [CHECKED], [])


async def read_summary(store: Store, worker: str = "", *, rates: bool) -> Summary:
    """Returns how many slots are in use, one for each stream, and how many viewers wait. `worker`: id of the
    worker whose bandwidth of stills is `stills` in the result; empty: `stills` is 0. `rates`: whether to read
    `counted`, the bandwidth that all streams and the stills of all workers are counted with; otherwise it is 0.
    Raises GateUnavailableError if Redis fails."""
    keys = [GENERATION, SERVER_SET, ORDINARY_SET, RATES, STILLS, LINE]
    now, ready_at, *figures = await store.run("gate/summary", keys, [worker, int(rates)])
    return Summary(now, now < ready_at, *figures)


async def count_leases(store: Store, sets: Sequence[str]) -> list[int]:
    """Returns how many leases, one for each stream, are in each set. `sets`: keys in Redis. Raises GateUnavailableError
    if Redis fails."""
    counts: list[int] = []
    for start in range(0, len(sets), CHUNK):
        counts += await store.run("gate/count_leases", sets[start : start + CHUNK], [])
    return counts


async def read_leases(store: Store, limited_set: str = SERVER_SET) -> list[str]:
    """Returns the ids of the leases, one for each stream, in a set. `limited_set`: its key in Redis; by default the set
    of all leases. Raises GateUnavailableError if Redis fails."""
    members: list[str] = await store.run("gate/unexpired", [limited_set], [])
    return members[::2]


async def read_holders(store: Store, leases: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns who holds each lease, the right to one stream: lease id -> fields of Holder, and `worker` (its id). Leaves
    out leases without details, such as of ended streams. Raises GateUnavailableError if Redis fails."""
    return await _read_fields(store, DETAILS, leases)


async def read_reports(store: Store, workers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns the newest report of each of these workers, whose ids are given, by worker id. reports/reporter.py makes
    the reports. Leaves out workers without one. Raises GateUnavailableError if Redis fails."""
    return await _read_fields(store, REPORTS, workers)


async def read_workers(store: Store) -> dict[str, dict[str, Any]]:
    """Returns the newest report of each running worker by worker id. `seen` in it: when the worker reported last, in
    Unix ms. reports/reporter.py makes the reports. Raises GateUnavailableError if Redis fails."""
    members: list[str] = await store.run("gate/unexpired", [WORKERS], [])
    ends = dict(zip(members[::2], map(float, members[1::2]), strict=True))
    reports = await read_reports(store, list(ends))
    for worker, report in reports.items():
        if "lease" in report:  # otherwise the worker sends each report whole
            report["seen"] = ends[worker] - report["lease"]
    return reports


async def read_usage(store: Store) -> Usage:
    """Returns the streams that hold slots, and the reports of all workers. Raises GateUnavailableError if Redis
    fails."""
    summary, workers = await read_summary(store, rates=True), await read_workers(store)
    leases = await read_leases(store)
    found = await read_holders(store, leases)
    holders = {id: found.get(id, {}) for id in leases}
    return Usage(summary.time, summary.recovering, holders, workers, summary.ordinary, summary.counted)


async def read_expected(store: Store, rate: Rate) -> int:
    """Returns the kbit/s that one more stream with this rate is counted with: measured or, if not measured yet,
    estimated. Raises GateUnavailableError if Redis fails."""
    return int(await store.call("HGET", EXPECTED, rate.field) or rate.kbps)


async def read_totals(store: Store) -> dict[str, float]:
    """Returns the event counters of all workers together: name -> total since Redis's data began.
    `reports/counters.py` lists the names. Raises GateUnavailableError if Redis fails."""
    pairs = await store.run("gate/totals", [TOTALS], [])
    return {name: float(amount) for name, amount in zip(pairs[::2], pairs[1::2], strict=True)}


async def revoke(store: Store, lease: str) -> None:
    """Take a stream's slot away, without its worker: remove its lease, with the id `lease`, from the set of all
    leases. For `manage.py slots --free`, if the worker does not carry out a stop order. The worker ends the stream,
    with SlotLostError, when it next renews the lease. The server's limit has room at once, the stream's other limits
    when it has ended. Raises GateUnavailableError if Redis fails."""
    await store.run("gate/release", [*STORE_KEYS, SERVER_SET], [0, 0, json.dumps([lease])])


async def _read_fields(store: Store, key: str, fields: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(fields), CHUNK):
        chunk = fields[start : start + CHUNK]
        texts = await store.call("HMGET", key, *chunk)
        found |= {field: json.loads(text) for field, text in zip(chunk, texts, strict=True) if text is not None}
    return found
