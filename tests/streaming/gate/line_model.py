"""The model of the waiting line: who may get a slot after each call, decided as if everybody were looked at each time."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis
from hypothesis.stateful import invariant

from streaming.gate.lease_scripts import STORE_KEYS
from streaming.store.keys import BLOCKS, LINE, ORDERS, RATES, SERVER_SET
from streaming.store.scripts import Argument, source
from tests.streaming.gate.observed import ADDRESSES, LEASE_MS, Limits
from tests.streaming.gate.script_model import Lease, ScriptModel

CLASS = 3_000_000_000_000  # orders of a class
MOST = 9  # tickets in line
LIFE = LEASE_MS // 2
BACK = LEASE_MS // 3  # ms in which a viewer may come back
UNLIMITED = 1_000
BUDGET = "budget"
ORDINARY, CAMERA = ADDRESSES  # all sets are alike to the scripts: operators are not in this one


@dataclass(eq=False)
class Viewer(Lease):
    """One viewer, and what they ask for."""

    user: str = "1"
    kind: int = 2
    kbps: int = 0
    wait: bool = True
    former: tuple[str, str] | None = None  # "resume" or "replace", and the lease or ticket
    order: float = 0.0  # as their worker knows it

    @property
    def rank(self) -> float:
        """The order in the line, or behind the class."""
        return self.order or (self.kind + 1) * CLASS - 1


class Line:
    """The line in Redis at one moment."""

    def __init__(self, client: "redis.Redis") -> None:
        read: Any = client
        self.orders: dict[str, float] = dict(read.zrange(LINE, 0, -1, withscores=True))
        self.tickets = {id: json.loads(text) for id, text in read.hgetall(f"{LINE}:tickets").items()}
        self.alive: dict[str, float] = dict(read.zrange(f"{LINE}:alive", 0, -1, withscores=True))
        self.index: set[str] = read.smembers(f"{LINE}:queues")
        self.open: set[str] = set(read.zrange(f"{LINE}:open", 0, -1))
        self.rates: dict[str, str] = read.hgetall(RATES)
        start = f"{LINE}:queue:"
        self.queues = {
            key.removeprefix(start): dict(read.zrange(key, 0, -1, withscores=True)) for key in read.keys(f"{start}*")
        }

    def queue(self, id: str) -> str:
        """The limit that refuses a ticket: an open queue waits for the server's limit only."""
        queue: str = self.tickets[id]["queue"]
        if queue in self.open:
            return SERVER_SET
        return BUDGET if queue.startswith("budget:") else queue


class FairModel(ScriptModel):
    """Compares who has a slot with who should have one."""

    def __init__(self, client: "redis.Redis") -> None:
        self._line: Line | None = None
        super().__init__(client)
        self.told: dict[str, int] = {**self.limits.now, BUDGET: 0}  # limits that the workers will say
        self.budget = 0  # kbit/s, as said last
        self.unclaimed: set[str] = set()  # slots that were granted to those who wait
        self.is_saved = False  # older data, in another database
        self.heirs: dict[str, str] = {}  # lease or ticket -> who has got its slot or place
        self.end_grace()

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        """Slots that are granted end only by a rule."""
        self._observed = self._line = None
        text = source(script).replace("CLAIM = 3000", f"CLAIM = {LEASE_MS // 2}")
        return cast(list[Any], self.client.eval(text, len(keys), *keys, *arguments))

    def viewer(self, id: str) -> Viewer:
        return cast(Viewer, self.leases[id])

    def line(self) -> Line:
        self._line = self._line or Line(self.client)
        return self._line

    def refusing(self, viewer: Viewer, held: Iterable[str], rates: dict[str, str]) -> str:
        """The limit that refuses a viewer if these leases are held, "" if none does."""
        held = set(held) - {viewer.id}
        for key in viewer.sets:
            if sum(key in self.leases[id].sets for id in held) >= self.limits.now[key]:
                return key
        counted = sum(int(rates.get(id) or viewer.kbps) for id in held)
        fits = counted + viewer.kbps <= self.budget or (viewer.kbps > self.budget and not held)
        return BUDGET if self.budget and not fits else ""

    def is_full(self, queue: str, viewer: Viewer, held: set[str], rates: dict[str, str]) -> bool:
        if queue == BUDGET:
            return bool(self.refusing(viewer, held, rates))
        return sum(queue in self.leases[id].sets for id in held) >= self.limits.now[queue]

    def settle(
        self,
        before: Line,
        looked: set[str] | None = None,  # None: all queues
        *,
        asking: dict[str, float] | None = None,  # who asks now, and their rank
        leaving: Iterable[str] = (),
        swapped: Iterable[str] = (),
        gone: Iterable[str] = (),  # tickets that are removed
    ) -> None:
        """Compare the slots and the line with those before a call."""
        self._observed = self._line = None
        after, held, now = self.line(), self.observed.unexpired(SERVER_SET), self.observed.now
        ranks = {**before.orders, **(asking or {})}
        granted = held - self.held
        assert granted <= set(ranks), "a slot for nobody"
        assert self.held - held <= {*leaving, *swapped}, "a slot was taken away"
        lost = {id for id in set(before.orders) - set(after.orders) - held if before.alive[id] > now}
        assert lost <= {*gone, *leaving}, "a kept ticket is gone"
        if self.generation == "open":
            # A held lease may get its rate in this call, after the line was looked at.
            rates = {id: kbps for id, kbps in self.observed.rates.items() if id in granted or id in before.rates}
            stays = (self.held - set(leaving)) | set(swapped)
            if not swapped:
                self.first_come_first_served(before, after, granted, stays, looked, ranks, rates)
            for id in set(after.orders):
                was_looked_at = id not in before.orders or looked is None or before.queue(id) in looked
                if was_looked_at and after.alive[id] > now:
                    assert self.refusing(self.viewer(id), held, rates), f"{id} waits though there is a slot"
        else:
            assert granted <= set(asking or {})
        for id in granted:
            self.leases[id].admitted = self.limits.step
            if self.budget and id not in (asking or {}):
                assert int(self.observed.rates[id]) == self.viewer(id).kbps
        self.held, self.lapsed = held, set()
        self.unclaimed = (self.unclaimed | granted) - set(asking or {})

    def first_come_first_served(
        self,
        before: Line,
        after: Line,
        granted: set[str],
        stays: set[str],
        looked: set[str] | None,
        ranks: dict[str, float],
        rates: dict[str, str],
    ) -> None:
        for id in granted:
            earlier = {one for one in granted if ranks[one] < ranks[id]}
            for other in set(before.orders) & set(after.orders):
                if before.orders[other] < ranks[id] and before.alive[other] > self.observed.now:
                    waiter, queue = self.viewer(other), before.queue(other)
                    unnoticed = looked is not None and queue not in looked
                    unnoticed = unnoticed and not self.is_full(queue, waiter, stays, rates)
                    refused = self.refusing(waiter, (stays | earlier) - {id}, rates)
                    assert unnoticed or refused, f"{id} overtakes {other}"

    # The invariants.

    @invariant()
    def a_waiter_holds_no_slot(self) -> None:
        line = self.line()
        assert not set(line.orders) & set().union(*(self.observed.unexpired(key) for key in Limits().now))

    @invariant()
    def each_ticket_is_in_one_queue(self) -> None:
        line = self.line()
        assert set(line.orders) == set(line.tickets) == set(line.alive)
        assert line.index == set(line.queues)
        assert sum(map(len, line.queues.values())) == len(line.orders)
        for id, ticket in line.tickets.items():
            assert line.queues[ticket["queue"]][id] == line.orders[id] == ticket["order"]

    @invariant()
    def nothing_stays_when_nobody_waits(self) -> None:
        keys = cast(list[str], self.client.keys(f"{LINE}*"))
        if not self.client.exists(LINE):
            assert {key for key in keys if int(cast(Any, self.client.pttl(key))) < 0} <= {f"{LINE}:number"}
        limits = int(cast(Any, self.client.hlen(f"{LINE}:limits")))
        assert limits <= len(self.told)


class LineModel(FairModel):
    """Asks for slots, as the workers do."""

    def ask(self, viewer: Viewer, *, reentry: bool = False) -> str:
        """Acquire, as the viewer's worker does for the first time, or again."""
        before, there = self.line(), self.is_there(viewer)
        rank = before.orders.get(viewer.id) or viewer.rank
        self.meet()
        is_open = self.generation == "open"
        if (is_open or viewer.wait or there) and not reentry:
            for key in viewer.sets:
                self.limits.change(key, self.told[key])
            self.budget = self.told[BUDGET]
        answer = self.run(
            "gate/acquire", [*STORE_KEYS, BLOCKS + viewer.user, *viewer.sets], self.arguments(viewer, reentry)
        )
        assert (answer[0] == "recovering") == (not is_open and not there and not reentry)
        assert (answer[0] == "lost") == (is_open and not there and reentry)
        after = self.line()
        former = viewer.former[1] if viewer.former else ""
        moved = {former} if former in before.orders and viewer.former and viewer.former[0] == "resume" else set()
        swapped = {former} & self.held - set(self.observed.details)
        self.note_heir(viewer, former, before, after, bool(swapped) and former in self.held)
        if answer[0] == "waits":
            is_late = viewer.id in before.orders or viewer.id not in self.heirs or answer[2] > viewer.order
            assert is_late, "somebody else has this place"
            viewer.order = answer[2]
            assert after.orders[viewer.id] == viewer.order
            assert answer[3] == sorted(after.orders, key=lambda id: (after.orders[id], id)).index(viewer.id) + 1
            assert answer[5] == len(after.orders)
        elif answer[0] == "granted":
            assert viewer.id not in after.orders
            assert len(self.observed.unexpired(SERVER_SET)) <= answer[2]
        elif answer[0] == "line_full":
            assert viewer.wait and len(before.orders) >= MOST and viewer.id not in after.orders
        elif answer[0] not in ("recovering", "lost"):
            assert answer[0] in ("full", "budget")
            assert reentry or (not viewer.wait and viewer.id not in after.orders)  # old data may hold an old ticket
        looked = {*viewer.sets, BUDGET}
        self.settle(before, looked, asking={viewer.id: rank}, swapped=swapped, gone=moved)
        assert (answer[0] == "granted") == (viewer.id in self.held)
        return str(answer[0])

    def arguments(self, viewer: Viewer, reentry: bool) -> list[Argument]:
        worker = f"w{viewer.owner}"
        wait: dict[str, Any] = {"worker": worker, "class": viewer.kind, "most": MOST, "life": LIFE, "since": 1}
        if viewer.order:
            wait["order"] = viewer.order
        options: dict[str, Any] = {"wait": wait} if viewer.wait and not reentry else {}
        if viewer.former and not reentry:
            options |= {viewer.former[0]: viewer.former[1], "replacing": wait, "orders": ORDERS}
        viewer.details = json.dumps({"user_id": viewer.user, "worker": worker})
        limits = json.dumps([self.told[key] % UNLIMITED for key in viewer.sets])
        start: list[Argument] = [viewer.id, LEASE_MS, LEASE_MS, 0, viewer.details, int(reentry), limits]
        options |= {"budget": self.told[BUDGET], "trial_budget": 0, "field": f"f{viewer.kbps}", "estimate": viewer.kbps}
        return [*start, json.dumps(options)]

    def note_heir(self, viewer: Viewer, former: str, before: Line, after: Line, swapped: bool) -> None:
        """A lease or ticket gives its slot or place to one viewer only."""
        if not former or viewer.id in before.orders or viewer.id in self.held or viewer.order:
            return
        order = after.orders.get(viewer.id, CLASS)
        if swapped or order < CLASS or (former in self.leases and order == self.viewer(former).order):
            assert self.leases[former].id not in self.heirs, "another viewer has it already"
            assert self.viewer(former).user == viewer.user
            self.heirs[former] = viewer.id
