"""Viewers in processes of their own, so that their CPU is not counted as the worker's."""

import asyncio
import multiprocessing
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from bench.clients import CLIENTS, Record, Watch

TOGETHER = 20  # viewers that open at once


class Crowd:
    """Viewers in `processes` processes of their own, which watch while the block lasts. Each has a picture when the
    block begins.

    `stop` ends them and returns their records in the order of `watches`. Entering the block raises ConnectionError if a
    viewer is refused or gets no picture in time. `stop` raises it if one has ended early.
    """

    def __init__(self, watches: Sequence[Watch], processes: int = 1) -> None:
        self._shares = [list(watches[number::processes]) for number in range(min(processes, len(watches)))]
        self._members: list[tuple[multiprocessing.process.BaseProcess, Connection]] = []

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        for share in self._shares:
            ours, theirs = context.Pipe()
            member = context.Process(target=_run, args=(theirs, share), daemon=True)
            member.start()
            theirs.close()
            self._members.append((member, ours))
        for _, pipe in self._members:
            if reason := pipe.recv():
                raise ConnectionError(reason)
        return self

    def stop(self) -> list[Record]:
        for _, pipe in self._members:
            pipe.send("stop")
        shares: list[list[Record]] = [pipe.recv() for _, pipe in self._members]
        records = [shares[number % len(shares)][number // len(shares)] for number in range(sum(map(len, shares)))]
        if ended := [record.ended for record in records if record.ended]:
            raise ConnectionError(f"{len(ended)} of {len(records)} viewers ended early, the first: {ended[0]}")
        return records

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member, pipe in self._members:
            pipe.close()  # a member that still watches ends then
            member.join(10)
            if member.is_alive():
                member.kill()
                member.join()


def _run(pipe: Connection, watches: list[Watch]) -> None:
    """Run viewers in this process, which is one of a Crowd. Sends "" through `pipe` when each has a picture, and
    their records when the pipe gets a message. If a viewer gets no picture, sends the error instead, and returns.
    """
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError):  # the parent has died, or ends this process
        asyncio.run(_watch(pipe, watches))


async def _watch(pipe: Connection, watches: list[Watch]) -> None:
    clients = [CLIENTS[watch.kind](watch) for watch in watches]
    try:
        for start in range(0, len(clients), TOGETHER):
            batch = clients[start : start + TOGETHER]
            await asyncio.gather(*(client.open() for client in batch))
            await asyncio.gather(*(client.picture() for client in batch))
    except (OSError, TimeoutError) as error:
        pipe.send(str(error) or "no picture in time")
        return
    pipe.send("")
    await _readable(pipe)
    pipe.recv()
    pipe.send([client.record for client in clients])
    await asyncio.gather(*(client.close() for client in clients))


async def _readable(pipe: Connection) -> None:
    ready = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), ready.set)
    await ready.wait()
    asyncio.get_running_loop().remove_reader(pipe.fileno())
