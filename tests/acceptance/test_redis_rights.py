"""The rights in Redis that docs/operating.md names: enough for all that the product does, and none too many."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from cameras.simulator import SimulatedCamera
from tests.client import Session, Stream
from tests.servers import ROOT, RedisServer, site

PASSWORD = "a-password-of-the-worker"
RULES = re.compile(r"^    user nvr on >PASSWORD (.+)$", re.MULTILINE)
STOP = """
import asyncio
from streaming.gate import blocks, stop_orders
from streaming.store.keys import store_url
from streaming.store.scripts import Store

async def stop():
    store = Store(store_url())
    print(await stop_orders.stop(store, "{id}", "Off", 30), await blocks.blocks(store), await blocks.lift(store, "2"))

asyncio.run(stop())
"""


def documented() -> list[str]:
    (rules,) = RULES.findall((ROOT / "docs" / "operating.md").read_text())
    return str(rules).split()


def in_scripts() -> set[str]:
    """The commands that the Lua scripts call."""
    scripts = "".join(path.read_text() for path in ROOT.glob("streaming/*/lua/*.lua"))
    return {name.lower() for name in re.findall(r"redis\.p?call\('(\w+)'", scripts)}


def granted() -> set[str]:
    return {rule.removeprefix("+").partition("|")[0] for rule in documented() if rule.startswith("+")}


def test_the_documented_rights_have_each_command_of_the_scripts() -> None:
    assert in_scripts() - granted() == set()


@pytest.fixture
def server(redis_server: RedisServer) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        setuser: Any = client.execute_command
        setuser("ACL", "SETUSER", "nvr", "reset", "on", f">{PASSWORD}", *documented())
        yield client


@pytest.mark.timeout(180)
async def test_the_documented_rights_are_enough_and_none_too_many(
    redis_server: RedisServer, server: "redis.Redis", tmp_path: Path, template: Path, camera: SimulatedCamera
) -> None:
    url = redis_server.url.replace("unix://", f"unix://nvr:{PASSWORD}@")
    folder = tmp_path / "site"
    folder.mkdir()
    settings = {"REDIS_URL": url, "STREAM_LEASE_SECONDS": "3", "STREAM_MAX_MBPS": "100"}
    with site(folder, template, **settings) as installation:
        id = installation.add_camera("Yard", camera.url)
        workers = installation.start_workers(2)
        await use(installation, [Session(worker.base, "viewer") for worker in workers], id)
        used = {name.removeprefix("cmdstat_").partition("|")[0] for name in server.info("commandstats")}
    refused = {str(entry["object"]) for entry in cast(list[dict[str, Any]], server.acl_log())}
    assert refused <= {"client", "client|setinfo"}  # redis-py calls it, and does not need it
    assert "NOPERM" not in installation.logs()
    assert granted() - used - in_scripts() == set()


async def use(installation: Any, sessions: list[Session], id: str) -> None:
    """Do all that asks Redis for something: streams, shared pictures, stills, changes of quality, reports, orders."""
    async with Stream(sessions[0], id, "?quality=low") as one, Stream(sessions[1], id, "?quality=low") as two:
        for stream in (one, two):
            await stream.live()
        await one.send({"type": "quality_change", "quality": "medium"})
        sessions[0].get(f"/api/v1/cameras/{id}/stream/snapshot")
        await asyncio.sleep(6)
        order = STOP.format(id=one.last("info")["viewing_id"])
        said = await asyncio.to_thread(installation.manage, "shell", "-v0", "-c", order)
        assert said.startswith("True")
        assert await one.ended(5) == 4410
    await asyncio.to_thread(installation.manage, "slots")
    change = "from django.contrib.auth.models import User\nfrom streaming.limits import changes\n"
    change += 'changes.change(User.objects.get(username="admin"), {"max_concurrent": 5})'
    await asyncio.to_thread(installation.manage, "shell", "-v0", "-c", change)
