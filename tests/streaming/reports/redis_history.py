"""History in Redis, as workers leave it there for the recorder."""

import asyncio
import json
import uuid
from typing import Any

import redis

from streaming.reports import recorder
from streaming.store.keys import MINUTE, MINUTES, REFUSAL_LIST
from streaming.store.scripts import Argument, Store

NOON = 29_000_000  # a minute in 2025
FIELDS = {
    "peak": 8,
    "peak_kbps": 21_500,
    "bytes": 150_000_000,
    "full_ms": 12_500,
    "limit": 10,
    "max_kbps": 40_500,
    "granted": 5,
    "refused:limit_reached": 2,
    "refused:user_limit_reached": 1,
    "would_refuse:limit_reached": 4,
    "arrivals:7": 3,
    "arrivals:8": 2,
    "waited:le:60": 2,
    "waited:le:inf": 1,
    "waited:sum": 4_000,
    "waited:count": 3,
    "gave_up": 4,
}


def write(url: str, kind: type[Store] = Store) -> None:
    async def opened_and_closed() -> None:
        store = kind(url)
        try:
            await recorder.write_out(store)
        finally:
            await store.close()

    asyncio.run(opened_and_closed())


def fill(client: "redis.Redis", minute: int = NOON, **fields: Argument) -> None:
    client.hset(f"{MINUTE}{minute}", mapping={name.replace("__", ":"): value for name, value in fields.items()})
    client.zadd(MINUTES, {str(minute): minute})


def refusal(**changed: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "time": 1_740_000_000_250,
        "user": "ada",
        "user_id": "7",
        "camera": "Yard",
        "camera_id": "4f9c6b1e-0000-4000-8000-000000000001",
        "quality": "medium",
        "address": "192.0.2.1",
        "reason": "limit_reached",
        "in_use": 10,
        "limit": 10,
        "dry_run": False,
        **changed,
    }


def refuse(client: "redis.Redis", *refusals: Any) -> None:
    client.rpush(REFUSAL_LIST, *(json.dumps(each) for each in refusals))


def left(client: "redis.Redis") -> list[str]:
    return sorted(str(key) for key in client.keys("nvr:{gate}:*"))
