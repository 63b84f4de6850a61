"""Users that an administrator has blocked for a time: who they are, and how to unblock them.

A block is in Redis, where each admission checks it, and in the database, which keeps it when Redis loses its data.
"""

import json
import math
from dataclasses import dataclass
from datetime import timedelta

from asgiref.sync import sync_to_async
from django.utils import timezone

from streaming.errors import StoppedByAdministratorError
from streaming.models import UserBlock
from streaming.store.keys import BLOCKED, BLOCKS
from streaming.store.scripts import Store


@dataclass(frozen=True)
class Block:
    user_id: str
    user: str  # name at the time of the block; the id if unknown
    message: str  # to the user; may be empty
    seconds_left: int
    by: str  # name of the administrator; empty if unknown


def error_of(user_id: str) -> StoppedByAdministratorError | None:
    """Returns the error that refuses a blocked user, or None. Reads only the database, to which `save` copies
    blocks."""
    row = UserBlock.objects.filter(pk=user_id, until__gt=timezone.now()).first()
    return StoppedByAdministratorError(row.message, retry_after=_seconds_left(row)) if row else None


def check(user_id: str) -> None:
    """Raise StoppedByAdministratorError if `error_of` finds a block of the user in the database."""
    if error := error_of(user_id):
        raise error


async def blocks(store: Store) -> list[Block]:
    """Returns the blocks of users that are in force in Redis or the database, the one with the most time left
    first. If both have a block of the same user, returns that of Redis. Raises GateUnavailableError if Redis fails,
    or django.db.Error if the database fails.
    """
    stored = await sync_to_async(lambda: list(UserBlock.objects.filter(until__gt=timezone.now())))()
    found = {row.user_id: Block(row.user_id, row.user, row.message, _seconds_left(row), row.by) for row in stored}
    found |= {block.user_id: block for block in await _in_redis(store)}
    return sorted(found.values(), key=lambda block: (-block.seconds_left, block.user))


async def save(store: Store) -> None:
    """Copy the blocks of users from Redis to the database, which keeps them if Redis loses its data. Raises
    GateUnavailableError if Redis fails, or django.db.Error if the database fails.
    """
    now = timezone.now()
    rows = [
        UserBlock(block.user_id, block.user, block.message, block.by, now + timedelta(seconds=block.seconds_left))
        for block in await _in_redis(store)
    ]
    fields = ["user", "message", "by", "until"]
    await UserBlock.objects.abulk_create(rows, update_conflicts=True, unique_fields=["user_id"], update_fields=fields)


async def lift(store: Store, user_id: str) -> Block | None:
    """Remove the block of a user from Redis and the database. Returns it, or None if there was none. Raises
    GateUnavailableError if Redis fails, or django.db.Error if the database fails. After an error the user may still be
    blocked: call again.
    """
    # Read first: if the reply to gate/unblock is lost, the retry finds nothing to remove.
    known = next((block for block in await blocks(store) if block.user_id == user_id), None)
    (removed,) = await store.run("gate/unblock", [BLOCKED, BLOCKS + user_id], [user_id])
    await UserBlock.objects.filter(pk=user_id).adelete()
    return known or (Block(user_id, user_id, "", 0, "") if removed else None)


async def _in_redis(store: Store) -> list[Block]:
    answer = await store.run("gate/blocks", [BLOCKED], [BLOCKS])
    return [
        Block(id, facts["user"], message, math.ceil(left / 1000), facts["by"])
        for id, left, message, text in zip(*(answer[part::4] for part in range(4)), strict=True)
        for facts in [json.loads(text)]
    ]


def _seconds_left(row: UserBlock) -> int:
    return math.ceil((row.until - timezone.now()).total_seconds())
