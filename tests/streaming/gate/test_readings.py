"""Readings of the gate on a real Redis."""

import pytest

from streaming.errors import GateUnavailableError
from streaming.gate.readings import (
    CHUNK,
    check_writes,
    read_holders,
    read_leases,
    read_summary,
    read_usage,
    read_workers,
)
from streaming.store.keys import DETAILS, ORDINARY_SET, REPORTS, SERVER_SET, WORKERS
from streaming.store.scripts import Store

SOON, PAST = 99_999_999_999_999, 1


async def commands_of(store: Store) -> dict[str, int]:
    """Command -> how often Redis has run it, in scripts too."""
    lines = str(await store.call("INFO", "commandstats")).splitlines()
    pairs = (line.removeprefix("cmdstat_").split(":calls=") for line in lines if line.startswith("cmdstat_"))
    return {name: int(rest.split(",")[0]) for name, rest in pairs}


async def test_a_summary_counts_unexpired_leases_and_reads_none(store: Store) -> None:
    for id in ("a", "b", "c"):
        await store.call("ZADD", SERVER_SET, SOON, id)
        await store.call("HSET", DETAILS, id, "{")  # whoever reads it fails
    await store.call("ZADD", ORDINARY_SET, SOON, "a")
    await store.call("ZADD", SERVER_SET, PAST, "gone")
    before = await commands_of(store)
    found = await read_summary(store, rates=False)
    after = await commands_of(store)
    assert (found.in_use, found.ordinary, found.counted, found.recovering) == (3, 1, 0, False)
    assert {name for name in after if after[name] > before.get(name, 0)} <= {
        "evalsha",
        "eval",
        "time",
        "hget",
        "zcount",
        "zcard",
        "info",
    }


async def test_all_leases_are_read_a_few_at_a_time(store: Store) -> None:
    ids = [f"w:{number}" for number in range(CHUNK + 1)]
    for id in ids:
        await store.call("ZADD", SERVER_SET, SOON, id)
        await store.call("HSET", DETAILS, id, '{"user":"Ada"}')
    before = await commands_of(store)
    assert set(await read_leases(store)) == set(ids)
    assert await read_holders(store, ids) == {id: {"user": "Ada"} for id in ids}
    assert (await commands_of(store))["hmget"] - before.get("hmget", 0) == 2
    await store.call("HDEL", DETAILS, ids[0])
    assert (await read_usage(store)).holders[ids[0]] == {}


async def test_a_worker_is_seen_when_it_reported_though_its_report_is_older(store: Store) -> None:
    await store.call("ZADD", WORKERS, SOON, "new", SOON, "old", PAST, "dead")
    await store.call("HSET", REPORTS, "new", '{"lease":1000}', "old", '{"seen":7}', "dead", "{}")
    workers = await read_workers(store)
    assert {id: report["seen"] for id, report in workers.items()} == {"new": SOON - 1000, "old": 7}


async def test_a_check_of_writes_writes_a_byte_and_no_report(store: Store) -> None:
    await check_writes(store)
    assert not await store.call("EXISTS", REPORTS, WORKERS)
    await store.call("CONFIG", "SET", "maxmemory", 1)
    with pytest.raises(GateUnavailableError) as refused:
        await check_writes(store)
    assert refused.value.complaint.code == "OOM"
