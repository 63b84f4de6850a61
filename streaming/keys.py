"""Where the gate keeps what in Redis, and the readings and interventions that need no gate of their own."""

import json
import secrets
from collections.abc import Sequence
from typing import Any

from django.conf import settings

from streaming import embedded
from streaming.leases import Usage
from streaming.store import Store, run_now

PREFIX = "nvr:{gate}:"  # one hash tag: in a Redis Cluster all keys are in one place
GENERATION, DETAILS, WORKERS, REPORTS = (PREFIX + name for name in ("generation", "details", "workers", "reports"))
SERVER_SET = PREFIX + "set:server"
POLICY = PREFIX + "policy"  # a version of the limits that the database holds
MINUTES, MINUTE, REFUSALS = (
    PREFIX + "minutes",
    PREFIX + "minute:",
    PREFIX + "refusals",
)  # of the cluster, to be written out


def store_url() -> str:
    """Where Redis is."""
    return settings.REDIS_URL or f"unix://{embedded.socket_path(settings.EMBEDDED_REDIS_DIR)}"


def open_generation(url: str, grace: float) -> bool:
    """Make this Redis's generation if it has none, so that newcomers' waiting (`grace` seconds) begins with the worker
    and not with the first viewer. Blocks for a second at most; returns whether Redis answered."""
    return run_now(url, "open", [GENERATION], [round(grace * 1000), secrets.token_hex(8)])


async def read_usage(store: Store) -> Usage:
    """What Redis knows of holders and workers; raises GateUnavailableError."""
    keys = [GENERATION, DETAILS, WORKERS, REPORTS, SERVER_SET]
    now, ready_at, holders, workers = await store.run("usage", keys, [])
    return Usage(now, now < ready_at, _decoded(holders), _decoded(workers))


async def revoke(store: Store, lease: str) -> None:
    """Take a lease out of the server-wide set, whoever holds it; its viewing ends when it next renews."""
    await store.run("release", [DETAILS, SERVER_SET], [lease])


def _decoded(pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {id: json.loads(text) for id, text in zip(pairs[::2], pairs[1::2], strict=True)}
