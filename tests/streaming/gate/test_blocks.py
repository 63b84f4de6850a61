"""Blocked users on a real Redis: the list, and the end of a block."""

from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from streaming.errors import StoppedByAdministratorError
from streaming.gate import stop_orders
from streaming.gate.blocks import Block, blocks, check, lift
from streaming.gate.leases import Holder
from streaming.gate.readings import read_totals
from streaming.gate.slots import Gate
from streaming.limits.admission import terms_of
from streaming.models import UserBlock
from streaming.store.keys import BLOCKED, BLOCKS, DETAILS, ORDERS
from streaming.store.scripts import Store
from tests.streaming.limits.test_admission import ADA, BASE, BOB, LOW, VIEWER, enter, gate, stack

__all__ = ["gate", "stack"]

pytestmark = pytest.mark.django_db(transaction=True)

CLEO = replace(ADA, user="Cleo", user_id="3")


async def come(stack: AsyncExitStack, gate: Gate, *holders: Holder) -> list[str]:
    return [(await enter(stack, gate, terms_of(BASE, VIEWER, holder, LOW), holder)).id for holder in holders]


async def test_blocks_are_listed_with_message_author_and_time_left(
    gate: Gate, store: Store, stack: AsyncExitStack
) -> None:
    ada, bob = await come(stack, gate, ADA, BOB)
    assert await blocks(store) == []
    await stop_orders.stop(store, ada, "Night “rest”.", 60, "anna")
    await stop_orders.stop(store, ada, "Night “rest”.", 60, "anna")  # repeated, as after a lost reply
    await stop_orders.stop(store, bob, "", 3600)
    listed = await blocks(store)
    assert [replace(block, seconds_left=0) for block in listed] == [
        Block("2", "Bob", "", 0, ""),
        Block("1", "Ada", "Night “rest”.", 0, "anna"),
    ]
    assert 3598 <= listed[0].seconds_left <= 3600 and 58 <= listed[1].seconds_left <= 60


async def test_an_unblocked_user_may_watch_and_others_stay_blocked(
    gate: Gate, store: Store, stack: AsyncExitStack
) -> None:
    for id in await come(stack, gate, ADA, BOB):
        await stop_orders.stop(store, id, "", 60)
    lifted = await lift(store, "1")
    assert lifted and lifted.user == "Ada"
    await come(stack, gate, ADA)
    with pytest.raises(StoppedByAdministratorError):
        await come(stack, gate, BOB)
    assert [block.user for block in await blocks(store)] == ["Bob"]
    assert await lift(store, "1") is None


async def test_a_block_survives_a_redis_that_loses_its_data(gate: Gate, store: Store, stack: AsyncExitStack) -> None:
    (ada,) = await come(stack, gate, ADA)
    await stop_orders.stop(store, ada, "Night", 60, "anna")
    await store.call("FLUSHALL")
    assert [(block.user, block.message, block.by) for block in await blocks(store)] == [("Ada", "Night", "anna")]
    with pytest.raises(StoppedByAdministratorError, match="Night") as refused:
        await sync_to_async(check)("1")
    assert 58 <= int(str(refused.value.facts["retry_after"])) <= 60
    await sync_to_async(check)("2")
    lifted = await lift(store, "1")
    assert lifted and lifted.user == "Ada"
    await sync_to_async(check)("1")
    assert await blocks(store) == []


async def test_a_block_of_a_worker_of_the_former_release_is_listed_and_can_be_lifted(store: Store) -> None:
    await store.call("SET", BLOCKS + "4", "a block in Redis alone", "PX", 60_000)
    await store.call("HSET", BLOCKED, "4", '{"user": "Dora", "by": "anna"}')
    assert [block.user for block in await blocks(store)] == ["Dora"]
    assert (await lift(store, "4")) is not None


async def test_the_list_ends_with_the_blocks(gate: Gate, store: Store, stack: AsyncExitStack) -> None:
    for id in await come(stack, gate, ADA, BOB):
        await stop_orders.stop(store, id, "", 60)
    await store.call("DEL", BLOCKS + "1")  # it has ended: in Redis, and in the database
    await UserBlock.objects.filter(pk="1").aupdate(until=timezone.now())
    assert [block.user for block in await blocks(store)] == ["Bob"]
    assert await store.call("HKEYS", BLOCKED) == ["2"]
    assert 0 < await store.call("PTTL", BLOCKED) <= 60_000
    await sync_to_async(check)("1")
    await store.call("SET", BLOCKS + "4", "a block without an entry in the list", "PX", 60_000)
    assert (await lift(store, "4")) is not None


async def test_stopping_a_camera_blocks_its_viewers_but_not_the_administrator(
    gate: Gate, store: Store, stack: AsyncExitStack
) -> None:
    await come(stack, gate, ADA, CLEO)
    assert await stop_orders.stop_camera(store, ADA.camera_id, "", 60, by="Cleo", spared=CLEO.user_id) == 2
    assert [(block.user, block.by) for block in await blocks(store)] == [("Ada", "Cleo")]
    await come(stack, gate, CLEO)


async def test_stopping_one_viewer_or_camera_looks_at_no_other_lease(
    gate: Gate, store: Store, stack: AsyncExitStack
) -> None:
    far = replace(CLEO, camera_id="c9")
    ada, cleo = await come(stack, gate, ADA, far)
    await store.call("HSET", DETAILS, cleo, "{")  # whoever reads it fails
    assert await stop_orders.stop(store, ada)
    assert await stop_orders.stop(store, ada, "", 60)
    assert await stop_orders.stop_camera(store, ADA.camera_id) == 1
    assert not await stop_orders.stop(store, "unknown")


async def test_a_block_stops_the_user_s_viewings_of_other_cameras_once(
    gate: Gate, store: Store, stack: AsyncExitStack
) -> None:
    await come(stack, gate, ADA, ADA, replace(ADA, camera_id="c9"), BOB)
    assert await stop_orders.stop_camera(store, ADA.camera_id, "", 60) == 3
    assert await store.call("LLEN", ORDERS + gate.worker) == 3
    assert (await read_totals(store))["stopped"] == 3
