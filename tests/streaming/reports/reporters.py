"""Reporters of workers whose viewings and limits a test sets."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from streaming.errors import GateUnavailableError
from streaming.gate.leases import Holder, Limit, Rate, Slot, Terms
from streaming.limits import policy
from streaming.reports.counters import Counters
from streaming.reports.reporter import AnswerReceiver, Order, Reporter, ReportSource
from streaming.reports.traffic import WINDOW, Traffic
from streaming.store.keys import MINUTE, MINUTES
from streaming.store.scripts import Argument, Store

ADA = Holder(user="Ada", user_id="1", camera="Yard", camera_id="c1", quality="low", address="::1", since=0)


class Watching:
    """A viewing that has sent `kbps` for a whole window, and with `drops` dropped a frame each second."""

    def __init__(self, id: str, kbps: int, *, drops: bool = False) -> None:
        self.slot: Slot | None = Slot(id, ADA, Terms((Limit("s", 1),), Rate("c1:low", 900)))
        self.traffic = Traffic(map(float, range(WINDOW + 1)).__next__)
        for _ in range(WINDOW + 1):
            self.traffic.sample()
            self.traffic.sent(kbps * 125)
            self.traffic.dropped += drops


class LosingReplies(Store):
    """With `loses`, a script runs, and its answer is lost."""

    loses = False

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        answer = await super().run(script, keys, arguments)
        if self.loses:
            raise GateUnavailableError
        return answer


def ignore(version: str, orders: list[Order]) -> None:
    pass


def reporter(
    store: Store,
    *watching: Watching,
    worker: str = "w",
    limit: int = 2,
    budget: int = 0,
    receive: AnswerReceiver = ignore,
    stills: Traffic | None = None,
) -> tuple[Reporter, Counters]:
    counters = Counters()
    limits = replace(policy.defaults(), max_concurrent=limit, max_mbps=budget / 1000)
    source = ReportSource(lambda: watching, dict, lambda: limits)
    return Reporter(store, worker, counters, source, receive, 15, stills), counters


async def minute(store: Store) -> dict[str, str]:
    (number,) = await store.call("ZRANGE", MINUTES, 0, -1)
    found = await store.call("HGETALL", MINUTE + number)
    return dict(zip(found[::2], found[1::2], strict=True))
