"""Where the gate keeps what in Redis, and the readings and interventions that need no gate of their own."""

import json
import secrets
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from cameras.sources import CameraSource
from streaming import embedded
from streaming.leases import Rate, Usage
from streaming.store import Store, run_now

PREFIX = "nvr:{gate}:"  # one hash tag: in a Redis Cluster all keys are in one place

GENERATION = PREFIX + "generation"
SERVER_SET, ORDINARY_SET = PREFIX + "set:server", PREFIX + "set:ordinary"
USER_SET, ADDRESS_SET, CAMERA_SET = (PREFIX + f"set:{kind}:" for kind in ("user", "address", "camera"))  # + its id
DETAILS = PREFIX + "details"  # lease -> Holder as JSON
RATES = PREFIX + "rates"  # lease -> kbit/s that it is counted with; "stills" -> what all workers' stills take
EXPECTED = PREFIX + "expected"  # camera and quality -> kbit/s last measured
WORKERS, REPORTS = PREFIX + "workers", PREFIX + "reports"
SENT = PREFIX + "sent"  # worker -> kbit/s that it sends, stills included
STILLS = PREFIX + "stills"  # worker -> kbit/s of its stills
BLOCKED = PREFIX + "blocks"  # user -> his name and who blocked him, as JSON
ORDERS, BLOCKS, SEQUENCES = PREFIX + "orders:", PREFIX + "blocked:", PREFIX + "sequence:"  # + worker, user, worker

TOTALS = PREFIX + "totals"  # counter -> number, of all workers that ever were
MINUTE = PREFIX + "minute:"  # + Unix minute -> what was seen in it
MINUTES = PREFIX + "minutes"  # those that the database has not got
REFUSALS = PREFIX + "refusals"  # JSON each, for the database
POLICY = PREFIX + "policy"  # version of the limits in force
LOOKED = PREFIX + "looked"  # when the gate was last looked at for the minute's record, Unix ms
HELD = PREFIX + "held"  # cameras with pictures in the pictures' Redis, scored by expiry
WRITER, BATCH, PURGED = (PREFIX + "history:" + name for name in ("writer", "batch", "purged"))


def store_url() -> str:
    """Where Redis is."""
    return settings.REDIS_URL or f"unix://{embedded.socket_path(settings.EMBEDDED_REDIS_DIR)}"


def name_of(camera: str, source: CameraSource) -> str:
    """What the names of a camera's keys in Redis begin with. By address and not by camera alone: who has heard of a new
    address must not get pictures of the old one."""
    secret = "\n".join((source.url, source.username, source.password))
    return f"{PREFIX}camera:{camera}:{salted_hmac('streaming.sharing', secret).hexdigest()[:16]}"


def open_generation(url: str, grace: float) -> bool:
    """Make this Redis's generation if it has none of its own, so that newcomers' waiting (`grace` seconds) begins with the
    worker and not with the first viewer. Blocks for a second at most; returns whether Redis answered."""
    return run_now(url, "open", [GENERATION], [round(grace * 1000), secrets.token_hex(8)])


def pictures_url() -> str:
    """Where the Redis for shared pictures is. If it is another one, it may be full or gone without harm to the gate."""
    return settings.PICTURES_REDIS_URL or store_url()


async def read_usage(store: Store) -> Usage:
    """What Redis knows of holders and workers; raises GateUnavailableError."""
    keys = [GENERATION, DETAILS, WORKERS, REPORTS, SERVER_SET, ORDINARY_SET, RATES]
    now, ready_at, holders, workers, ordinary, counted = await store.run("usage", keys, [])
    return Usage(now, now < ready_at, _decoded(holders), _decoded(workers), ordinary, counted)


async def read_expected(store: Store, rate: Rate) -> int:
    """kbit/s that one more such stream is counted with; raises GateUnavailableError."""
    return int(await store.call("HGET", EXPECTED, rate.field) or rate.kbps)


async def read_totals(store: Store) -> dict[str, float]:
    """What all workers have counted so far, by name (`counters.py`); raises GateUnavailableError."""
    pairs = await store.run("totals", [TOTALS], [])
    return {name: float(amount) for name, amount in zip(pairs[::2], pairs[1::2], strict=True)}


async def revoke(store: Store, lease: str) -> None:
    """Take a lease out of the server-wide set, whoever holds it; its viewing ends when it next renews."""
    await store.run("release", [DETAILS, RATES, SERVER_SET], [lease])


def _decoded(pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {id: json.loads(text) for id, text in zip(pairs[::2], pairs[1::2], strict=True)}
