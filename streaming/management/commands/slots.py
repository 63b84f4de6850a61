"""The command `manage.py slots` lists the running streams, the worker processes and the blocked users. Instead,
--free ID ends a stream, and --unblock USER (a user's name) lifts a block.
"""

import asyncio
import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.core.management.base import BaseCommand, CommandError

from streaming import runtime
from streaming.errors import GateUnavailableError
from streaming.gate import blocks, stop_orders
from streaming.gate.leases import Usage
from streaming.gate.readings import read_holders, read_usage, revoke
from streaming.limits import policy
from streaming.store.keys import store_url
from streaming.store.scripts import Store

STOP_TIMEOUT = 3.0  # seconds for the worker to end the stream, so that its viewer gets a message


class Command(BaseCommand):
    help = "List the holders of slots, the workers and the blocked users. Free a slot or unblock a user."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--free", metavar="ID", help="end the stream with this id; the end of the id is enough if it is unique"
        )
        parser.add_argument("--unblock", metavar="USER", help="unblock the user with this name")

    def handle(self, *args: Any, **options: Any) -> None:
        runtime.prepare()
        try:
            asyncio.run(self._run(options["free"], options["unblock"]))
        except GateUnavailableError as error:
            raise CommandError(f"The slots cannot be read. {error.complaint.in_full}") from error

    async def _run(self, ending: str | None, name: str | None) -> None:
        store = Store(store_url())
        try:
            usage = await read_usage(store)
            if name is not None:
                await self._unblock(store, name)
            elif ending is None:
                self._list(usage, (await sync_to_async(policy.load)()).max_concurrent)
                self._list_blocked(await blocks.blocks(store))
            else:
                await self._free(store, _only(usage, ending))
        finally:
            await store.close()

    def _list(self, usage: Usage, limit: int) -> None:
        self.stdout.write(f"{len(usage.holders)} of {limit} slots in use" + ", recovering" * usage.recovering)
        for id, holder in sorted(usage.holders.items(), key=lambda item: item[1].get("since", 0)):
            since = timedelta(seconds=round((usage.time - holder.get("since", usage.time)) / 1000))
            facts = (holder.get(name, "") for name in ("user", "camera", "quality", "address"))
            self.stdout.write("  ".join([id, *facts, str(since)]))
        for id, report in sorted(usage.workers.items()):
            self.stdout.write(f"worker {id}: {len(report.get('cameras', {}))} cameras open")

    def _list_blocked(self, found: list[blocks.Block]) -> None:
        for block in found:
            left = timedelta(seconds=block.seconds_left)
            self.stdout.write(
                f"blocked {block.user}: {left} left, by {block.by or 'unknown'}  {block.message}".rstrip()
            )

    async def _unblock(self, store: Store, name: str) -> None:
        found = [block for block in await blocks.blocks(store) if block.user == name]
        if not found:
            raise CommandError(f"{name} is not blocked.")
        for block in found:
            await blocks.lift(store, block.user_id)
        self.stdout.write(f"{name} can watch again.")

    async def _free(self, store: Store, id: str) -> None:
        await stop_orders.stop(store, id)
        deadline = time.monotonic() + STOP_TIMEOUT
        while time.monotonic() < deadline:
            if not await read_holders(store, [id]):
                self.stdout.write(f"{id} is free; its viewer got a message.")
                return
            await asyncio.sleep(0.1)
        await revoke(store, id)
        self.stdout.write(f"{id} is free; its worker did not answer, and ends the stream at its next heartbeat.")


def _only(usage: Usage, ending: str) -> str:
    found = [id for id in usage.holders if id.endswith(ending)]
    if len(found) != 1:
        raise CommandError(f"{len(found)} streams have an id that ends with {ending}; exactly one is required.")
    return found[0]
